// RUN: moe-opt %s --resolve-ranked-shaped-type-result-dims | FileCheck %s

// The sizes of a combination are those of its init, if it has one.
// CHECK-LABEL: @sizes(
// CHECK-SAME:    %[[P:.*]]: tensor<?x4x?xf32>, %[[X:.*]]: tensor<?x4x?xf32>
func.func @sizes(%p: tensor<?x4x?xf32>, %x: tensor<?x4x?xf32>, %r: !moe.routing<8>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  // CHECK: %[[Y:.*]] = moe.combine %[[P]] by %{{.*}} unweighted
  %y = moe.combine %p by %r unweighted : (tensor<?x4x?xf32>, !moe.routing<8>) -> tensor<?x4x?xf32>
  %z = moe.combine %p by %r into %x : (tensor<?x4x?xf32>, !moe.routing<8>, tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  // CHECK: %[[N:.*]] = tensor.dim %[[X]], %c0
  %n = tensor.dim %z, %c0 : tensor<?x4x?xf32>
  // CHECK: %[[M:.*]] = tensor.dim %[[X]], %c2
  %m = tensor.dim %z, %c2 : tensor<?x4x?xf32>
  // CHECK: %[[K:.*]] = tensor.dim %[[Y]], %c0
  %k = tensor.dim %y, %c0 : tensor<?x4x?xf32>
  return %n, %m, %k : index, index, index
}
