# RUN: %python %s %moe_build
"""Experts that read a row made outside of them, which compiled code may hand over in
a vector register: right from the first call of each, and as often as one likes.

    captured_vectors.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)

MODEL = """
#row = affine_map<(t, c) -> (c)>
#all = affine_map<(t, c) -> (t, c)>
func.func @main(%s: tensor<?x2xf32>, %x: tensor<?xWxf32>, %b: tensor<Wxf32>, %rounds: index) -> tensor<?xWxf32> {
  %zero = arith.constant 0 : index
  %step = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<Wxf32>
  %shift = linalg.map ins(%b : tensor<Wxf32>) outs(%e : tensor<Wxf32>) (%v: f32, %o: f32) {
    %r = arith.addf %v, %one : f32
    linalg.yield %r : f32
  }
  %r = moe.gate %s softmax top_k(1) : (tensor<?x2xf32>) -> !moe.routing<2>
  %last = scf.for %i = %zero to %rounds step %step iter_args(%h = %x) -> tensor<?xWxf32> {
    %rows = moe.dispatch %x by %r : (tensor<?xWxf32>, !moe.routing<2>) -> tensor<?xWxf32> {
    ^plus(%mine: tensor<?xWxf32>):
      %p = linalg.map ins(%shift : tensor<Wxf32>) outs(%e : tensor<Wxf32>) (%v: f32, %o: f32) {
        %m = arith.mulf %v, %v : f32
        linalg.yield %m : f32
      }
      %y = linalg.generic {indexing_maps = [#all, #row, #row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%mine, %p, %shift : tensor<?xWxf32>, tensor<Wxf32>, tensor<Wxf32>) outs(%mine : tensor<?xWxf32>) {
      ^bb0(%in: f32, %q: f32, %w: f32, %out: f32):
        %a = arith.addf %in, %q : f32
        %sum = arith.addf %a, %w : f32
        linalg.yield %sum : f32
      } -> tensor<?xWxf32>
      moe.yield %y : tensor<?xWxf32>
    }, {
    ^times(%mine: tensor<?xWxf32>):
      %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%mine, %shift : tensor<?xWxf32>, tensor<Wxf32>) outs(%mine : tensor<?xWxf32>) {
      ^bb0(%in: f32, %q: f32, %out: f32):
        %a = arith.mulf %in, %q : f32
        linalg.yield %a : f32
      } -> tensor<?xWxf32>
      moe.yield %y : tensor<?xWxf32>
    }
    %y = moe.combine %rows by %r unweighted : (tensor<?xWxf32>, !moe.routing<2>) -> tensor<?xWxf32>
    scf.yield %y : tensor<?xWxf32>
  }
  return %last : tensor<?xWxf32>
}
"""


def check(width, tokens, rounds):
    rng = np.random.default_rng(width)
    s, x, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((tokens, 2), (tokens, width), (width,)))
    shift = b + 1
    want = np.where((s.argmax(1) == 0)[:, None], x + shift * shift + shift, x * shift)
    inputs = [s, x, b, np.array(rounds)]
    CHECKS.compare(f"{width} columns, {tokens} tokens, {rounds} rounds", [want], MODEL.replace("W", str(width)), inputs, atol=1e-5)


# Vectors of 4 to 16 elements, and with a rest.
for columns in (3, 4, 6, 8, 13, 16, 17, 33):
    check(columns, 9, 1)
# More rounds than a stack has room for vectors.
check(16, 1, 300_000)
CHECKS.end()
