// RUN: moe-opt %s --split-input-file --moe-annotate-dispatches --moe-form-contractions --canonicalize | FileCheck %s

moe.parameters @gate "{0}.gate" [4] : tensor<96x64xbf16>
moe.parameters @up "{0}.up" [4] : tensor<96x64xbf16>
moe.parameters @down "{0}.down" [4] : tensor<64x96xbf16>
moe.parameters @bias "{0}.bias" [4] : tensor<64xf32>

// Gate and up share their rows and are one contraction, whatever is done with
// their sums is in its region; down begins another one, since it needs whole
// rows. The bias it starts from is added to the sum, and the weight of each row
// multiplies it.
// CHECK-DAG: #[[$COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @gated
// CHECK: ^each(%[[E:.*]]: index, %[[X:.*]]: tensor<?x64xbf16>, %[[W:.*]]: tensor<?xf32>):
// CHECK-DAG: %[[GATE:.*]] = moe.parameter @gate[%[[E]]]
// CHECK-DAG: %[[UP:.*]] = moe.parameter @up[%[[E]]]
// CHECK: %[[H:.*]] = moe.contract rows(%[[X]]) weights(%[[GATE]], %[[UP]]) outs(%{{.*}}) maps []
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK:   %[[A:.*]] = math.tanh %[[G]]
// CHECK:   %[[P:.*]] = arith.mulf %[[A]], %[[U]]
// CHECK:   %[[T:.*]] = arith.truncf %[[P]]
// CHECK:   moe.yield_element %[[T]] : bf16
// CHECK-DAG: %[[DOWN:.*]] = moe.parameter @down[%[[E]]]
// CHECK-DAG: %[[BIAS:.*]] = moe.parameter @bias[%[[E]]]
// CHECK: %[[Y:.*]] = moe.contract rows(%[[H]]) weights(%[[DOWN]]) with(%[[BIAS]], %[[W]]) outs(%{{.*}}) maps [#[[$COLUMN]], #[[$ROW]]]
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[B:.*]]: f32, %[[R:.*]]: f32):
// CHECK:   %[[Q:.*]] = arith.addf %[[S]], %[[B]]
// CHECK:   arith.mulf %[[Q]], %[[R]]
// CHECK-NOT: linalg.
// CHECK: moe.yield %[[Y]]
func.func @gated(%x: tensor<?x64xbf16>, %choice: tensor<?x2xi64>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %r = moe.route %choice : (tensor<?x2xi64>) -> !moe.routing<4>
  %rows = moe.dispatch %x by %r : (tensor<?x64xbf16>, !moe.routing<4>) -> tensor<?x64xf32> {
  ^each(%e: index, %mine: tensor<?x64xbf16>, %weight: tensor<?xf32>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %mine, %c0 : tensor<?x64xbf16>
    %gate = moe.parameter @gate[%e] : tensor<96x64xbf16>
    %up = moe.parameter @up[%e] : tensor<96x64xbf16>
    %e0 = tensor.empty(%m) : tensor<?x96xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x96xf32>) -> tensor<?x96xf32>
    %g = linalg.matmul
      indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>]
      ins(%mine, %gate : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%z : tensor<?x96xf32>) -> tensor<?x96xf32>
    %u = linalg.matmul
      indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>]
      ins(%mine, %up : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%z : tensor<?x96xf32>) -> tensor<?x96xf32>
    %e1 = tensor.empty(%m) : tensor<?x96xbf16>
    %h = linalg.map ins(%g, %u : tensor<?x96xf32>, tensor<?x96xf32>) outs(%e1 : tensor<?x96xbf16>) (%a: f32, %b: f32, %old: bf16) {
      %t = math.tanh %a : f32
      %p = arith.mulf %t, %b : f32
      %n = arith.truncf %p : f32 to bf16
      linalg.yield %n : bf16
    }
    %down = moe.parameter @down[%e] : tensor<64x96xbf16>
    %bias = moe.parameter @bias[%e] : tensor<64xf32>
    %e2 = tensor.empty(%m) : tensor<?x64xf32>
    %start = linalg.broadcast ins(%bias : tensor<64xf32>) outs(%e2 : tensor<?x64xf32>) dimensions = [0]
    %d = linalg.matmul
      indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>]
      ins(%h, %down : tensor<?x96xbf16>, tensor<64x96xbf16>) outs(%start : tensor<?x64xf32>) -> tensor<?x64xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
        ins(%d, %weight : tensor<?x64xf32>, tensor<?xf32>) outs(%e2 : tensor<?x64xf32>) {
    ^bb0(%a: f32, %w: f32, %old: f32):
      %p = arith.mulf %a, %w : f32
      linalg.yield %p : f32
    } -> tensor<?x64xf32>
    moe.yield %y : tensor<?x64xf32>
  }
  return %rows : tensor<?x64xf32>
}

// -----

// What is no product of rows with weights of the expert stays as it is, and
// convert-to-parallel.mlir has the remark.
// CHECK-LABEL: func.func @shared_weight
// CHECK: linalg.matmul
// CHECK-NOT: moe.contract
func.func @shared_weight(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %choice: tensor<?x1xi64>) -> tensor<?x8xf32> {
  %r = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<4>
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%e: index, %mine: tensor<?x8xf32>):
    %y = linalg.matmul ins(%mine, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%mine : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}
