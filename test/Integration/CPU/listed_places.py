# RUN: %python %s %moe_build
"""tensor.gather, tensor.scatter and affine arithmetic against NumPy; an index that leads
out of its tensor is an error.

    listed_places.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)


def program(arguments, result, body):
    return f"func.func @main({arguments}) -> {result} {{\n{body}\n  return %r : {result}\n}}\n"


def gather(source, indices, dims, result):
    text = f"  %r = tensor.gather %x[%i] gather_dims({dims}) : ({source}, {indices}) -> {result}"
    return program(f"%x: {source}, %i: {indices}", result, text)


def scatter(source, dest, indices, dims):
    text = f"  %r = tensor.scatter %x into %d[%i] scatter_dims({dims}) unique : ({source}, {dest}, {indices}) -> {dest}"
    return program(f"%x: {source}, %d: {dest}, %i: {indices}", dest, text)


def scattered(x, d, i, places):
    d = d.copy()
    for at in np.ndindex(i.shape[:-1]):
        d[places(*i[at])] = x[at].reshape(d[places(*i[at])].shape)
    return d


A = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
ROWS = np.array([[3], [0], [2]])
PAIRS = np.array([[[3, 1], [0, 5]], [[2, 2], [1, 0]]])
AFFINE = program("%x: tensor<?x4xf32>, %n: tensor<1xindex>", "tensor<?x4xf32>", """
  %c0 = arith.constant 0 : index
  %k = tensor.extract %n[%c0] : tensor<1xindex>
  %m = tensor.dim %x, %c0 : tensor<?x4xf32>
  %least = affine.min affine_map<(a)[b] -> (a, b floordiv 2 + 1)>(%k)[%m]
  %most = affine.max affine_map<(a) -> (a, 1)>(%least)
  %from = affine.apply affine_map<(a)[b] -> (a - b)>(%m)[%most]
  %part = tensor.extract_slice %x[%from, 0] [%most, 4] [1, 1] : tensor<?x4xf32> to tensor<?x4xf32>
  %e = tensor.empty(%most) : tensor<?x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %at = affine.apply affine_map<(a) -> ((a + 1) mod 4)>(%j)
    %v = tensor.extract %part[%i, %at] : tensor<?x4xf32>
    linalg.yield %v : f32
  } -> tensor<?x4xf32>""")
B = np.arange(28, dtype=np.float32).reshape(7, 4)
RIGHT = [
    ("rows", gather("tensor<4x5x6xf32>", "tensor<3x1xindex>", [0], "tensor<3x5x6xf32>"), [A, ROWS], A[ROWS[:, 0]]),
    ("rows kept", gather("tensor<?x?x6xf32>", "tensor<?x1xi64>", [1], "tensor<?x?x1x6xf32>"), [A, ROWS], A[:, ROWS[:, 0]].transpose(1, 0, 2)[:, :, None]),
    ("pairs", gather("tensor<4x5x6xf32>", "tensor<2x?x2xi32>", [0, 2], "tensor<2x?x5xf32>"), [A, PAIRS.astype(np.int32)],
     A[PAIRS[..., 0], :, PAIRS[..., 1]]),
    ("elements", gather("tensor<?x?x?xf32>", "tensor<2x3xindex>", [0, 1, 2], "tensor<2xf32>"), [A, np.array([[3, 4, 5], [0, 1, 2]])], A[[3, 0], [4, 1], [5, 2]]),
    ("nothing", gather("tensor<4x5x6xf32>", "tensor<?x1xindex>", [0], "tensor<?x1x5x6xf32>"), [A, ROWS[:0]], A[:0][:, None]),
    ("scattered rows", scatter("tensor<3x5x6xf32>", "tensor<4x5x6xf32>", "tensor<3x1xindex>", [0]), [-A[:3], A, ROWS],
     scattered(-A[:3], A, ROWS, lambda a: (a,))),
    ("scattered columns", scatter("tensor<?x?x?x1xf32>", "tensor<?x?x?xf32>", "tensor<?x1xi64>", [2]), [-A[:3, :4, :5, None].reshape(3, 4, 5, 1), A[:, :], ROWS],
     scattered(-A[:3, :4, :5].reshape(3, 4, 5, 1), A, ROWS, lambda a: (slice(None), slice(None), slice(a, a + 1)))),
    ("scattered elements", scatter("tensor<2x2xf32>", "tensor<4x?xf32>", "tensor<2x2x2xi32>", [0, 1]),
     [-np.ones((2, 2), np.float32), A[:, 0].copy(), PAIRS.astype(np.int32)], scattered(-np.ones((2, 2), np.float32), A[:, 0], PAIRS, lambda a, b: (a, b))),
    *((f"affine {n}", AFFINE, [B, np.array([n])], np.roll(B[7 - max(1, min(n, 4)):], -1, 1)) for n in (0, 1, 3, 9)),
]
WRONG = [(name, text, [*inputs[:-1], np.where(inputs[-1] == 3, bad, inputs[-1]).astype(inputs[-1].dtype)])
         for name, text, inputs, _ in RIGHT[:3] + RIGHT[5:8] for bad in (-1, 100)]


for name, text, inputs, want in RIGHT:
    for flags in ([], ["--trust-model"]):
        CHECKS.compare(f"{name} {flags}", [want], text, inputs, flags, rtol=0, atol=0)
for name, text, inputs in WRONG:
    try:
        CHECKS.check(name, f"index {inputs[-1].max()} is accepted: {CHECKS.evaluate(text, inputs)}")
    except moe_run.Failed as failed:
        refused = str(failed).startswith("exit 1: ") and "out of bounds" in str(failed)
        CHECKS.check(name, "" if refused else str(failed))
CHECKS.end()
