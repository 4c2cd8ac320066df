// RUN: moe-opt %s --split-input-file --moe-annotate-dispatches --moe-outline-experts --canonicalize --cse | FileCheck %s

ml_program.global private @w(dense<2.0> : tensor<4xf32>) : tensor<4xf32>

// The dispatch is one of a family, whose body chooses a call.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[R:.*]]: !moe.routing<3>, %[[C:.*]]: tensor<4xf32>, %[[I:.*]]: index
// CHECK: %[[ROWS:.*]] = moe.dispatch %[[X]] by %[[R]]
// CHECK-SAME: moe.row_wise = array<i1: true, true, false>
// CHECK: ^{{.*}}(%[[E:.*]]: index, %[[MINE:.*]]: tensor<?x4xf32>, %[[WEIGHTS:.*]]: tensor<?xf32>):
// CHECK: %[[N:.*]] = tensor.dim %[[MINE]]
// CHECK: %[[OUT:.*]] = tensor.empty(%[[N]])
// CHECK: %[[Y:.*]] = moe.call %[[E]] of [@moe_expert_0_0, @moe_expert_0_1, @moe_expert_0_2](%[[MINE]], %[[WEIGHTS]], %[[C]], %[[I]]) outs(%[[OUT]])
// CHECK: moe.yield %[[Y]]
// CHECK: return %[[ROWS]]
func.func @main(%x: tensor<?x4xf32>, %r: !moe.routing<3>, %c: tensor<4xf32>, %i: index) -> tensor<?x4xf32> {
  %w = ml_program.global_load_const @w : tensor<4xf32>
  %row = tensor.extract_slice %c[%i] [4] [1] : tensor<4xf32> to tensor<4xf32>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^captures(%mine: tensor<?x4xf32>):
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.mul ins(%row, %w : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.broadcast ins(%y : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
    moe.yield %b : tensor<?x4xf32>
  }, {
  ^weights(%mine: tensor<?x4xf32>, %weights: tensor<?xf32>):
    %b = linalg.broadcast ins(%weights : tensor<?xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [1]
    moe.yield %b : tensor<?x4xf32>
  }, {
  ^mix(%mine: tensor<?x4xf32>):
    %e = tensor.empty() : tensor<4xf32>
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x4xf32>) outs(%e : tensor<4xf32>) dimensions = [0]
    %b = linalg.broadcast ins(%sum : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
    moe.yield %b : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// Functions are given the rows, what any of the bodies captures and, last, where
// their rows are put; what is not a destination is read only. Constants, weights
// and slices are repeated in them.
// CHECK: func.func private @moe_expert_0_0(%{{.*}}: tensor<?x4xf32> {bufferization.writable = false}, %{{.*}}: tensor<?xf32> {bufferization.writable = false}, %[[C:.*]]: tensor<4xf32> {bufferization.writable = false}, %[[I:.*]]: index, %[[P:[^:]*]]: tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK-DAG: ml_program.global_load_const @w
// CHECK-DAG: tensor.extract_slice %[[C]][%[[I]]]
// CHECK: %[[PUT:.*]] = tensor.insert_slice %{{.*}} into %[[P]][0, 0]
// CHECK: return %[[PUT]]
// The rows of a row-wise body are as many as it was given.
// CHECK: func.func private @moe_expert_0_1(
// CHECK-NOT: cf.assert
// CHECK: func.func private @moe_expert_0_2(
// CHECK: cf.assert %{{.*}}, "moe.dispatch: an expert yields another number of rows than it was given"

// -----

// Bodies in bodies are functions that call each other. Without a token operand
// there is one that says how many rows there are.
// CHECK-LABEL: func.func @nested
// CHECK: %[[N:.*]] = moe.num_tokens
// CHECK: %[[NONE:.*]] = tensor.empty(%[[N]]) : tensor<?xi1>
// CHECK: moe.dispatch %[[NONE]] by
// CHECK: moe.call %{{.*}} of [@moe_expert_0_0, @moe_expert_0_1](
// CHECK: func.func private @moe_expert_1_0(
// CHECK: func.func private @moe_expert_0_0(
// CHECK: moe.call %{{.*}} of [@moe_expert_1_0, @moe_expert_1_1](
func.func @nested(%r: !moe.routing<2>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %rows = moe.dispatch by %r : (!moe.routing<2>) -> tensor<?x4xf32> {
  ^outer0:
    %inner = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
    ^inner0(%mine: tensor<?x4xf32>):
      moe.yield %mine : tensor<?x4xf32>
    }, {
    ^inner1(%mine: tensor<?x4xf32>):
      moe.yield %mine : tensor<?x4xf32>
    }
    moe.yield %inner : tensor<?x4xf32>
  }, {
  ^outer1:
    moe.yield %x : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}
