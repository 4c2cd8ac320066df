// RUN: moe-opt %s --split-input-file --pass-pipeline="builtin.module(func.func(moe-return-donated))" | FileCheck %s

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[A:.*]]: memref<4xf32> {moe.donated}, %[[B:[^:]*]]: memref<4xf32>)
func.func @main(%a: memref<4xf32> {moe.donated}, %b: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>, memref<4xf32>) {
  // Of two results one is the buffer, the last; what is not given away is copied.
  // CHECK: %[[C:.*]] = bufferization.clone %[[A]]
  // CHECK: %[[D:.*]] = bufferization.clone %[[B]]
  // CHECK-NOT: bufferization.clone
  // CHECK: return %[[C]], %[[D]], %[[A]]
  %0 = bufferization.clone %a : memref<4xf32> to memref<4xf32>
  %1 = bufferization.clone %b : memref<4xf32> to memref<4xf32>
  %2 = bufferization.clone %a : memref<4xf32> to memref<4xf32>
  return %0, %1, %2 : memref<4xf32>, memref<4xf32>, memref<4xf32>
}

// -----

// What else reads the clone must not see what is written to the argument.
// CHECK-LABEL: func.func @read(
// CHECK: %[[C:.*]] = bufferization.clone
// CHECK: return %[[C]], %{{.*}}
func.func @read(%a: memref<4xf32> {moe.donated}, %i: index, %v: f32) -> (memref<4xf32>, f32) {
  %0 = bufferization.clone %a : memref<4xf32> to memref<4xf32>
  memref.store %v, %a[%i] : memref<4xf32>
  %w = memref.load %0[%i] : memref<4xf32>
  return %0, %w : memref<4xf32>, f32
}
