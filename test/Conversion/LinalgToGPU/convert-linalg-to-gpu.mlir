// RUN: moe-opt %s -split-input-file -verify-diagnostics --moe-convert-linalg-to-gpu=threads=32 | FileCheck %s

// A thread for each row; the sum over columns is carried by a loop.
// CHECK-LABEL: func.func @row_sums
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>
// CHECK: %[[ROWS:.*]] = memref.dim %[[X]], %{{.*}}
// CHECK: %[[SUMS:.*]] = gpu.alloc  (%[[ROWS]]) : memref<?xf32>
// CHECK: gpu.launch blocks
// CHECK-SAME: threads(%[[THREAD:[a-z0-9]*]], {{.*}}) in (%{{.*}} = %c32{{.*}},
// CHECK: %[[POINT:.*]] = arith.addi %{{.*}}, %[[THREAD]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[POINT]], %{{.*}}
// CHECK: scf.if %[[INSIDE]] {
// CHECK: %[[START:.*]] = memref.load %[[SUMS]][%[[POINT]]]
// CHECK: %[[SUM:.*]] = scf.for %[[K:.*]] = %{{.*}} to %c8{{.*}} step %{{.*}} iter_args(%[[PART:.*]] = %[[START]])
// CHECK: memref.load %[[X]][%[[POINT]], %[[K]]]
// CHECK-NOT: memref.store
// CHECK: memref.store %[[SUM]], %[[SUMS]][%[[POINT]]]
// CHECK-NOT: linalg.generic
func.func @row_sums(%x: memref<?x8xf32>) -> memref<?xf32> {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %y = memref.alloc(%n) : memref<?xf32>
  linalg.generic {
      indexing_maps = [affine_map<(r, k) -> (r, k)>, affine_map<(r, k) -> (r)>],
      iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x8xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %a, %s : f32
    linalg.yield %t : f32
  }
  return %y : memref<?xf32>
}

// -----

// The host reads what it decides by, and nothing else of a buffer.
// CHECK-LABEL: func.func @decide
// CHECK: %[[SLOT:.*]] = memref.alloca() : memref<i64>
// CHECK: %[[ELEMENT:.*]] = memref.subview %{{.*}}[%{{.*}}] [1] [1]
// CHECK: gpu.memcpy %[[SLOT]], %[[ELEMENT]]
// CHECK: %[[VALUE:.*]] = memref.load %[[SLOT]][]
// CHECK: arith.cmpi sgt, %[[VALUE]]
// CHECK: scf.if
// CHECK: gpu.launch
// CHECK: memref.store %{{.*}}, %{{.*}} : memref<4xi64>
// CHECK: gpu.terminator
func.func @decide(%x: memref<4xi64>, %i: index) {
  %zero = arith.constant 0 : i64
  %value = memref.load %x[%i] : memref<4xi64>
  %some = arith.cmpi sgt, %value, %zero : i64
  scf.if %some {
    memref.store %zero, %x[%i] : memref<4xi64>
  }
  return
}

// -----

// A copy is a kernel as well.
// CHECK-LABEL: func.func @copy
// CHECK-NOT: memref.copy
// CHECK: gpu.launch
func.func @copy(%x: memref<?x4xf32>, %y: memref<?x4xf32, strided<[8, 1], offset: ?>>) {
  memref.copy %x, %y : memref<?x4xf32> to memref<?x4xf32, strided<[8, 1], offset: ?>>
  return
}

// -----

func.func @loop_of_tiles(%n: index) {
  // expected-error @+1 {{has no form on a device}}
  scf.forall (%i) in (%n) {
  }
  return
}
