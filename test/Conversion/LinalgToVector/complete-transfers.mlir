// RUN: moe-opt %s --moe-complete-transfers | FileCheck %s
// RUN: moe-opt %s --moe-complete-transfers --one-shot-bufferize="bufferize-function-boundaries" | FileCheck %s --check-prefix=COPIES

// A row is not all of a tensor that has fewer rows than it has columns.
// CHECK-LABEL: func.func @row
// CHECK: %[[W:.*]] = vector.broadcast %{{.*}} : vector<8xf32> to vector<1x8xf32>
// CHECK: vector.transfer_write %[[W]], %{{.*}} {in_bounds = [true, false]} : vector<1x8xf32>, tensor<5x6xf32>
// COPIES-LABEL: func.func @row
// COPIES: memref.copy
// COPIES: return
func.func @row(%t: tensor<5x6xf32> {bufferization.writable = false}, %v: vector<8xf32>) -> tensor<5x6xf32> {
  %c0 = arith.constant 0 : index
  %w = vector.transfer_write %v, %t[%c0, %c0] : vector<8xf32>, tensor<5x6xf32>
  return %w : tensor<5x6xf32>
}

// CHECK-LABEL: func.func @column
// CHECK: vector.transfer_write %{{.*}} {in_bounds = [true, false], permutation_map = #{{.*}}} : vector<1x8xf32>, tensor<5x6xf32>
// COPIES-LABEL: func.func @column
// COPIES: memref.copy
// COPIES: return
func.func @column(%t: tensor<5x6xf32> {bufferization.writable = false}, %v: vector<8xf32>) -> tensor<5x6xf32> {
  %c0 = arith.constant 0 : index
  %w = vector.transfer_write %v, %t[%c0, %c0] {permutation_map = affine_map<(d0, d1) -> (d0)>} : vector<8xf32>, tensor<5x6xf32>
  return %w : tensor<5x6xf32>
}

// What has the rank of the tensor, or no sizes to compare, is as it was.
// CHECK-LABEL: func.func @others
// CHECK-NOT: vector.broadcast
// COPIES-LABEL: func.func @others
func.func @others(%t: tensor<6xf32>, %d: tensor<?x6xf32>, %v: vector<8xf32>) -> (tensor<6xf32>, tensor<?x6xf32>) {
  %c0 = arith.constant 0 : index
  %w = vector.transfer_write %v, %t[%c0] : vector<8xf32>, tensor<6xf32>
  %x = vector.transfer_write %v, %d[%c0, %c0] : vector<8xf32>, tensor<?x6xf32>
  return %w, %x : tensor<6xf32>, tensor<?x6xf32>
}
