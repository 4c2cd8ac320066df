# RUN: %python %s %moe_build
"""Tensors of which several dimensions are unknown are flattened and brought back,
against NumPy, trusted and not.

    free_lengths.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(5)

# Tokens of all sequences go through one matrix, and back into their sequences.
FLATTENED = """
func.func @main(%x: tensor<?x?x4xf32>, %w: tensor<4x4xf32>) -> (tensor<?x?x4xf32>, tensor<?x?x2x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x4xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?x4xf32>
  %n = arith.muli %b, %t : index
  %tokens = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>
  %empty = tensor.empty(%n) : tensor<?x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.matmul ins(%tokens, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [%b, %t, 4] : tensor<?x4xf32> into tensor<?x?x4xf32>
  %s = arith.addf %r, %x : tensor<?x?x4xf32>
  %h = tensor.expand_shape %y [[0, 1], [2, 3]] output_shape [%b, %t, 2, 2] : tensor<?x4xf32> into tensor<?x?x2x2xf32>
  return %s, %h : tensor<?x?x4xf32>, tensor<?x?x2x2xf32>
}
"""

# Every other token of a sequence of unknown width becomes three dimensions; rows of a
# slice do not follow one another in memory.
SLICED = """
func.func @main(%x: tensor<?x?xf32>, %sizes: tensor<3xi64>) -> (tensor<?x?x?x?xf32>, tensor<?x?x1x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a64 = tensor.extract %sizes[%c0] : tensor<3xi64>
  %b64 = tensor.extract %sizes[%c1] : tensor<3xi64>
  %c64 = tensor.extract %sizes[%c2] : tensor<3xi64>
  %a = arith.index_cast %a64 : i64 to index
  %b = arith.index_cast %b64 : i64 to index
  %c = arith.index_cast %c64 : i64 to index
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %half = arith.divui %m, %c2 : index
  %ab = arith.muli %a, %b : index
  %abc = arith.muli %ab, %c : index
  %part = tensor.extract_slice %x[0, 1] [%half, %abc] [2, 1] : tensor<?x?xf32> to tensor<?x?xf32>
  %four = tensor.expand_shape %part [[0], [1, 2, 3]] output_shape [%half, %a, %b, %c] : tensor<?x?xf32> into tensor<?x?x?x?xf32>
  %empty = tensor.empty(%half, %a, %b, %c) : tensor<?x?x?x?xf32>
  %double = linalg.add ins(%four, %four : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) outs(%empty : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %bc = arith.muli %b, %c : index
  %three = tensor.expand_shape %part [[0], [1, 2, 3]] output_shape [%half, %a, 1, %bc] : tensor<?x?xf32> into tensor<?x?x1x?xf32>
  return %double, %three : tensor<?x?x?x?xf32>, tensor<?x?x1x?xf32>
}
"""

# Attention of two heads: (batch, length, heads * width) to (batch * heads, length,
# width) and back, with a length that the other tensor has too.
ATTENTION = """
#scores = affine_map<(n, i, j, d) -> (n, i, j)>
func.func @main(%x: tensor<?x?x6xf32>) -> tensor<?x?x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x6xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?x6xf32>
  %n = arith.muli %b, %c2 : index
  %split = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%b, %t, 2, 3] : tensor<?x?x6xf32> into tensor<?x?x2x3xf32>
  %e0 = tensor.empty(%b, %t) : tensor<?x2x?x3xf32>
  %heads = linalg.transpose ins(%split : tensor<?x?x2x3xf32>) outs(%e0 : tensor<?x2x?x3xf32>) permutation = [0, 2, 1, 3]
  %flat = tensor.collapse_shape %heads [[0, 1], [2], [3]] : tensor<?x2x?x3xf32> into tensor<?x?x3xf32>
  %e1 = tensor.empty(%n, %t, %t) : tensor<?x?x?xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(n, i, j, d) -> (n, i, d)>, affine_map<(n, i, j, d) -> (n, j, d)>, #scores],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%flat, %flat : tensor<?x?x3xf32>, tensor<?x?x3xf32>) outs(%z1 : tensor<?x?x?xf32>) {
  ^bb0(%q: f32, %k: f32, %o: f32):
    %p = arith.mulf %q, %k : f32
    %a = arith.addf %o, %p : f32
    linalg.yield %a : f32
  } -> tensor<?x?x?xf32>
  %soft = linalg.softmax dimension(2) ins(%s : tensor<?x?x?xf32>) outs(%e1 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %e2 = tensor.empty(%n, %t) : tensor<?x?x3xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?x3xf32>) -> tensor<?x?x3xf32>
  %v = linalg.batch_matmul ins(%soft, %flat : tensor<?x?x?xf32>, tensor<?x?x3xf32>) outs(%z2 : tensor<?x?x3xf32>) -> tensor<?x?x3xf32>
  %back = tensor.expand_shape %v [[0, 1], [2], [3]] output_shape [%b, 2, %t, 3] : tensor<?x?x3xf32> into tensor<?x2x?x3xf32>
  %e3 = tensor.empty(%b, %t) : tensor<?x?x2x3xf32>
  %order = linalg.transpose ins(%back : tensor<?x2x?x3xf32>) outs(%e3 : tensor<?x?x2x3xf32>) permutation = [0, 2, 1, 3]
  %y = tensor.collapse_shape %order [[0], [1], [2, 3]] : tensor<?x?x2x3xf32> into tensor<?x?x6xf32>
  return %y : tensor<?x?x6xf32>
}
"""

# A shape that is computed, as jnp.reshape gives it, in an expert's body as well.
RESHAPED = """
func.func @main(%x: tensor<?x?x2xf32>) -> tensor<?x?x2xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x2xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?x2xf32>
  %n = arith.muli %b, %t : index
  %flat = tensor.from_elements %n, %c2 : tensor<2xindex>
  %full = tensor.from_elements %b, %t, %c2 : tensor<3xindex>
  %tokens = tensor.reshape %x(%flat) : (tensor<?x?x2xf32>, tensor<2xindex>) -> tensor<?x2xf32>
  %r = moe.gate %tokens identity threshold(0.0) weights(one) : (tensor<?x2xf32>) -> !moe.routing<2>
  %rows = moe.dispatch %tokens by %r : (tensor<?x2xf32>, !moe.routing<2>) -> tensor<?x2xf32> {
  ^each(%e: index, %mine: tensor<?x2xf32>):
    %m = tensor.dim %mine, %c0 : tensor<?x2xf32>
    %cut = tensor.expand_shape %mine [[0, 1], [2]] output_shape [%m, 1, 2] : tensor<?x2xf32> into tensor<?x1x2xf32>
    %twice = arith.addf %cut, %cut : tensor<?x1x2xf32>
    %out = tensor.collapse_shape %twice [[0, 1], [2]] : tensor<?x1x2xf32> into tensor<?x2xf32>
    moe.yield %out : tensor<?x2xf32>
  }
  %y = moe.combine %rows by %r unweighted : (tensor<?x2xf32>, !moe.routing<2>) -> tensor<?x2xf32>
  %back = tensor.reshape %y(%full) : (tensor<?x2xf32>, tensor<3xindex>) -> tensor<?x?x2xf32>
  return %back : tensor<?x?x2xf32>
}
"""


def attention(x):
    b, t, _ = x.shape
    h = x.reshape(b, t, 2, 3).transpose(0, 2, 1, 3).astype(np.float64)
    s = np.einsum("bhid,bhjd->bhij", h, h)
    p = np.exp(s - s.max(-1, keepdims=True, initial=-np.inf))
    v = p / p.sum(-1, keepdims=True) @ h
    return v.transpose(0, 2, 1, 3).reshape(b, t, 6)


def normal(*shape):
    return RNG.normal(0, 1, shape).astype(np.float32)


def cases():
    w = normal(4, 4)
    for shape in ((2, 5), (1, 1), (3, 0), (0, 4), (3, 7)):
        x = normal(*shape, 4)
        yield "flattened", FLATTENED, [x, w], [x @ w + x, (x @ w).reshape(*shape, 2, 2)]
        x = normal(*shape, 6)
        yield "attention", ATTENTION, [x], [attention(x)]
        x = normal(*shape, 2)
        yield "reshaped", RESHAPED, [x], [2 * x * (x > 0).sum(-1, keepdims=True)]
    for sizes in ((2, 3, 2), (1, 1, 5), (4, 1, 1), (3, 2, 0)):
        x = normal(6, np.prod(sizes) + 3)
        part = x[::2, 1:np.prod(sizes) + 1].reshape(3, *sizes)
        yield "sliced", SLICED, [x, np.array(sizes, np.int64)], [2 * part, part.reshape(3, sizes[0], 1, -1) if part.size else np.zeros((3, sizes[0], 1, 0), np.float32)]


for name, text, inputs, want in cases():
    for flags in ([], ["--trust-model"]):
        CHECKS.compare(f"{name} of {[v.shape for v in inputs]} {flags}", want, text, inputs, flags, rtol=1e-5, atol=1e-6)
CHECKS.end()
