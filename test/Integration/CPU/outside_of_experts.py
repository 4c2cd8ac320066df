# RUN: %python %s %moe_build
"""Work outside of experts is divided among threads: products by rows or by columns,
heads of attention, sums of rows, functions on elements, the sums of a combine. Values
are NumPy's, and bits do not depend on the number of threads.

    outside_of_experts.py BUILD
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(5)
THREADS = (1, 2, 7)


def both(name, wanted, text, inputs, **tolerances):
    """Values with each number of threads, and the same bits."""
    seen = []
    for threads in THREADS:
        got = CHECKS.evaluate(text, inputs, len(wanted), [f"--threads={threads}"])
        for result, value in zip(got, wanted, strict=True):
            CHECKS.check(f"{name}, {threads} threads",
                         None if np.allclose(result, value, **tolerances) else f"differs by {np.abs(result - value).max()}")
        seen.append([result.tobytes() for result in got])
    CHECKS.check(f"{name}: bits", None if all(bits == seen[0] for bits in seen) else "depend on the number of threads")


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


# One weight as [in, out], one as [out, in] behind a transposition.
PRODUCTS = """
func.func @main(%x: tensor<?x256xf32>, %w: tensor<256x512xf32>, %v: tensor<300x512xf32>) -> (tensor<?x512xf32>, tensor<?x300xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x256xf32>
  %e = tensor.empty(%n) : tensor<?x512xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %h = linalg.matmul ins(%x, %w : tensor<?x256xf32>, tensor<256x512xf32>) outs(%z : tensor<?x512xf32>) -> tensor<?x512xf32>
  %te = tensor.empty() : tensor<512x300xf32>
  %t = linalg.transpose ins(%v : tensor<300x512xf32>) outs(%te : tensor<512x300xf32>) permutation = [1, 0]
  %e2 = tensor.empty(%n) : tensor<?x300xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x300xf32>) -> tensor<?x300xf32>
  %y = linalg.matmul ins(%h, %t : tensor<?x512xf32>, tensor<512x300xf32>) outs(%z2 : tensor<?x300xf32>) -> tensor<?x300xf32>
  return %h, %y : tensor<?x512xf32>, tensor<?x300xf32>
}
"""
W, V = numbers(256, 512), numbers(300, 512)
for rows in (0, 1, 3, 64, 127, 128, 129, 500):
    x = numbers(rows, 256)
    both(f"products of {rows} rows", [x @ W, (x @ W) @ V.T], PRODUCTS, [x, W, V], rtol=1e-4, atol=1e-2)

# Scores of heads, a softmax that does not subtract the largest, and a single row
# against a wide table.
HEADS = """
func.func @main(%q: tensor<6x?x64xf32>, %k: tensor<6x64x?xf32>, %row: tensor<1x64xf32>, %table: tensor<5000x64xf32>)
    -> (tensor<6x?x?xf32>, tensor<6x?xf32>, tensor<1x5000xf32>) {
  %zero = arith.constant 0.0 : f32
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = tensor.dim %q, %c1 : tensor<6x?x64xf32>
  %m = tensor.dim %k, %c2 : tensor<6x64x?xf32>
  %e = tensor.empty(%n, %m) : tensor<6x?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<6x?x?xf32>) -> tensor<6x?x?xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<6x?x64xf32>, tensor<6x64x?xf32>) outs(%z : tensor<6x?x?xf32>) -> tensor<6x?x?xf32>
  %p = linalg.exp ins(%s : tensor<6x?x?xf32>) outs(%e : tensor<6x?x?xf32>) -> tensor<6x?x?xf32>
  %re = tensor.empty(%n) : tensor<6x?xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<6x?xf32>) -> tensor<6x?xf32>
  %r = linalg.reduce {arith.addf} ins(%p : tensor<6x?x?xf32>) outs(%rz : tensor<6x?xf32>) dimensions = [2]
  %le = tensor.empty() : tensor<1x5000xf32>
  %lz = linalg.fill ins(%zero : f32) outs(%le : tensor<1x5000xf32>) -> tensor<1x5000xf32>
  %l = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%row, %table : tensor<1x64xf32>, tensor<5000x64xf32>) outs(%lz : tensor<1x5000xf32>) -> tensor<1x5000xf32>
  return %p, %r, %l : tensor<6x?x?xf32>, tensor<6x?xf32>, tensor<1x5000xf32>
}
"""
for length in (1, 33, 200):
    q, k, row, table = numbers(6, length, 64) / 8, numbers(6, 64, length), numbers(1, 64), numbers(5000, 64)
    p = np.exp(q @ k)
    both(f"heads of {length} rows", [p, p.sum(-1), row @ table.T], HEADS, [q, k, row, table], rtol=1e-4, atol=1e-4)

# A combine of more tokens than a block has, some of them without an expert.
COMBINE = """
func.func @main(%x: tensor<?x40xf32>, %choice: tensor<?x3xi64>, %weights: tensor<?x3xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>) {
  %r = moe.route %choice, %weights : (tensor<?x3xi64>, tensor<?x3xf32>) -> !moe.routing<5>
  %rows = moe.dispatch %x by %r : (tensor<?x40xf32>, !moe.routing<5>) -> tensor<?x40xf32> {
  ^each(%e: index, %mine: tensor<?x40xf32>):
    moe.yield %mine : tensor<?x40xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x40xf32>, !moe.routing<5>) -> tensor<?x40xf32>
  %z = moe.combine %rows by %r into %x unweighted : (tensor<?x40xf32>, !moe.routing<5>, tensor<?x40xf32>) -> tensor<?x40xf32>
  return %y, %z : tensor<?x40xf32>, tensor<?x40xf32>
}
"""
for tokens in (1, 64, 65, 1000):
    x = numbers(tokens, 40)
    choice = RNG.integers(0, 8, (tokens, 3))  # 5, 6 and 7 are no expert
    weights = numbers(tokens, 3)
    some = choice < 5
    y = x * np.where(some, weights, 0).sum(1, keepdims=True)
    z = np.where(some.any(1, keepdims=True), x * some.sum(1, keepdims=True), x)
    both(f"combine of {tokens} tokens", [y, z], COMBINE, [x, choice, weights], rtol=1e-5, atol=1e-5)
CHECKS.end()
