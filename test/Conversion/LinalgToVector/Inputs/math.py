"""Compares math.mlir with NumPy over a sweep of all numbers of f32.

math.py MOE_RUN MODEL DIRECTORY
"""

import math
import os
import subprocess
import sys

import numpy as np

run, model, directory = sys.argv[1:4]
os.makedirs(directory, exist_ok=True)
np.seterr(all="ignore")

edges = np.array([0, 2**-149, 2**-126, 0.34, 0.35, 0.625, 1, 4, 9, 17.3, 87.4, 88.8, 103.3, 104, np.inf])
near = edges.astype(np.float32).view(np.uint32)[:, None] + np.arange(-200, 200)
bits = np.concatenate([np.arange(0, 2**32, 40961), near.ravel(), near.ravel() + 2**31])
x = (bits % 2**32).astype(np.uint32).view(np.float32)
x = np.ascontiguousarray(np.resize(x, (3, len(x) // 3 | 1)))
np.save(os.path.join(directory, "x.npy"), x)
names = ["exp", "expm1", "tanh", "erf", "log1p", "bf16", "silu"]
command = [run, model, f"--input=@{directory}/x.npy"]
subprocess.run(command + [f"--output=@{directory}/{name}.npy" for name in names], check=True)


def to_bf16(values):
    bits = values.astype(np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return np.where(np.isnan(values), values, rounded.astype(np.uint32).view(np.float32))


wide = x.astype(np.float64)
expected = {
    "exp": np.exp(wide),
    "expm1": np.expm1(wide),
    "tanh": np.tanh(wide),
    "erf": np.vectorize(math.erf)(wide),
    "log1p": np.log1p(wide),
    "bf16": to_bf16(np.exp(to_bf16(x).astype(np.float64))),
    # 1 + exp(-x) overflows before the quotient does.
    "silu": wide / (1 + np.exp(-wide).astype(np.float32).astype(np.float64)),
}
allowed = {"bf16": 2**16, "silu": 4}
for name in names:
    result, exact = np.load(f"{directory}/{name}.npy"), expected[name]
    rounded = exact.astype(np.float32)
    assert np.array_equal(np.isnan(result), np.isnan(rounded)), name
    assert np.array_equal(np.isinf(result), np.isinf(rounded)), name
    number = ~np.isnan(rounded)
    assert np.array_equal(np.signbit(result)[number], np.signbit(rounded)[number]), name
    finite = np.isfinite(rounded)
    if name == "bf16":  # processors with an instruction for it flush subnormals
        finite &= np.abs(rounded) >= 2.0**-126
    unit = np.spacing(np.maximum(np.abs(rounded), np.float32(2.0**-126))).astype(np.float64)
    error = np.where(finite, np.abs(result - exact) / unit, 0)
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error[worst] <= allowed.get(name, 4), (name, x[worst], result[worst], exact[worst])
    print(f"{name}: at most {error[worst]:.2f} units in the last place")
