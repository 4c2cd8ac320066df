// RUN: moe-opt %s --moe-lower-expand-shape | FileCheck %s
// RUN: moe-opt %s --moe-lower-expand-shape --expand-strided-metadata | FileCheck %s --check-prefix=AFTER
// AFTER-NOT: memref.expand_shape

// CHECK-LABEL: func.func @two_unknown
// CHECK-SAME: %[[x:.*]]: memref<?x4xf32>, %[[b:.*]]: index, %[[t:.*]]: index
// CHECK: %[[base:.*]], %{{.*}}, %{{.*}}:2, %[[strides:.*]]:2 = memref.extract_strided_metadata %[[x]]
// CHECK: %[[stride:.*]] = arith.muli %[[strides]]#0, %[[t]]
// CHECK: memref.reinterpret_cast %[[base]] to offset: [0], sizes: [%[[b]], %[[t]], 4], strides: [%[[stride]], 4, 1]
// CHECK-NOT: memref.expand_shape
func.func @two_unknown(%x: memref<?x4xf32>, %b: index, %t: index) -> memref<?x?x4xf32> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %t, 4] : memref<?x4xf32> into memref<?x?x4xf32>
  return %y : memref<?x?x4xf32>
}

// CHECK-LABEL: func.func @strided
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [2, %{{.*}}, 3], strides: [%{{.*}}, %{{.*}}, %{{.*}}]
func.func @strided(%x: memref<?xf32, strided<[?], offset: ?>>, %t: index) -> memref<2x?x3xf32, strided<[?, ?, ?], offset: ?>> {
  %y = memref.expand_shape %x [[0, 1, 2]] output_shape [2, %t, 3]
      : memref<?xf32, strided<[?], offset: ?>> into memref<2x?x3xf32, strided<[?, ?, ?], offset: ?>>
  return %y : memref<2x?x3xf32, strided<[?, ?, ?], offset: ?>>
}

// CHECK-LABEL: func.func @scalar
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [1, 1], strides: [1, 1]
func.func @scalar(%x: memref<f32>) -> memref<1x1xf32> {
  %y = memref.expand_shape %x [] output_shape [1, 1] : memref<f32> into memref<1x1xf32>
  return %y : memref<1x1xf32>
}
