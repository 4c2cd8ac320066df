// RUN: moe-opt %s --moe-vectorize-elementwise=target=avx2 --split-input-file --canonicalize | FileCheck %s

// Whole vectors, then one that is masked; what lacks the last dimension is
// broadcast, what is also the result is read from it.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf32>, %[[BIAS:.*]]: tensor<?xf32>, %[[SCALE:.*]]: tensor<?xf32>
// CHECK: scf.for {{.*}} iter_args(%[[OUTER:.*]] = %[[X]])
// CHECK:   scf.for {{.*}} step %c8 iter_args(%[[ROW:.*]] = %[[OUTER]])
// CHECK:     vector.transfer_read %[[ROW]]{{.*}} {in_bounds = [true]} : tensor<?x?xf32>, vector<8xf32>
// CHECK:     vector.transfer_read %[[BIAS]]
// CHECK:     %[[S:.*]] = tensor.extract %[[SCALE]]
// CHECK:     vector.broadcast %[[S]]
// CHECK:     math.exp %{{.*}} : vector<8xf32>
// CHECK:     vector.transfer_write
// CHECK:   scf.for {{.*}} step %c8
// CHECK:     vector.transfer_read %{{[^{]*}} : tensor<?x?xf32>, vector<8xf32>
func.func @rows(%x: tensor<?x?xf32>, %bias: tensor<?xf32>, %scale: tensor<?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %bias, %scale : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%x : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32, %old: f32):
    %c = arith.addf %a, %b : f32
    %d = arith.mulf %c, %s : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Indices are vectors of their own, and short rows take short vectors.
// CHECK-LABEL: func.func @indices(
// CHECK-NOT: linalg.
// CHECK: vector.step : vector<4xindex>
func.func @indices(%e: tensor<?x4xi64>) -> tensor<?x4xi64> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x4xi64>) {
  ^bb0(%old: i64):
    %j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i64
    linalg.yield %k : i64
  } -> tensor<?x4xi64>
  return %0 : tensor<?x4xi64>
}

// -----

// Booleans in memory, columns of a row-major operand, divisions that trap where
// nothing is, and reductions stay.
// CHECK-LABEL: func.func @left
// CHECK: linalg.map
// CHECK: linalg.transpose
// CHECK: linalg.map
// CHECK: linalg.reduce
// CHECK-NOT: vector
func.func @left(%m: tensor<?xi1>, %x: tensor<?xf32>, %y: tensor<?x?xf32>, %z: tensor<?xi32>) -> (tensor<?xf32>, tensor<?x?xf32>, tensor<?xi32>, tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.map ins(%m, %x : tensor<?xi1>, tensor<?xf32>) outs(%x : tensor<?xf32>) (%b: i1, %v: f32, %old: f32) {
    %s = arith.select %b, %v, %zero : f32
    linalg.yield %s : f32
  }
  %1 = linalg.transpose ins(%y : tensor<?x?xf32>) outs(%y : tensor<?x?xf32>) permutation = [1, 0]
  %2 = linalg.map { arith.divsi } ins(%z, %z : tensor<?xi32>, tensor<?xi32>) outs(%z : tensor<?xi32>)
  %3 = linalg.reduce { arith.addf } ins(%y : tensor<?x?xf32>) outs(%x : tensor<?xf32>) dimensions = [1]
  return %0, %1, %2, %3 : tensor<?xf32>, tensor<?x?xf32>, tensor<?xi32>, tensor<?xf32>
}
