// RUN: moe-opt %s --moe-decompose-aggregates | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-NOT: linalg.softmax
// CHECK: arith.max
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
func.func @softmax(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %p = linalg.softmax dimension(1) ins(%x : tensor<?x8xf32>) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %p : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @gather
// CHECK-NOT: tensor.gather
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @gather(%x: tensor<4x?xf32>, %i: tensor<?x1xi64>) -> tensor<?x?xf32> {
  %y = tensor.gather %x[%i] gather_dims([0]) : (tensor<4x?xf32>, tensor<?x1xi64>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @scatter
// CHECK-NOT: tensor.scatter
// CHECK: scf.for
// CHECK: tensor.insert_slice
func.func @scatter(%x: tensor<?x?xf32>, %d: tensor<4x?xf32>, %i: tensor<?x1xindex>) -> tensor<4x?xf32> {
  %y = tensor.scatter %x into %d[%i] scatter_dims([0]) unique : (tensor<?x?xf32>, tensor<4x?xf32>, tensor<?x1xindex>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}
