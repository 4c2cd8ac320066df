# RUN: %python %s %moe_build
"""Experts that have experts of their own, with several threads: results are those of NumPy,
each time.
"""

import os
import shutil
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-nested-")
WIDTH, OUTER, MIDDLE, INNER, ROWS = 64, 8, 4, 3, 3000

# Each level adds the number of its expert, times a power of ten. LEVEL is written once for each level.
HEAD = """
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<?xWxf32>, %n0: tensor<?x1xi64>, %n1: tensor<?x1xi64>, %n2: tensor<?x1xi64>) -> tensor<?xWxf32> {
  %c0 = arith.constant 0 : index
"""
LEAF = """
%ROWS = tensor.dim %x3, %c0 : tensor<?xWxf32>
%EMPTY = tensor.empty(%ROWS) : tensor<?xWxf32>
%LEAF = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x3 : tensor<?xWxf32>) outs(%EMPTY : tensor<?xWxf32>) {
^bb0(%a: f32, %o: f32):
  %k0 = arith.index_cast %e0 : index to i64
  %k1 = arith.index_cast %e1 : index to i64
  %k2 = arith.index_cast %e2 : index to i64
  %f0 = arith.sitofp %k0 : i64 to f32
  %f1 = arith.sitofp %k1 : i64 to f32
  %f2 = arith.sitofp %k2 : i64 to f32
  %hundred = arith.constant 100.0 : f32
  %ten = arith.constant 10.0 : f32
  %g0 = arith.mulf %f0, %hundred : f32
  %g1 = arith.mulf %f1, %ten : f32
  %s0 = arith.addf %a, %g0 : f32
  %s1 = arith.addf %s0, %g1 : f32
  %s2 = arith.addf %s1, %f2 : f32
  linalg.yield %s2 : f32
} -> tensor<?xWxf32>
"""


def level(depth, experts, inner, result):
    """The dispatch at a depth, of %x<depth> by %n<depth>, with what is inside."""
    x, mine = f"%x{depth}" if depth else "%x", f"%x{depth + 1}"
    passed = [f"%n{i}" if depth == 0 else f"%m{depth}_{i}" for i in range(depth, 3)]
    kept = [f"%m{depth + 1}_{i}" for i in range(depth + 1, 3)]
    numbers = "".join(f", {n}" for n in passed[1:])
    types = ", tensor<?x1xi64>" * len(kept)
    arguments = "".join(f", {k}: tensor<?x1xi64>" for k in kept)
    return f"""
%r{depth} = moe.route {passed[0]} : (tensor<?x1xi64>) -> !moe.routing<{experts}>
%d{depth} = moe.dispatch {x}{numbers} by %r{depth} : (tensor<?xWxf32>{types}, !moe.routing<{experts}>) -> tensor<?xWxf32> {{
^each(%e{depth}: index, {mine}: tensor<?xWxf32>{arguments}):
{inner}
  moe.yield {result} : tensor<?xWxf32>
}}
%y{depth} = moe.combine %d{depth} by %r{depth} unweighted : (tensor<?xWxf32>, !moe.routing<{experts}>) -> tensor<?xWxf32>
"""


body = level(0, OUTER, level(1, MIDDLE, level(2, INNER, LEAF, "%LEAF"), "%y2"), "%y1")
model = os.path.join(SCRATCH, "model.mlir")
with open(model, "w") as f:
    f.write(f"{HEAD}{body}\n  return %y0 : tensor<?xWxf32>\n}}\n".replace("xWx", f"x{WIDTH}x"))

rng = np.random.default_rng(1)
inputs = [rng.integers(0, 50, (ROWS, WIDTH)).astype(np.float32)]
inputs += [rng.integers(0, n, (ROWS, 1)).astype(np.int64) for n in (OUTER, MIDDLE, INNER)]
paths = [os.path.join(SCRATCH, f"input{i}.npy") for i in range(len(inputs))]
for path, values in zip(paths, inputs):
    np.save(path, values)
want = inputs[0] + 100 * inputs[1] + 10 * inputs[2] + inputs[3]

for threads in (1, 2, 4):
    for flags in ((), (), ("--benchmark", "--repetitions=5", "--benchmark-out=/dev/null"), ("--experts=all",)):
        (got,), _ = moe_run.run(BUILD, model, paths, 1, SCRATCH, flags=[f"--threads={threads}", *flags])
        assert np.array_equal(got, want), f"{threads} threads, {flags}: {np.abs(got - want).max()} off"
shutil.rmtree(SCRATCH)
