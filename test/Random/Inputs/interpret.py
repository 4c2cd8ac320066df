"""Asks the interpreter of random programs for what is known otherwise, or refused.

    interpret.py BUILD
"""

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "Inputs")]
from many import Runner
from variants import Variant, encoded

RUNNER = Runner(sys.argv[1])


def ask(text, inputs, *passes):
    variants = [{"passes": each} for each in passes or ("",)]
    answer, end = RUNNER.ask({"module": text, "inputs": [encoded(np.asarray(i)) for i in inputs], "variants": variants})
    assert answer is not None, end.fault()
    return [Variant(each) for each in answer["variants"]]


# Where both masks hold the first decides, before and after the passes.
WHERE = """
func.func @main(%x: tensor<?x2xf32>, %a: tensor<?xi1>, %b: tensor<?xi1>) -> tensor<?x2xf32> {
  %0 = moe.where %a, %b along [0] : (tensor<?xi1>, tensor<?xi1>) -> tensor<?x2xf32> {
    %s = arith.constant dense<2.0> : tensor<2xf32>
    %e = tensor.empty(%n) : tensor<?x2xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
        iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<?x2xf32>, tensor<2xf32>) outs(%e : tensor<?x2xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %m = arith.mulf %p, %q : f32
      linalg.yield %m : f32
    } -> tensor<?x2xf32>
    moe.yield %y : tensor<?x2xf32>
  }, {
    moe.yield %x : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}
""".replace("    %s =", "    %c0 = arith.constant 0 : index\n    %n = tensor.dim %x, %c0 : tensor<?x2xf32>\n    %s =", 1)
x = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32)
for variant in ask(WHERE, [x, [True, True, False, False], [True, False, True, False]], "", "moe-lower-where", "canonicalize,moe-raise-where"):
    assert not variant.error, variant.error
    assert variant.results[0].tolist() == [[2, 4], [6, 8], [5, 6], [0, 0]], variant.results

# Rows are counted; each type rounds as it does. 0.1 as f16 is 0.0999755859375.
EXPERTS = """
func.func @main(%x: tensor<?x1xf16>, %c: tensor<?x1xi32>) -> (tensor<?x1xf16>, tensor<3xi64>) {
  %r = moe.route %c : (tensor<?x1xi32>) -> !moe.routing<3>
  %rows = moe.dispatch %x by %r : (tensor<?x1xf16>, !moe.routing<3>) -> tensor<?x1xf16> {
  ^each(%e: index, %mine: tensor<?x1xf16>):
    moe.yield %mine : tensor<?x1xf16>
  }
  %y = moe.combine %rows by %r unweighted : (tensor<?x1xf16>, !moe.routing<3>) -> tensor<?x1xf16>
  %n = moe.counts %r : (!moe.routing<3>) -> tensor<3xi64>
  return %y, %n : tensor<?x1xf16>, tensor<3xi64>
}
"""
variant, = ask(EXPERTS, [np.float16([[0.1], [2], [3]]), np.int32([[2], [0], [2]])])
assert variant.rows == [[1, 0, 2]] and variant.results[0].ravel().tolist() == [0.0999755859375, 2, 3], (variant.rows, variant.results)
assert variant.results[1].view(np.int64).tolist() == [1, 0, 2]

# What is not written is seen, and what leads outside ends.
EMPTY = """
func.func @main() -> tensor<2xf32> {
  %0 = tensor.empty() : tensor<2xf32>
  return %0 : tensor<2xf32>
}
"""
assert np.isnan(ask(EMPTY, [])[0].results[0]).all()
OUTSIDE = """
func.func @main(%x: tensor<2xf32>, %i: tensor<index>) -> tensor<1xf32> {
  %n = tensor.extract %i[] : tensor<index>
  %0 = tensor.extract %x[%n] : tensor<2xf32>
  %1 = tensor.from_elements %0 : tensor<1xf32>
  return %1 : tensor<1xf32>
}
"""
assert ask(OUTSIDE, [np.float32([1, 2]), np.int64(1)])[0].results[0].tolist() == [2]
assert "outside of the tensor" in ask(OUTSIDE, [np.float32([1, 2]), np.int64(2)])[0].error
assert "passes failed" in ask(OUTSIDE, [np.float32([1, 2]), np.int64(1)], "no-such-pass")[0].error
assert ask("func.func @main(", [])[0].error
print("interpreted as it should be")
