"""Faults in the synchronisation of kernels, which the emulator finds.

    planted_faults.py BUILD

The kernels of the examples are written down, edited and run: each edit ends with an
error that names the fault, in whatever order the threads run; unedited they give the
golden values.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
sys.path[:0] = [os.path.join(SOURCE, "test", folder) for folder in ("Inputs", "Benchmarks")]
import gpu_layer
from gpu_layer import moe_run

GOLDEN = os.path.join(SOURCE, "test", "Integration", "CPU", "Inputs", "mlp_top2")
MOE_RUN = os.path.join(sys.argv[1], "bin", "moe-run")
SCRATCH = tempfile.mkdtemp(prefix="moe-faults-")
SEEDS = (1, 7, 12345)
STEMS = {"f32": "mlp_top2", "bf16": "mlp_top2_bf16"}
TOLERANCE = {"f32": 1e-5, "bf16": 3e-2}
MANY, FEW = 200, 3  # rows: about 50 and at most 3 for each expert
ALL = 1000  # so many that all stages are used again

TX = r"(nvvm\.mbarrier\.arrive\.expect_tx %\w+, )%\w+"
WAIT = r"nvvm\.mbarrier\.try_wait\.parity .*"
RACE, DEADLOCK = "races? on shared memory|race: ", "deadlock: "
# What is wrong, the element type, rows, the kernel, the line and which one of them,
# what stands in its place, and what the error says.
FAULTS = [
    ("no barrier before what one thread set up is used", "bf16", MANY, "0_1_many", r"nvvm\.barrier$", 0, "", "mbarrier|" + RACE),
    ("no barrier between writing and reading a tile", "f32", MANY, "0_0_many", r"nvvm\.barrier$", 0, "", RACE),
    ("no barrier between reading and writing a tile", "f32", MANY, "0_0_many", r"nvvm\.barrier$", 1, "", RACE),
    ("no bar.warp.sync in an epilogue", "bf16", MANY, "0_1_many", r"nvvm\.bar\.warp\.sync .*", 0, "", RACE),
    ("more bytes expected than copied", "bf16", MANY, "0_1_many", TX, 0, r"\1%planted", DEADLOCK),
    ("the producer does not wait for a free stage", "bf16", ALL, "0_1_many", WAIT, 0, "", "mbarrier .* has more arrivals|" + RACE),
    ("a stage is read before its copy has landed", "bf16", MANY, "0_1_many", WAIT, 1, "", RACE),
    ("a stage is never released", "bf16", ALL, "0_2_many", r"%\w+ = nvvm\.mbarrier\.arrive .*", 0, "", DEADLOCK),
    ("products are read that are still computed", "bf16", ALL, "0_1_many", r"nvvm\.wgmma\.wait\.group.*", 0, "", "registers of a wgmma"),
    ("a stage is released while it is read", "bf16", ALL, "0_2_many", r"wait\.group\.sync\.aligned 1", 0, "wait.group.sync.aligned 2", RACE),
    ("too many copies may be under way", "bf16", FEW, "0_1_few", r"cp\.async\.wait\.group 1", 0, "cp.async.wait.group 2", RACE),
    ("a row is read from where there is none", "f32", FEW, "0_0_many", r"(llvm\.getelementptr %arg0)\[%\w+\](.*f32)$", 0, r"\1[%far]\2",
     "reads .* of global memory at no block"),
    ("a result is written to where there is none", "f32", FEW, "0_0_many", r"(llvm\.getelementptr %arg6)\[%\w+\](.*f32)$", 0, r"\1[%far]\2",
     "writes .* of global memory at no block"),
    ("copies of cp.async are not fenced for wgmma", "gathered", MANY, "0_0_many", r"nvvm\.fence\.proxy .*", 1, "", "without a fence.proxy.async between"),
    ("a fence comes before the copies have landed", "gathered", MANY, "0_0_many", r"nvvm\.cp\.async\.wait\.group .*", 1, "", RACE),
    ("no bar.warp.sync after copies", "bf16", FEW, "0_1_few", r"nvvm\.bar\.warp\.sync .*", 0, "", RACE),
]
checks, failures = 0, []


def expect(what, condition, detail=""):
    global checks
    checks += 1
    if not condition:
        failures.append(what)
        print(f"FAIL {what}: {detail}", flush=True)


def edited(module, kernel, line, number, new):
    """The module with one line of a kernel replaced."""
    start = module.index(f"gpu.module @moe_family_{kernel}_module")
    end = module.find("gpu.module @", start + 1)
    body = module[start:end]
    found = list(re.finditer(line, body, re.M))[number]
    text = found.expand(new)
    if "%planted" in text:
        text = "%planted = llvm.mlir.constant(1048000 : i32) : i32\n" + text
    if "%far" in text:
        # Before the line, which begins with the name of its result.
        begin = body.rindex("\n", 0, found.start()) + 1
        body = body[:begin] + "%far = llvm.mlir.constant(68719476736 : i64) : i64\n" + body[begin:found.start()] + text + body[found.end():]
        return module[:start] + body + module[end:]
    return module[:start] + body[:found.start()] + text + body[found.end():] + module[end:]


class Golden:
    """An example and its golden values."""

    def __init__(self, kind):
        self.model = os.path.join(SOURCE, "docs", "examples", STEMS[kind] + ".mlir")
        self.parameters = os.path.join(GOLDEN, f"weights_{kind}.safetensors")
        self.want, self.tolerance = np.load(os.path.join(GOLDEN, f"y_1000_{kind}.npy")), TOLERANCE[kind]

    def inputs(self, rows):
        np.save(os.path.join(SCRATCH, "x.npy"), np.load(os.path.join(GOLDEN, "x_1000.npy"))[:rows])
        return [f"--input=@{SCRATCH}/x.npy"]

    def is_right(self, y, rows):
        return np.allclose(y, self.want[:rows], self.tolerance, self.tolerance)


class Gathered:
    """The layer that benchmarks time, whose rows are read where they lie."""

    def __init__(self):
        folder = os.path.join(SCRATCH, "layer")
        os.makedirs(folder)
        self.layer = gpu_layer.Layer(sys.argv[1], folder, "cuda-emulator", (8, 2, 200, 72), MANY)
        self.model, self.parameters = self.layer.path("copied.mlir"), self.layer.weights

    def inputs(self, rows):
        path = self.layer.path("x.safetensors")
        moe_run.save_safetensors(path, {"x": moe_run.BF16(self.layer.rows[:rows]), "scores": self.layer.scores[:rows]})
        return [f"--input=@{path}[x]", f"--input=@{path}[scores]"]

    def is_right(self, y, rows):
        return self.layer.away(y, self.layer.sample(rows)) <= 3e-2


def run(module, kind, rows, seed):
    """Exit status, standard error and result."""
    model, y = (os.path.join(SCRATCH, file) for file in ("model.mlir", "y.safetensors"))
    with open(model, "w") as f:
        f.write(module)
    if os.path.exists(y):
        os.remove(y)
    done = subprocess.run([MOE_RUN, model, "--trust-model", "--device=cuda-emulator", "--compile-from=machine", *MODELS[kind].inputs(rows),
                           f"--output=@{y}[y]", f"--parameters={MODELS[kind].parameters}"],
                          env={**os.environ, "MOE_EMULATOR_SEED": str(seed)}, capture_output=True, text=True, timeout=120)
    result = moe_run.plain(moe_run.load_safetensors(y)["y"]) if os.path.exists(y) else None
    return done.returncode, done.stderr.strip(), result


MODELS = {"f32": Golden("f32"), "bf16": Golden("bf16"), "gathered": Gathered()}
modules = {}
for kind, model in MODELS.items():
    command = [MOE_RUN, model.model, "--trust-model", "--device=cuda-emulator", "--compile-to=machine"]
    modules[kind] = subprocess.run(command, capture_output=True, text=True, check=True).stdout

for kind, rows in (("f32", MANY), ("bf16", ALL), ("bf16", FEW), ("gathered", MANY)):
    for seed in SEEDS:
        status, error, y = run(modules[kind], kind, rows, seed)
        right = status == 0 and y is not None and MODELS[kind].is_right(y, rows)
        expect(f"{kind}, {rows} rows, unedited, seed {seed}", right, f"exit {status}: {error}")

for what, kind, rows, kernel, line, number, new, says in FAULTS:
    module = edited(modules[kind], kernel, line, number, new)
    for seed in SEEDS:
        status, error, _ = run(module, kind, rows, seed)
        named = f"moe_family_{kernel}" in error and re.search(says, error) and "\n" not in error
        expect(f"{what}, seed {seed}", status == 1 and named, f"exit {status}: {error[:300]}")

shutil.rmtree(SCRATCH)
print(f"{checks - len(failures)} passed, {len(failures)} failed")
sys.exit(bool(failures) or not checks)
