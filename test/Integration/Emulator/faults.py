# RUN: %python %s %moe_build
"""Faults that are planted in kernels are caught: a module is printed after phase
machine, one line of a kernel is changed, and the emulator names what goes wrong.
As it was printed, it gives the values of the CPU, whatever the schedule is.
"""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-faults-")
HIDDEN, INNER, TOKENS = 320, 192, 150
failures = []


def path(name):
    return os.path.join(SCRATCH, name)


def prepare(stem, kind):
    """The example with other widths, so that the ring of stages goes round, and more than
    16 rows for each expert."""
    with open(os.path.join(SOURCE, "docs", "examples", f"{stem}.mlir")) as file:
        text = re.sub(r"(?<=[<x])(64|96)(?=x)", lambda m: {"64": str(HIDDEN), "96": str(INNER)}[m[0]], file.read())
    with open(path(f"{stem}.mlir"), "w") as file:
        file.write(text)
    rng = np.random.default_rng(7)
    draw = lambda *shape: kind((rng.normal(0, 1, shape) / np.sqrt(shape[1])).astype(np.float32))
    weights = {"router.weight": draw(8, HIDDEN)}
    for expert in range(8):
        for name, shape in (("gate_proj", (INNER, HIDDEN)), ("up_proj", (INNER, HIDDEN)), ("down_proj", (HIDDEN, INNER))):
            weights[f"experts.{expert}.{name}.weight"] = draw(*shape)
    moe_run.save_safetensors(path(f"{stem}.safetensors"), weights)
    np.save(path("x.npy"), rng.normal(0, 1, (TOKENS, HIDDEN)).astype(np.float32))


def execute(model, stem, device, seed, *flags):
    command = [os.path.join(BUILD, "bin", "moe-run"), model, f"--device={device}", f"--parameters={path(stem + '.safetensors')}",
               f"--input=@{path('x.npy')}", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "MOE_EMULATOR_SEED": str(seed)})


def run_text(text, stem, seed, *flags):
    with open(path("edited.mlir"), "w") as file:
        file.write(text)
    return execute(path("edited.mlir"), stem, "cuda-emulator", seed, "--trust-model", "--compile-from=machine", *flags)


def edit(text, kernel, pattern, replacement, which=0):
    """The text with one match of the pattern in the kernel replaced."""
    begin = text.index(f"llvm.func @{kernel}(")
    end = text.index("llvm.return", begin)
    matches = list(re.finditer(pattern, text[begin:end], re.M))
    assert len(matches) > which, f"{kernel} has no {pattern}"
    match = matches[which]
    return text[:begin + match.start()] + match.expand(replacement) + text[begin + match.end():]


def check(what, good):
    if not good:
        failures.append(what)
        print(f"FAIL {what}", flush=True)


WAIT = r"nvvm\.{}\.wait\.group(\.sync\.aligned)? 1$"
BARRIER = r"^ *nvvm\.barrier$"
MANY = "moe_family_0_2_many"
CASES = {
    "mlp_top2_bf16": (moe_run.BF16, 3e-2, [
        ("a transaction count", MANY, r"(nvvm\.mbarrier\.arrive\.expect_tx %\w+, )(%\w+)",
         r"%twice = llvm.add \2, \2 : i32\n\1%twice", "deadlock"),
        ("a stage released while it is read", MANY, WAIT.format("wgmma"), r"nvvm.wgmma.wait.group.sync.aligned 3", "race"),
        ("no barrier after the ring was made", MANY, BARRIER, "", ".*"),
    ]),
    "mlp_top2": (np.asarray, 1e-4, [
        ("no barrier between a tile and its use", "moe_family_0_0_many", BARRIER, "", "race"),
        ("no barrier between the use of a tile and the next", "moe_family_0_0_many", BARRIER, "", "race"),
    ]),
}
for stem, (kind, tolerance, faults) in CASES.items():
    prepare(stem, kind)
    model = path(f"{stem}.mlir")
    want = path("want.npy")
    done = execute(model, stem, "cpu", 1, f"--output=@{want}")
    check(f"{stem} on the CPU: {done.stderr}", done.returncode == 0)
    dump = subprocess.run([os.path.join(BUILD, "bin", "moe-run"), model, "--device=cuda-emulator", "--compile-to=machine"],
                          capture_output=True, text=True, check=True).stdout
    close = [f"--expected-output=@{want}", "--output=", f"--rtol={tolerance}", f"--atol={tolerance}"]
    for seed in (1, 2, 3):
        done = run_text(dump, stem, seed, *close)
        check(f"{stem} as printed, seed {seed}: {done.stderr}", done.returncode == 0)
    for number, (what, kernel, pattern, replacement, message) in enumerate(faults):
        which = number if pattern == BARRIER and stem == "mlp_top2" else 0
        done = run_text(edit(dump, kernel, pattern, replacement, which), stem, 1, "--output=")
        error = done.stderr.strip()
        check(f"{stem}, {what}: exit {done.returncode}, {error[:300]}",
              done.returncode == 1 and re.search(rf"error: .*{kernel}.*{message}", error) and error.count("\n") == 0)
print(f"{len(failures)} failures")
sys.exit(bool(failures))
