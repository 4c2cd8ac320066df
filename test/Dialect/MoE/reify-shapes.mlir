// RUN: moe-opt %s --resolve-ranked-shaped-type-result-dims | FileCheck %s

// The sizes of a combination are those of its init, if it has one, or else those
// of its rows and the number of tokens of the routing.
// CHECK-LABEL: @sizes(
// CHECK-SAME:    %[[P:.*]]: tensor<?x4x?xf32>, %[[X:.*]]: tensor<?x4x?xf32>
func.func @sizes(%p: tensor<?x4x?xf32>, %x: tensor<?x4x?xf32>, %r: !moe.routing<8>) -> (index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %y = moe.combine %p by %r unweighted : (tensor<?x4x?xf32>, !moe.routing<8>) -> tensor<?x4x?xf32>
  %z = moe.combine %p by %r into %x : (tensor<?x4x?xf32>, !moe.routing<8>, tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  // CHECK: %[[N:.*]] = tensor.dim %[[X]], %c0
  %n = tensor.dim %z, %c0 : tensor<?x4x?xf32>
  // CHECK: %[[M:.*]] = tensor.dim %[[X]], %c2
  %m = tensor.dim %z, %c2 : tensor<?x4x?xf32>
  // CHECK: %[[K:.*]] = moe.num_tokens
  %k = tensor.dim %y, %c0 : tensor<?x4x?xf32>
  // CHECK: %[[L:.*]] = tensor.dim %[[P]], %c2
  %l = tensor.dim %y, %c2 : tensor<?x4x?xf32>
  // CHECK: return %[[N]], %[[M]], %[[K]], %[[L]]
  return %n, %m, %k, %l : index, index, index, index
}
