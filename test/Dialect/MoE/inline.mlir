// RUN: moe-opt %s --inline | FileCheck %s

// Functions with routings and experts, into functions and into experts.

func.func private @route(%s: tensor<?x8xf32>) -> !moe.routing<8> {
  %r = moe.gate %s softmax top_k(2) normalize : (tensor<?x8xf32>) -> !moe.routing<8>
  return %r : !moe.routing<8>
}

func.func private @square(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = arith.mulf %x, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

func.func private @layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = func.call @route(%x) : (tensor<?x8xf32>) -> !moe.routing<8>
  %p = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %y = func.call @square(%mine) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  %y = moe.combine %p by %r : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func @main
// CHECK-NOT:     call
// CHECK:         %[[OUTER:.*]] = moe.gate
// CHECK:         moe.dispatch %{{.*}} by %[[OUTER]]
// CHECK-NEXT:    ^each(%expert: index, %mine: tensor<?x8xf32>):
// CHECK:           %[[INNER:.*]] = moe.gate %mine
// CHECK:           moe.dispatch %mine by %[[INNER]]
// CHECK:             arith.mulf
// CHECK:             moe.yield
// CHECK:           %[[SUM:.*]] = moe.combine %{{.*}} by %[[INNER]]
// CHECK:           moe.yield %[[SUM]]
// CHECK-NOT:     call
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = func.call @route(%x) : (tensor<?x8xf32>) -> !moe.routing<8>
  %p = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %y = func.call @layer(%mine) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %p : tensor<?x8xf32>
}
