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
    ("products are read that are still computed", "bf16", ALL, "0_1_many", r"nvvm\.wgmma\.wait\.group.*", 0, "", RACE),
    ("a stage is released while it is read", "bf16", ALL, "0_2_many", r"wait\.group\.sync\.aligned 1", 0, "wait.group.sync.aligned 2", RACE),
    ("too many copies may be under way", "bf16", FEW, "0_1_few", r"cp\.async\.wait\.group 1", 0, "cp.async.wait.group 2", RACE),
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
    return module[:start] + body[:found.start()] + text + body[found.end():] + module[end:]


def run(module, kind, rows, seed):
    """Exit status, standard error and result."""
    model, x, y = (os.path.join(SCRATCH, file) for file in ("model.mlir", "x.npy", "y.npy"))
    with open(model, "w") as f:
        f.write(module)
    np.save(x, np.load(os.path.join(GOLDEN, "x_1000.npy"))[:rows])
    if os.path.exists(y):
        os.remove(y)
    done = subprocess.run([MOE_RUN, model, "--trust-model", "--device=cuda-emulator", "--compile-from=machine", f"--input=@{x}", f"--output=@{y}",
                           "--parameters=" + os.path.join(GOLDEN, f"weights_{kind}.safetensors")],
                          env={**os.environ, "MOE_EMULATOR_SEED": str(seed)}, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr.strip(), np.load(y) if os.path.exists(y) else None


modules = {}
for kind, stem in STEMS.items():
    command = [MOE_RUN, os.path.join(SOURCE, "docs", "examples", stem + ".mlir"), "--trust-model", "--device=cuda-emulator", "--compile-to=machine"]
    modules[kind] = subprocess.run(command, capture_output=True, text=True, check=True).stdout

for kind, rows in (("f32", MANY), ("bf16", ALL), ("bf16", FEW)):
    want = np.load(os.path.join(GOLDEN, f"y_1000_{kind}.npy"))[:rows]
    for seed in SEEDS:
        status, error, y = run(modules[kind], kind, rows, seed)
        right = status == 0 and y is not None and np.allclose(y, want, TOLERANCE[kind], TOLERANCE[kind])
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
