# RUN: %python %s
"""Names of layers in the locations of frameworks, and what a text keeps of them."""

import os
import sys

sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
from moe_export import layer_names

for name, layer in (
    ("jit(f)/add", ""),
    ("jit(f)", ""),
    ("add", ""),
    ("jit(f)/block/moe/add", "block/moe"),
    ("block/moe/add", "block/moe"),
    ("jit(f)/block/jit(relu)", "block"),
    ("jit(f)/block/jit(_one_hot)/eq", "block"),
    ("jit(f)/vmap(block)/vmap()/moe/mul", "block/moe"),
    ("jit(f)/transpose(jvp(block))/mul", "block"),
    ("jit(f)/vmap(a/b)/mul", "a/b"),
    ("jit(f)/block/while/body/closed_call/moe/add", "block/moe"),
    ("jit(f)/block/while/body/eval_jaxpr/add", "block"),
    ("jit(f)/block/while/cond/lt", "block"),
    ("jit(f)/block/cond/branch_10_fun/sin", "block"),
    # Names of the user's that resemble those of JAX.
    ("jit(f)/while/add", "while"),
    ("jit(f)/body/cond/add", "body/cond"),
    ("jit(f)/block(2)/add", "block(2)"),
):
    assert layer_names.of_jax(name) == layer, (name, layer_names.of_jax(name))
# The scope of the whole model says something only where it is the only one.
assert layer_names.of_jax("jit(f)/model/moe/add", "model") == "moe"
assert layer_names.of_jax("jit(f)/model/add", "model") == "model"
assert layer_names.of_jax("jit(f)/moe/model/add", "model") == "moe/model"

given = r"""#loc = loc(unknown)
#loc1 = loc("x")
#map = affine_map<(d0) -> (d0)>
module @m attributes {s = " loc(#loc3)"} {
  func.func @main(%arg0: tensor<4xf32> {moe.name = "a loc(#loc)"} loc("x"), %arg1: i1 loc(fused<"b)">[#loc1])) -> f32 {
    %c = arith.constant 0 : index loc(#loc4)
    cf.assert %arg1, "no \" loc(#loc4)" loc(#loc4)
    %0 = linalg.generic {indexing_maps = [#map]} outs(%arg0 : tensor<4xf32>) {
    ^bb0(%out: f32 loc("a"(#loc2))):
      %5 = arith.addf %out, %out : f32 loc(#loc4)
      %6 = scf.if %arg1 -> (f32) {
        %7 = math.exp %5 : f32 loc(#loc6)
        scf.yield %7 : f32 loc(#loc)
      } else {
        scf.yield %5 : f32 loc(#loc4)
      } loc(#loc)
      linalg.yield %6 : f32 loc(#loc4)
    } -> tensor<4xf32> loc(#loc4)
    %1 = tensor.empty() : tensor<4xf32> loc(#loc5)
    %reduced = linalg.reduce ins(%0 : tensor<4xf32>) outs(%1 : tensor<f32>) dimensions = [0]
      (%in: f32 loc(#loc2), %init: f32 loc(#loc2)) {
        %5 = arith.addf %in, %init : f32 loc(#loc4)
        linalg.yield %5 : f32 loc(#loc4)
      } loc(#loc7)
    %2 = tensor.extract %reduced[] : tensor<f32> loc("quote\22\C3\A4\\"(#loc2))
    return %2 : f32 loc(#loc8)
  } loc(#loc4)
} loc(#loc)
#loc2 = loc("/tmp/model.py":3:4)
#loc3 = loc("/tmp/model.py":5:6 to :7)
#loc4 = loc("first"(#loc2))
#loc5 = loc(callsite(#loc2 at #loc3))
#loc6 = loc("second"(#loc5))
#loc7 = loc(fused<#map>[#loc2, #loc6, #loc4])
#loc8 = loc("none"(#loc3))
"""
expected = r"""#map = affine_map<(d0) -> (d0)>
module @m attributes {s = " loc(#loc3)"} {
  func.func @main(%arg0: tensor<4xf32> {moe.name = "a loc(#loc)"}, %arg1: i1) -> f32 {
    %c = arith.constant 0 : index
    cf.assert %arg1, "no \" loc(#loc4)" loc("first")
    %0 = linalg.generic {indexing_maps = [#map]} outs(%arg0 : tensor<4xf32>) {
    ^bb0(%out: f32):
      %5 = arith.addf %out, %out : f32
      %6 = scf.if %arg1 -> (f32) {
        %7 = math.exp %5 : f32 loc("second")
        scf.yield %7 : f32
      } else {
        scf.yield %5 : f32
      }
      linalg.yield %6 : f32
    } -> tensor<4xf32> loc("first")
    %1 = tensor.empty() : tensor<4xf32>
    %reduced = linalg.reduce ins(%0 : tensor<4xf32>) outs(%1 : tensor<f32>) dimensions = [0]
      (%in: f32, %init: f32) {
        %5 = arith.addf %in, %init : f32 loc("first")
        linalg.yield %5 : f32 loc("first")
      } loc("second")
    %2 = tensor.extract %reduced[] : tensor<f32> loc("quote\22\C3\A4\5C")
    return %2 : f32
  }
}
"""
kept = layer_names.keep(given, lambda name: "" if name == "none" else name)
assert kept == expected, kept
