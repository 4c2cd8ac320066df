// RUN: moe-opt %s --moe-separate-empty-tensors --split-input-file | FileCheck %s

// One destination for each result, where the shared one was; operands too.
// CHECK-LABEL: func.func @shared
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>, %[[N:.*]]: index
// CHECK-DAG: %[[A:.*]] = tensor.empty(%[[N]]) : tensor<?xf32>
// CHECK-DAG: %[[B:.*]] = tensor.empty(%[[N]]) : tensor<?xf32>
// CHECK-DAG: %[[C:.*]] = tensor.empty(%[[N]]) : tensor<?xf32>
// CHECK: linalg.exp ins(%[[X]] : tensor<?xf32>) outs(%[[FIRST:.*]] : tensor<?xf32>)
// CHECK: scf.for
// CHECK-NOT: tensor.empty
// CHECK-NOT: outs(%[[FIRST]] :
// CHECK: linalg.abs ins(%[[X]] : tensor<?xf32>) outs(%[[SECOND:.*]] : tensor<?xf32>)
// CHECK-NOT: outs(%[[FIRST]] :
// CHECK-NOT: outs(%[[SECOND]] :
// CHECK: linalg.negf
func.func @shared(%x: tensor<?xf32>, %n: index) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %e = tensor.empty(%n) : tensor<?xf32>
  %a = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %b = scf.for %i = %zero to %n step %one iter_args(%h = %a) -> tensor<?xf32> {
    %c = linalg.abs ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %c : tensor<?xf32>
  }
  %d = linalg.negf ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %a, %b, %d : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// CHECK-LABEL: func.func @alone
// CHECK-COUNT-1: tensor.empty
// CHECK-NOT: tensor.empty
func.func @alone(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %a : tensor<4xf32>
}

// -----

// Two tensors would be two buffers, and a choice between them.
// CHECK-LABEL: func.func @branches
// CHECK: %[[E:.*]] = tensor.empty
// CHECK-NOT: tensor.empty
// CHECK: outs(%[[E]] :
// CHECK: scf.yield %[[E]]
func.func @branches(%x: tensor<4xf32>, %c: i1) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = scf.if %c -> tensor<4xf32> {
    %b = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  } else {
    scf.yield %e : tensor<4xf32>
  }
  return %a : tensor<4xf32>
}
