// RUN: moe-opt %s --pass-pipeline="builtin.module(func.func(moe-decompose-contract))" | FileCheck %s

// Two sums in f32 of rows that are widened, and what the region does with them.
// CHECK-DAG: #[[$ROWS:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$WEIGHT:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[$SUM:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[$ELEMENT:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @gated
// CHECK-SAME: %[[X:.*]]: tensor<?x4xbf16>, %[[A:.*]]: tensor<8x4xbf16>, %[[B:.*]]: tensor<8x4xbf16>, %[[BIAS:.*]]: tensor<8xf32>, %[[O:.*]]: tensor<?x8xbf16>
// CHECK: linalg.fill
// CHECK: %[[G:.*]] = linalg.generic {indexing_maps = [#[[$ROWS]], #[[$WEIGHT]], #[[$SUM]]], {{.*}}} ins(%[[X]], %[[A]] :
// CHECK:   arith.extf
// CHECK:   arith.extf
// CHECK:   arith.mulf {{.*}} : f32
// CHECK:   arith.addf {{.*}} : f32
// CHECK: linalg.fill
// CHECK: %[[U:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[B]] :
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[$ELEMENT]], #[[$ELEMENT]], #[[$COLUMN]], #[[$ELEMENT]]], {{.*}}} ins(%[[G]], %[[U]], %[[BIAS]] : {{.*}}) outs(%[[O]]
// CHECK:   arith.mulf
// CHECK:   arith.addf
// CHECK:   arith.truncf
// CHECK: return %[[Y]]
// CHECK-NOT: moe.contract
func.func @gated(%x: tensor<?x4xbf16>, %a: tensor<8x4xbf16>, %b: tensor<8x4xbf16>, %bias: tensor<8xf32>, %o: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %y = moe.contract rows(%x) weights(%a, %b) with(%bias) outs(%o) maps [affine_map<(d0, d1) -> (d1)>]
      : (tensor<?x4xbf16>, tensor<8x4xbf16>, tensor<8x4xbf16>, tensor<8xf32>, tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  ^bb0(%g: f32, %u: f32, %c: f32):
    %p = arith.mulf %g, %u : f32
    %q = arith.addf %p, %c : f32
    %r = arith.truncf %q : f32 to bf16
    moe.yield_element %r : bf16
  }
  return %y : tensor<?x8xbf16>
}
