# UNSUPPORTED: sanitized
# RUN: %python %s %moe_build %cxx
"""Weights of which the file is shortened while a model runs, or before its run begins but
after they were opened: one line names the file, whoever reads them.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
import moe_run

BUILD, COMPILER = sys.argv[1:]
SCRATCH = tempfile.mkdtemp(prefix="moe-shortened-")
LIBRARY = os.path.join(SCRATCH, "shorten.so")
subprocess.run([COMPILER, "-x", "c", "-shared", "-fPIC", "-O1", os.path.join(HERE, "Inputs", "shorten.c"), "-o", LIBRARY], check=True)
failures = []


def run(what, model, tensors, inputs, shift=0, keep=None, flags=()):
    weights = os.path.join(SCRATCH, "weights.safetensors")
    moe_run.save_safetensors(weights, tensors, align=4096)
    if shift:  # into the header, so that no tensor is aligned
        with open(weights, "rb") as f:
            raw = f.read()
        size = int.from_bytes(raw[:8], "little")
        with open(weights, "wb") as f:
            f.write((size + shift).to_bytes(8, "little") + raw[8:8 + size] + b" " * shift + raw[8 + size:])
    size = os.path.getsize(weights)
    command = [os.path.join(BUILD, "bin", "moe-run"), model, f"--parameters={weights}", *inputs, "--output=", *flags]
    environment = {**os.environ, "LD_PRELOAD": LIBRARY, "SHORTEN": weights, "SHORTEN_TO": str(keep or size // 2)}
    whole = subprocess.run(command, capture_output=True, text=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()
    ok = whole.returncode == 0 and done.returncode == 1 and len(said) == 1 and "moe-run: error:" in said[0]
    ok = ok and "weights.safetensors: was shortened from" in said[0]
    print(f"{'ok  ' if ok else 'FAIL'} {what}: {done.returncode} {said} {whole.stderr}")
    if not ok:
        failures.append(what)


golden = os.path.join(HERE, "Inputs", "mlp_top2")
family = os.path.join(SOURCE, "docs", "examples", "mlp_top2.mlir")
tensors = moe_run.load_safetensors(os.path.join(golden, "weights_f32.safetensors"))
x = [f"--input=@{os.path.join(golden, 'x_32.npy')}"]
for threads in (1, 3):
    run(f"a family, {threads} threads", family, tensors, x, flags=[f"--threads={threads}"])
run("a few bytes, on no page of their own", family, tensors, x, keep=sum(t.nbytes for t in tensors.values()) + 4096 - 3)
run("a family that is misaligned", family, tensors, x, shift=1)
run("a family on a device", family, tensors, x, flags=["--device=cuda-emulator"])
run("measured", family, tensors, x, flags=["--benchmark", "--benchmark-out=/dev/null"])

model = os.path.join(SCRATCH, "mask.mlir")
with open(model, "w") as f:
    f.write("""
ml_program.global private @mask(#ml_program.extern<tensor<20000xi1>>) : tensor<20000xi1>
func.func @main() -> tensor<20000xi1> {
  %m = ml_program.global_load_const @mask : tensor<20000xi1>
  return %m : tensor<20000xi1>
}
""")
run("booleans, which are read before", model, {"mask": np.ones(20000, bool)}, [])

shutil.rmtree(SCRATCH)
sys.exit(bool(failures))
