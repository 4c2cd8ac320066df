// RUN: moe-opt %s --split-input-file --moe-define-empty-tensors | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// What is returned, read by its sizes, and handed on in another shape.
// CHECK-LABEL: @read
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: %[[Z:.*]] = linalg.fill ins(%cst{{.*}} : f32) outs(%[[E]]
// CHECK: tensor.dim %[[E]]
// CHECK: tensor.collapse_shape %[[Z]]
func.func @read(%n: index) -> (tensor<?xf32>, index) {
  %c0 = arith.constant 0 : index
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %d = tensor.dim %e, %c0 : tensor<?x2xf32>
  %r = tensor.collapse_shape %e [[0, 1]] : tensor<?x2xf32> into tensor<?xf32>
  return %r, %d : tensor<?xf32>, index
}

// -----

// CHECK-LABEL: @accumulated
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK: linalg.matmul {{.*}} outs(%[[Z]]
func.func @accumulated(%a: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %e = tensor.empty() : tensor<2x2xf32>
  %r = linalg.matmul ins(%a, %a : tensor<2x2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// A slice of it is written, the rest is read.
// CHECK-LABEL: @partly
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK: tensor.insert_slice %{{.*}} into %[[Z]]
func.func @partly(%a: tensor<2xi64>) -> tensor<4xi64> {
  %e = tensor.empty() : tensor<4xi64>
  %r = tensor.insert_slice %a into %e[1] [2] [1] : tensor<2xi64> into tensor<4xi64>
  return %r : tensor<4xi64>
}

// -----

// A reduction of no elements leaves what was there.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: @last
// CHECK: linalg.fill
func.func @last(%a: tensor<?x?xf32>, %n: index) -> tensor<?xf32> {
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : tensor<?x?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// A format without a zero.
// CHECK-LABEL: @scales
// CHECK: linalg.fill
func.func @scales() -> tensor<2xf8E8M0FNU> {
  %e = tensor.empty() : tensor<2xf8E8M0FNU>
  return %e : tensor<2xf8E8M0FNU>
}

// -----

// Where a result goes: nothing changes.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @written
// CHECK-COUNT-1: linalg.fill
// CHECK-NOT: linalg.fill
func.func @written(%a: tensor<2x2xf32>, %x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %m = linalg.matmul ins(%a, %x : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>
  %t = linalg.transpose ins(%m : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) permutation = [1, 0]
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%v: f32, %o: f32):
    %s = arith.addf %v, %v : f32
    linalg.yield %s : f32
  } -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// Columns that are put side by side until all are there.
// CHECK-LABEL: @columns
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @columns(%a: tensor<?x3xf32>, %b: tensor<?xf32>, %n: index) -> tensor<?x4xf32> {
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %l = tensor.insert_slice %a into %e[0, 0] [%n, 3] [1, 1] : tensor<?x3xf32> into tensor<?x4xf32>
  %r = tensor.insert_slice %b into %l[0, 3] [%n, 1] [1, 1] : tensor<?xf32> into tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// One column is missing; rows are missing; it is seen before all are there.
// CHECK-LABEL: @gap
// CHECK: linalg.fill
func.func @gap(%a: tensor<?x2xf32>, %b: tensor<?xf32>, %n: index) -> tensor<?x4xf32> {
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %l = tensor.insert_slice %a into %e[0, 0] [%n, 2] [1, 1] : tensor<?x2xf32> into tensor<?x4xf32>
  %r = tensor.insert_slice %b into %l[0, 3] [%n, 1] [1, 1] : tensor<?xf32> into tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// CHECK-LABEL: @other_rows
// CHECK: linalg.fill
func.func @other_rows(%a: tensor<?x3xf32>, %b: tensor<?xf32>, %n: index, %m: index) -> tensor<?x4xf32> {
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %l = tensor.insert_slice %a into %e[0, 0] [%n, 3] [1, 1] : tensor<?x3xf32> into tensor<?x4xf32>
  %r = tensor.insert_slice %b into %l[0, 3] [%m, 1] [1, 1] : tensor<?xf32> into tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// CHECK-LABEL: @seen_between
// CHECK: linalg.fill
func.func @seen_between(%a: tensor<3xf32>, %b: tensor<1xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %l = tensor.insert_slice %a into %e[0] [3] [1] : tensor<3xf32> into tensor<4xf32>
  %r = tensor.insert_slice %b into %l[3] [1] [1] : tensor<1xf32> into tensor<4xf32>
  return %l, %r : tensor<4xf32>, tensor<4xf32>
}

// -----

// Every other element.
// CHECK-LABEL: @strided
// CHECK: linalg.fill
func.func @strided(%a: tensor<2xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = tensor.insert_slice %a into %e[0] [2] [2] : tensor<2xf32> into tensor<4xf32>
  return %r : tensor<4xf32>
}
