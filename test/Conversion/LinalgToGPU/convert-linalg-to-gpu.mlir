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

// -----

// Long rows have a warp each: lanes read neighbours, and combine in pairs. One
// stores. The initial value counts once.
// CHECK-LABEL: func.func @long_rows
// CHECK: gpu.launch blocks
// CHECK: %[[POINT:.*]] = arith.addi
// CHECK: %[[LANE:.*]] = arith.remui %[[POINT]], %{{.*}}
// CHECK: %[[ROW:.*]] = arith.divui %[[POINT]], %{{.*}}
// CHECK: arith.cmpi ult, %[[ROW]]
// CHECK: %[[START:.*]] = memref.load %{{.*}}[%[[ROW]]] : memref<?xf32>
// CHECK: %[[NONE:.*]] = arith.constant -0.000000e+00 : f32
// CHECK: %[[FIRST:.*]] = arith.select %{{.*}}, %[[START]], %[[NONE]]
// CHECK: %[[SUM:.*]] = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%{{.*}} = %[[FIRST]])
// CHECK: memref.load %{{.*}}[%[[ROW]], %[[K]]]
// CHECK: %[[OTHER:.*]], %{{.*}} = gpu.shuffle xor %[[SUM]], %{{.*}}, %{{.*}} : f32
// CHECK: arith.addf %[[SUM]], %[[OTHER]]
// CHECK-COUNT-4: gpu.shuffle xor
// CHECK-NEXT: %[[ALL:.*]] = arith.addf
// CHECK: scf.if
// CHECK-NEXT: memref.store %[[ALL]], %{{.*}}[%[[ROW]]]
func.func @long_rows(%x: memref<?x32xf32>, %y: memref<?xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(r, k) -> (r, k)>, affine_map<(r, k) -> (r)>],
      iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x32xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %a, %s : f32
    linalg.yield %t : f32
  }
  return
}

// -----

// So do rows whose reduction is written as loops, round by round.
// CHECK-LABEL: func.func @second_largest
// CHECK: gpu.launch blocks
// CHECK: scf.for
// CHECK: scf.for
// CHECK: arith.maxsi
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: scf.yield
func.func @second_largest(%x: memref<?x64xi64>, %y: memref<?xi64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %low = arith.constant -1 : i64
  %high = arith.constant 1000 : i64
  linalg.generic {indexing_maps = [affine_map<(r) -> (r)>], iterator_types = ["parallel"]} outs(%y : memref<?xi64>) {
  ^bb0(%old: i64):
    %r = linalg.index 0 : index
    %bound = scf.for %i = %c0 to %c2 step %c1 iter_args(%b = %high) -> i64 {
      %largest = scf.for %k = %c0 to %c64 step %c1 iter_args(%m = %low) -> i64 {
        %v = memref.load %x[%r, %k] : memref<?x64xi64>
        %below = arith.cmpi slt, %v, %b : i64
        %w = arith.select %below, %v, %low : i64
        %n = arith.maxsi %w, %m : i64
        scf.yield %n : i64
      }
      scf.yield %largest : i64
    }
    linalg.yield %bound : i64
  }
  return
}

// -----

// No warp for columns, whose neighbours are other threads' already,
// CHECK-LABEL: func.func @columns
// CHECK-NOT: gpu.shuffle
// CHECK: return
func.func @columns(%x: memref<?x64xf32>, %w: memref<64x?xf32>, %y: memref<64xf32>, %p: memref<?x?xf32>) {
  linalg.reduce { arith.addf } ins(%x : memref<?x64xf32>) outs(%y : memref<64xf32>) dimensions = [0]
  linalg.matmul ins(%x, %w : memref<?x64xf32>, memref<64x?xf32>) outs(%p : memref<?x?xf32>)
  return
}

// -----

// nor where the order counts.
// CHECK-LABEL: func.func @in_order
// CHECK-NOT: gpu.shuffle
// CHECK: return
func.func @in_order(%x: memref<?x64xf32>, %y: memref<?xf32>, %p: memref<?xf32>) {
  linalg.reduce { arith.divf } ins(%x : memref<?x64xf32>) outs(%y : memref<?xf32>) dimensions = [1]
  linalg.generic {
      indexing_maps = [affine_map<(r, k) -> (r, k)>, affine_map<(r, k) -> (r)>],
      iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x64xf32>) outs(%p : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %h = arith.mulf %s, %a : f32
    %t = arith.addf %h, %a : f32
    linalg.yield %t : f32
  }
  return
}
