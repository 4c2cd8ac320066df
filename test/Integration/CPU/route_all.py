# RUN: %python %s %moe_build
"""Every token to every expert: what the routing says, and rows that go there and back, against
NumPy; and a number of tokens that is none.

    route_all.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)

MODEL = """func.func @main(%x: tensor<?x4xf32>, %extra: i64) -> (tensor<?x3xi1>, tensor<?x3xf32>, tensor<?x3xi64>, tensor<3xi64>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x4xf32>
  %more = arith.index_cast %extra : i64 to index
  %n = arith.addi %rows, %more : index
  %r = moe.route_all %n : !moe.routing<3>
  %m = moe.mask %r : (!moe.routing<3>) -> tensor<?x3xi1>
  %w = moe.weights %r : (!moe.routing<3>) -> tensor<?x3xf32>
  %i = moe.indices %r : (!moe.routing<3>) -> tensor<?x3xi64>
  %c = moe.counts %r : (!moe.routing<3>) -> tensor<3xi64>
  %packed = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^each(%e: index, %mine: tensor<?x4xf32>):
    %k = arith.index_cast %e : index to i64
    %f = arith.sitofp %k : i64 to f32
    %y = linalg.map ins(%mine : tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) (%v: f32, %old: f32) {
      %one = arith.constant 1.0 : f32
      %times = arith.addf %f, %one : f32
      %p = arith.mulf %v, %times : f32
      linalg.yield %p : f32
    }
    moe.yield %y : tensor<?x4xf32>
  }
  %y = moe.combine %packed by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32>
  return %m, %w, %i, %c, %y : tensor<?x3xi1>, tensor<?x3xf32>, tensor<?x3xi64>, tensor<3xi64>, tensor<?x4xf32>
}
"""

for n in (0, 1, 5, 300):
    x = np.random.default_rng(n).integers(-9, 9, (n, 4)).astype(np.float32)
    ones = np.ones((n, 3), bool)
    indices = np.broadcast_to(np.arange(3), (n, 3))
    want = [ones, ones.astype(np.float32), indices, np.full(3, n), 6 * x]
    CHECKS.compare(f"{n} tokens", want, MODEL, [x, np.int64(0)])

for extra, message in ((-2, "moe.route_all: the number of tokens is negative or more than 2^40"),
                       (2**41, "moe.route_all: the number of tokens is negative or more than 2^40"),
                       (1, "moe.dispatch: the number of rows of a token operand differs")):
    try:
        CHECKS.evaluate(MODEL, [np.ones((1, 4), np.float32), np.int64(extra)], 5)
        why = "runs"
    except moe_run.Failed as error:
        why = "" if message in str(error) else str(error)
    CHECKS.check(f"{extra} tokens more than rows", why)
CHECKS.end()
