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

// -----

// Each of two results has its own: bufferization would write both into one buffer.
// CHECK-LABEL: func.func @two
// CHECK: %[[SECOND:.*]] = tensor.empty
// CHECK: %[[FIRST:.*]] = tensor.empty
// CHECK: scf.forall {{.*}} shared_outs(%{{.*}} = %[[FIRST]], %{{.*}} = %[[SECOND]])
// CHECK: scf.yield %[[FIRST]], %[[SECOND]]
func.func @two(%x: tensor<4xf32>, %y: tensor<4xf32>, %c: i1) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %a:2 = scf.if %c -> (tensor<4xf32>, tensor<4xf32>) {
    %b:2 = scf.forall (%i) in (4) shared_outs(%o = %e, %p = %e) -> (tensor<4xf32>, tensor<4xf32>) {
      %s = tensor.extract_slice %x[%i] [1] [1] : tensor<4xf32> to tensor<1xf32>
      %t = tensor.extract_slice %y[%i] [1] [1] : tensor<4xf32> to tensor<1xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
        tensor.parallel_insert_slice %t into %p[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
      }
    }
    scf.yield %b#0, %b#1 : tensor<4xf32>, tensor<4xf32>
  } else {
    scf.yield %e, %e : tensor<4xf32>, tensor<4xf32>
  }
  return %a#0, %a#1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Each product starts from zeros of its own.
// CHECK-LABEL: func.func @starts
// CHECK: %[[A:.*]] = linalg.fill
// CHECK: %[[B:.*]] = linalg.fill
// CHECK: linalg.matmul {{.*}} outs(%[[A]] :
// CHECK: linalg.matmul {{.*}} outs(%[[B]] :
func.func @starts(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = linalg.matmul ins(%y, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A sum that two sums start from is copied for the first.
// CHECK-LABEL: @starts_of_sums
// CHECK: %[[SUM:.*]] = linalg.matmul ins(%{{.*}}, %arg1
// CHECK: %[[COPY:.*]] = linalg.copy ins(%[[SUM]]
// CHECK-DAG: linalg.matmul ins(%{{.*}}, %arg2 {{.*}} outs(%[[COPY]]
// CHECK-DAG: linalg.matmul ins(%{{.*}}, %arg3 {{.*}} outs(%[[SUM]]
func.func @starts_of_sums(%x: tensor<?x4xf32>, %u: tensor<4x4xf32>, %v: tensor<4x4xf32>, %w: tensor<4x4xf32>, %zero: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %s = linalg.matmul ins(%x, %u : tensor<?x4xf32>, tensor<4x4xf32>) outs(%zero : tensor<?x4xf32>) -> tensor<?x4xf32>
  %a = linalg.matmul ins(%x, %v : tensor<?x4xf32>, tensor<4x4xf32>) outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %a, %b : tensor<?x4xf32>, tensor<?x4xf32>
}
