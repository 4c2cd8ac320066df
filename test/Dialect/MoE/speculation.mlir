// RUN: moe-opt --loop-invariant-code-motion %s | FileCheck %s

// What can end the run is not moved out of a loop that may not run, unless it
// can be seen not to.

moe.parameters @weights "w.{0}" [4] : tensor<2xf32>

// CHECK-LABEL: @fails
func.func @fails(%choice: tensor<?x4xi64>, %w: tensor<?x4xf32>, %x: tensor<?x2xf32>, %packed: tensor<?x2xf32>,
                 %n: index, %number: index, %a: tensor<2xf32>, %b: tensor<2xf32>, %init: tensor<2xf32>)
    -> (tensor<2xf32>, tensor<?x1xi64>, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = moe.route %choice : (tensor<?x4xi64>) -> !moe.routing<8>
  %first = moe.indices %r : (!moe.routing<8>) -> tensor<?x1xi64>
  // CHECK: scf.for
  %result:3 = scf.for %i = %c0 to %n step %c1 iter_args(%o = %init, %k = %first, %y = %x) -> (tensor<2xf32>, tensor<?x1xi64>, tensor<?x2xf32>) {
    // CHECK: moe.indices
    %indices = moe.indices %r : (!moe.routing<8>) -> tensor<?x1xi64>
    // CHECK: moe.pick
    %p = moe.pick %number [%a, %b] : tensor<2xf32>
    // CHECK: moe.parameter @
    %q = moe.parameter @weights[%number] : tensor<2xf32>
    %s = arith.addf %p, %q : tensor<2xf32>
    // CHECK: moe.route
    %other = moe.route %choice, %w : (tensor<?x4xi64>, tensor<?x4xf32>) -> !moe.routing<8>
    // CHECK: moe.dispatch
    %rows = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<8>) -> tensor<?x2xf32> {
    ^each(%expert: index, %mine: tensor<?x2xf32>):
      moe.yield %mine : tensor<?x2xf32>
    }
    // CHECK: moe.rows
    %some = moe.rows %packed by %r[1] : (tensor<?x2xf32>, !moe.routing<8>) -> tensor<?x2xf32>
    // CHECK: moe.combine
    %all = moe.combine %packed by %other : (tensor<?x2xf32>, !moe.routing<8>) -> tensor<?x2xf32>
    scf.yield %s, %indices, %all : tensor<2xf32>, tensor<?x1xi64>, tensor<?x2xf32>
  }
  return %result#0, %result#1, %result#2 : tensor<2xf32>, tensor<?x1xi64>, tensor<?x2xf32>
}

// CHECK-LABEL: @cannot_fail
func.func @cannot_fail(%choice: tensor<?x4xi64>, %x: tensor<?x2xf32>, %n: index, %a: tensor<2xf32>, %b: tensor<2xf32>)
    -> (tensor<2xf32>, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = moe.route %choice : (tensor<?x4xi64>) -> !moe.routing<4>
  // CHECK: moe.dispatch
  %rows = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<4>) -> tensor<?x2xf32> {
  ^each(%expert: index, %mine: tensor<?x2xf32>):
    // CHECK: moe.parameter @
    // CHECK: scf.for
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%y = %mine) -> tensor<?x2xf32> {
      %w = moe.parameter @weights[%expert] : tensor<2xf32>
      %z = tensor.insert_slice %w into %y[0, 0] [1, 2] [1, 1] : tensor<2xf32> into tensor<?x2xf32>
      scf.yield %z : tensor<?x2xf32>
    }
    moe.yield %y : tensor<?x2xf32>
  }
  // CHECK:     moe.pick
  // CHECK:     moe.combine
  // CHECK:     scf.for
  // CHECK-NOT: moe.
  %result:2 = scf.for %i = %c0 to %n step %c1 iter_args(%o = %a, %y = %x) -> (tensor<2xf32>, tensor<?x2xf32>) {
    %p = moe.pick %c1 [%a, %b] : tensor<2xf32>
    %all = moe.combine %rows by %r : (tensor<?x2xf32>, !moe.routing<4>) -> tensor<?x2xf32>
    scf.yield %p, %all : tensor<2xf32>, tensor<?x2xf32>
  }
  return %result#0, %result#1 : tensor<2xf32>, tensor<?x2xf32>
}
