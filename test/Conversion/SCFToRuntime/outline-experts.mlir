// RUN: moe-opt %s --split-input-file --moe-outline-experts | FileCheck %s

// The function takes what the region captures, and last of all where its rows
// are put; constants, weights and slices are repeated in it.
ml_program.global private @w(dense<2.0> : tensor<4xf32>) : tensor<4xf32>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[C:.*]]: i1, %[[X:.*]]: tensor<?x4xf32>, %[[P:.*]]: tensor<?x4xf32>, %[[I:.*]]: index
// CHECK: scf.if
// CHECK:   moe.call @moe_expert_0_1(%[[X]], %[[I]]) outs(%[[P]]) : (tensor<?x4xf32>, index, tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK-NOT: scf.execute_region
func.func @main(%c: i1, %x: tensor<?x4xf32>, %packed: tensor<?x4xf32>, %i: index) -> tensor<?x4xf32> {
  %zero = arith.constant 0 : index
  %w = ml_program.global_load_const @w : tensor<4xf32>
  %row = tensor.extract_slice %x[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<4xf32>
  %r = scf.if %c -> tensor<?x4xf32> {
    %rows = scf.execute_region -> tensor<?x4xf32> no_inline {
      %e = tensor.empty() : tensor<4xf32>
      %y = linalg.mul ins(%row, %w : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      %s = tensor.insert_slice %y into %packed[%zero, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<?x4xf32>
      %put = bufferization.materialize_in_destination %s in %packed : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      scf.yield %put : tensor<?x4xf32>
    } {moe.body = "moe_expert_0_1"}
    scf.yield %rows : tensor<?x4xf32>
  } else {
    scf.yield %packed : tensor<?x4xf32>
  }
  return %r : tensor<?x4xf32>
}
// What is not a destination is read only.
// CHECK: func.func private @moe_expert_0_1(%[[X:.*]]: tensor<?x4xf32> {bufferization.writable = false}, %[[I:.*]]: index, %[[P:[^:]*]]: tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK-DAG: ml_program.global_load_const @w
// CHECK-DAG: tensor.extract_slice %[[X]][%[[I]], 0]
// CHECK: %[[ROWS:.*]] = tensor.insert_slice %{{.*}} into %[[P]]
// CHECK: return %[[ROWS]]

// -----

// A region that may be inlined stays.
// CHECK-LABEL: func.func @stays
// CHECK: scf.execute_region
func.func @stays(%m: memref<4xf32>, %i: index, %v: f32) {
  scf.execute_region {
    memref.store %v, %m[%i] : memref<4xf32>
    scf.yield
  }
  return
}

// -----

// Bodies in bodies are functions that call each other.
// CHECK-LABEL: func.func @nested
// CHECK: moe.call @outer(%{{.*}}) outs(%{{.*}})
// CHECK: func.func private @inner(
// CHECK: func.func private @outer(
// CHECK: moe.call @inner(%{{.*}}) outs(%{{.*}})
func.func @nested(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32> {
  %r = scf.execute_region -> tensor<4xf32> no_inline {
    %e = tensor.empty() : tensor<4xf32>
    %s = scf.execute_region -> tensor<4xf32> no_inline {
      %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      %p = bufferization.materialize_in_destination %y in %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      scf.yield %p : tensor<4xf32>
    } {moe.body = "inner"}
    %put = bufferization.materialize_in_destination %s in %out : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    scf.yield %put : tensor<4xf32>
  } {moe.body = "outer"}
  return %r : tensor<4xf32>
}
