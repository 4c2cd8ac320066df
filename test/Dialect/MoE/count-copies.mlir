// RUN: moe-opt %s --moe-count-copies | FileCheck %s

// CHECK: func.func private @moe_rt_count_copy(i64)
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[A:.*]]: memref<?x4xf32>, %[[B:.*]]: memref<?x4xf32>
func.func @main(%a: memref<?x4xf32>, %b: memref<?x4xf32>) -> memref<?x4xf32> {
  // CHECK: %[[N:.*]] = memref.dim %[[A]]
  // CHECK: arith.muli %{{.*}}, %[[N]]
  // CHECK: call @moe_rt_count_copy(%{{.*}}) : (i64) -> ()
  // CHECK-NEXT: memref.copy
  memref.copy %a, %b : memref<?x4xf32> to memref<?x4xf32>
  // CHECK: call @moe_rt_count_copy
  // CHECK-NEXT: bufferization.clone
  %c = bufferization.clone %b : memref<?x4xf32> to memref<?x4xf32>
  return %c : memref<?x4xf32>
}
