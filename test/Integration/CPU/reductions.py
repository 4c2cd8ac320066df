# RUN: %python %s %moe_build
"""Reductions of rows, of lengths around those of a warp, against NumPy: sums, products
and extremes of every type, with what they start from; and those whose order counts.

    reductions.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(5)
LENGTHS = (0, 1, 31, 32, 33, 1000)

REDUCE = """
func.func @main(%x: tensor<?x?xTYPE>, %init: tensor<?xTYPE>) -> tensor<?xTYPE> {
  %0 = linalg.reduce { arith.COMBINER } ins(%x : tensor<?x?xTYPE>) outs(%init : tensor<?xTYPE>) dimensions = [1]
  return %0 : tensor<?xTYPE>
}
"""


def random(dtype, shape):
    """Numbers whose sums and products are exact in any order."""
    if dtype == np.bool_:
        return RNG.random(shape) < 0.5
    if np.issubdtype(dtype, np.integer):
        return RNG.integers(-100, 100, shape).astype(dtype)
    return RNG.integers(-8, 8, shape).astype(dtype)


COMBINERS = [
    ("addf", "f32", np.float32, np.add),
    ("addf", "f64", np.float64, np.add),
    ("addi", "i32", np.int32, np.add),
    ("addi", "i64", np.int64, np.add),
    ("muli", "i16", np.int16, np.multiply),
    ("maximumf", "f32", np.float32, np.maximum),
    ("maximumf", "f16", np.float16, np.maximum),
    ("minnumf", "f32", np.float32, np.fmin),
    ("maxsi", "i8", np.int8, np.maximum),
    ("minsi", "i64", np.int64, np.minimum),
    ("andi", "i1", np.bool_, np.logical_and),
    ("ori", "i1", np.bool_, np.logical_or),
    ("xori", "i32", np.int32, np.bitwise_xor),
]
for combiner, name, dtype, function in COMBINERS:
    for rows, length in [(3, length) for length in LENGTHS] + [(0, 40), (65, 40)]:
        x, init = random(dtype, (rows, length)), random(dtype, rows)
        if function is np.logical_and:
            x[:, :] = True
            if x.size:
                x[0, -1] = False
        if np.issubdtype(dtype, np.floating) and function is not np.add and x.size:
            x[-1, -1] = np.nan
        with np.errstate(over="ignore"):
            wanted = function.reduce(np.concatenate([init[:, None], x], axis=1), axis=1, dtype=dtype)
        text = REDUCE.replace("COMBINER", combiner).replace("TYPE", name)
        CHECKS.compare(f"{combiner} of {rows} rows of {length} {name}", [wanted], text, [x, init], rtol=0, atol=0)

# Of zeros the sign, which the order of a sum does not change.
for length in LENGTHS:
    minus = np.full((2, length), -0.0, np.float32)
    got, = CHECKS.evaluate(REDUCE.replace("COMBINER", "addf").replace("TYPE", "f32"), [minus, np.array([-0.0, 0.0], np.float32)])
    CHECKS.check(f"zeros of {length}", "" if np.signbit(got).tolist() == [True, False] else f"got {got}")

# Numbers that are no integers: their largest, a softmax, rows of a matrix, and the same
# with a product of matrices of unknown depth.
SOFTMAX = """
func.func @main(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %k = tensor.dim %x, %c1 : tensor<?x?xf32>
  %m = tensor.dim %w, %c0 : tensor<?x?xf32>
  %e = tensor.empty(%n, %k) : tensor<?x?xf32>
  %s = linalg.softmax dimension(1) ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p0 = tensor.empty(%n, %m) : tensor<?x?xf32>
  %p1 = linalg.fill ins(%zero : f32) outs(%p0 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>]
    ins(%x, %w : tensor<?x?xf32>, tensor<?x?xf32>) outs(%p1 : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %s, %p : tensor<?x?xf32>, tensor<?x?xf32>
}
"""
for length in LENGTHS:
    x = RNG.standard_normal((5, length)).astype(np.float32)
    w = RNG.standard_normal((3, length)).astype(np.float32)
    powers = np.exp(x.astype(np.float64) - np.max(x, axis=1, initial=-np.inf, keepdims=True))
    wanted = [powers / powers.sum(axis=1, keepdims=True), x.astype(np.float64) @ w.T.astype(np.float64)]
    CHECKS.compare(f"softmax and product of {length}", wanted, SOFTMAX, [x, w], rtol=1e-5, atol=1e-4)

# What may not be done in another order.
ORDERED = """
func.func @main(%x: tensor<?x?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.reduce { arith.divf } ins(%x : tensor<?x?xf32>) outs(%init : tensor<?xf32>) dimensions = [1]
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<?x?xf32>) outs(%0 : tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %half = arith.constant 0.5 : f32
    %less = arith.mulf %sum, %half : f32
    %next = arith.addf %less, %a : f32
    linalg.yield %next : f32
  } -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
"""
x, init = RNG.uniform(0.9, 1.1, (4, 50)).astype(np.float32), RNG.random(4).astype(np.float32)
wanted = init
for column in x.T:
    wanted = column / wanted
for column in x.T:
    wanted = np.float32(0.5) * wanted + column
CHECKS.compare("in order", [wanted], ORDERED, [x, init])

CHECKS.end()
