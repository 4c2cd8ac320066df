// A moe.contract that a model writes, in an expert and outside of one, is what it
// stands for: products, and what its region makes of the sums.
// RUN: moe-run %s --input="2x4xf32=1 2 3 4 5 6 7 8" --input=8x4xf32=1 --input=8xf32=10 | FileCheck %s
// RUN: moe-run %s --device=cuda-emulator --input="2x4xf32=1 2 3 4 5 6 7 8" --input=8x4xf32=1 --input=8xf32=10 | FileCheck %s
// CHECK: 2x8xf32={{\[\[}}20 20 20 20 20 20 20 20][36 36 36 36 36 36 36 36]]
// CHECK: 2x8xf32={{\[\[}}0 0 0 0 0 0 0 0][26 26 26 26 26 26 26 26]]
func.func @main(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %y = moe.contract rows(%x) weights(%w) with(%b) outs(%e) maps [affine_map<(d0, d1) -> (d1)>]
      : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32, %c: f32):
    %r = arith.addf %s, %c : f32
    moe.yield_element %r : f32
  }
  %choice = arith.constant dense<[[-1], [1]]> : tensor<2x1xi64>
  %r = moe.route %choice : (tensor<2x1xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  ^each(%k: index, %mine: tensor<?x4xf32>):
    %z = arith.constant 0 : index
    %m = tensor.dim %mine, %z : tensor<?x4xf32>
    %o = tensor.empty(%m) : tensor<?x8xf32>
    %h = moe.contract rows(%mine) weights(%w) outs(%o) maps [] : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    ^bb0(%s: f32):
      moe.yield_element %s : f32
    }
    moe.yield %h : tensor<?x8xf32>
  }
  %q = moe.combine %rows by %r : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32>
  return %y, %q : tensor<?x8xf32>, tensor<?x8xf32>
}
