// RUN: moe-opt %s --moe-annotate-dispatches=counters --moe-evaluate-all-experts --canonicalize --cse | FileCheck %s

// Bodies run by a routing of every token to every expert; the model's routing
// takes rows of what they yield. The calls that count go with the bodies.
// CHECK-LABEL: func.func @family
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[R:.*]]: !moe.routing<3>
// CHECK-DAG: %[[N:.*]] = moe.num_tokens %[[R]]
// CHECK: call @moe_rt_dispatch(
// CHECK: %[[EVERYWHERE:.*]] = moe.route_all %[[N]] : !moe.routing<3>
// CHECK: %[[ALL:.*]] = moe.dispatch %[[X]] by %[[EVERYWHERE]]
// CHECK-SAME: moe.row_wise = array<i1: true>
// CHECK:   call @moe_rt_evaluate(
// CHECK:   linalg.exp
// CHECK: %[[NUMBERS:.*]] = linalg.generic
// CHECK:   linalg.index 0
// CHECK: %[[ROWS:.*]] = moe.dispatch {{.*}}%[[NUMBERS]] by %[[R]]
// CHECK:   ^{{.*}}(%[[E:.*]]: index, {{.*}}%[[MINE:.*]]: tensor<?xindex>):
// CHECK:   %[[BASE:.*]] = arith.muli %[[E]], %[[N]]
// CHECK:   linalg.generic {{.*}} ins(%[[MINE]]
// CHECK:     %[[ROW:.*]] = arith.addi %[[BASE]], %{{.*}}
// CHECK:     tensor.extract %[[ALL]][%[[ROW]], %{{.*}}]
// CHECK-NOT: call @moe_rt_evaluate(
// CHECK: call @moe_rt_dispatch_end(
// CHECK: return %[[ROWS]]
func.func @family(%x: tensor<?x4xf32>, %r: !moe.routing<3>) -> tensor<?x4xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>):
    %y = linalg.exp ins(%mine : tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// A body that mixes rows, or that can end the run, keeps to its own; nobody goes
// to it elsewhere.
// CHECK-LABEL: func.func @some
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[R:.*]]: !moe.routing<3>
// CHECK-DAG: arith.constant dense<[true, false, false]> : tensor<3xi1>
// CHECK: moe.dispatch %[[X]] by
// CHECK-NOT: by %[[R]]
// CHECK:   linalg.exp
// CHECK: }, {
// CHECK-NOT: cf.assert
// CHECK: }, {
// CHECK-NOT: linalg.reduce
// CHECK: moe.dispatch %[[X]], %{{.*}} by %[[R]]
// CHECK-SAME: moe.row_wise = array<i1: true, false, false>
// CHECK-NOT: linalg.exp
// CHECK: }, {
// CHECK:   cf.assert
// CHECK: }, {
// CHECK:   linalg.reduce
func.func @some(%x: tensor<?x4xf32>, %r: !moe.routing<3>, %ok: i1) -> tensor<?x4xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^exp(%mine: tensor<?x4xf32>):
    %y = linalg.exp ins(%mine : tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^fail(%mine: tensor<?x4xf32>):
    cf.assert %ok, "no"
    moe.yield %mine : tensor<?x4xf32>
  }, {
  ^mix(%mine: tensor<?x4xf32>):
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x4xf32>) outs(%f : tensor<4xf32>) dimensions = [0]
    %y = linalg.broadcast ins(%sum : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// A weight of a token with an expert is 0 where it does not go there. With
// expert numbers a token may have two of them, so that the body stays.
// CHECK-LABEL: func.func @weights
// CHECK: %[[R:.*]] = moe.route %arg1, %arg2
// CHECK: %[[W:.*]] = moe.weights %[[R]]
// CHECK: %[[EVERYWHERE:.*]] = moe.route %{{.*}}, %[[W]]
// CHECK: moe.dispatch %arg0 by %[[EVERYWHERE]]
// CHECK: %[[S:.*]] = moe.route %arg3
// CHECK: moe.dispatch by %[[S]]
// CHECK-NOT: moe.dispatch
func.func @weights(%x: tensor<?x4xf32>, %mask: tensor<?x2xi1>, %w: tensor<?x2xf32>,
                   %choice: tensor<?x2xi64>) -> (tensor<?x4xf32>, tensor<?xf32>) {
  %r = moe.route %mask, %w : (tensor<?x2xi1>, tensor<?x2xf32>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>, %weights: tensor<?xf32>):
    %b = linalg.broadcast ins(%weights : tensor<?xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [1]
    moe.yield %b : tensor<?x4xf32>
  }
  %s = moe.route %choice : (tensor<?x2xi64>) -> !moe.routing<2>
  %more = moe.dispatch %rows by %s : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>, %weights: tensor<?xf32>):
    moe.yield %weights : tensor<?xf32>
  }
  return %rows, %more : tensor<?x4xf32>, tensor<?xf32>
}
