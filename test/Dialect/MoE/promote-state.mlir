// RUN: moe-opt %s --moe-promote-state --split-input-file --verify-diagnostics | FileCheck %s

// The unused one has gone; others come in the order of the file.
// CHECK: module attributes {moe.state = {main = {{\[\[}}"count", memref<i64>, dense<7> : tensor<i64>], ["rows", memref<?x4xf32>, unit]]}}
module {
  // CHECK-NOT: ml_program.global {{.*}}mutable
  // CHECK: ml_program.global private @constant
  ml_program.global private mutable @count(dense<7> : tensor<i64>) : tensor<i64>
  ml_program.global private mutable @unused(dense<0> : tensor<i64>) : tensor<i64>
  ml_program.global private mutable @rows : tensor<?x4xf32>
  ml_program.global private @constant(dense<1> : tensor<i64>) : tensor<i64>

  // CHECK-LABEL: func.func @main(
  // CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[C:.*]]: tensor<i64> {moe.donated}, %[[R:.*]]: tensor<?x4xf32> {moe.donated})
  // CHECK-SAME: -> (tensor<i64>, tensor<i64>, tensor<?x4xf32>)
  func.func @main(%x: tensor<?x4xf32>) -> tensor<i64> {
    // CHECK: %[[ONE:.*]] = ml_program.global_load_const @constant
    %one = ml_program.global_load_const @constant : tensor<i64>
    // CHECK: %[[NEXT:.*]] = arith.addi %[[C]], %[[ONE]]
    %old = ml_program.global_load @count : tensor<i64>
    %next = arith.addi %old, %one : tensor<i64>
    ml_program.global_store @count = %next : tensor<i64>
    // A load behind the store gives what was stored.
    // CHECK: %[[TWICE:.*]] = arith.addi %[[NEXT]], %[[NEXT]]
    %again = ml_program.global_load @count : tensor<i64>
    %twice = arith.addi %again, %again : tensor<i64>
    // CHECK: %[[ALL:.*]] = tensor.concat dim(0) %[[R]], %[[X]]
    %rows = ml_program.global_load @rows : tensor<?x4xf32>
    %all = tensor.concat dim(0) %rows, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    ml_program.global_store @rows = %all : tensor<?x4xf32>
    // CHECK: return %[[TWICE]], %[[NEXT]], %[[ALL]]
    return %twice : tensor<i64>
  }
}

// -----

// CHECK-LABEL: func.func @branches(
// CHECK-SAME: %[[P:.*]]: i1, %[[V:.*]]: tensor<2xf32>, %[[S:.*]]: tensor<2xf32> {moe.donated})
ml_program.global private mutable @s(dense<0.0> : tensor<2xf32>) : tensor<2xf32>
func.func @branches(%p: i1, %v: tensor<2xf32>) -> i64 {
  %c1 = arith.constant 1 : i64
  %c2 = arith.constant 2 : i64
  // CHECK: %[[IF:.*]]:2 = scf.if %[[P]] -> (i64, tensor<2xf32>)
  // CHECK: yield %{{.*}}, %[[V]]
  // CHECK: yield %{{.*}}, %[[S]]
  %r = scf.if %p -> i64 {
    ml_program.global_store @s = %v : tensor<2xf32>
    scf.yield %c1 : i64
  } else {
    scf.yield %c2 : i64
  }
  // CHECK: %[[LAST:.*]] = scf.if %[[P]] -> (tensor<2xf32>)
  // CHECK: %[[SUM:.*]] = arith.addf %[[IF]]#1, %[[V]]
  // CHECK: yield %[[SUM]]
  // CHECK: yield %[[IF]]#1
  scf.if %p {
    %now = ml_program.global_load @s : tensor<2xf32>
    %sum = arith.addf %now, %v : tensor<2xf32>
    ml_program.global_store @s = %sum : tensor<2xf32>
  }
  // CHECK: return %[[IF]]#0, %[[LAST]]
  return %r : i64
}

// -----

// CHECK-LABEL: func.func @loops(
// CHECK-SAME: %[[N:.*]]: index, %[[X:.*]]: tensor<2xf32>, %[[S:.*]]: tensor<2xf32> {moe.donated}, %[[T:.*]]: tensor<2xf32> {moe.donated})
ml_program.global private mutable @s(dense<0.0> : tensor<2xf32>) : tensor<2xf32>
ml_program.global private mutable @read(dense<0.0> : tensor<2xf32>) : tensor<2xf32>
func.func @loops(%n: index, %x: tensor<2xf32>) -> tensor<2xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: %[[FOR:.*]]:2 = scf.for {{.*}} iter_args(%[[A:.*]] = %[[X]], %[[B:.*]] = %[[S]])
  // CHECK: %[[SUM:.*]] = arith.addf %[[B]], %[[A]]
  // CHECK: %[[MORE:.*]] = arith.addf %[[SUM]], %[[T]]
  // CHECK: yield %[[MORE]], %[[SUM]]
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<2xf32> {
    %s = ml_program.global_load @s : tensor<2xf32>
    %sum = arith.addf %s, %a : tensor<2xf32>
    ml_program.global_store @s = %sum : tensor<2xf32>
    %t = ml_program.global_load @read : tensor<2xf32>
    %more = arith.addf %sum, %t : tensor<2xf32>
    scf.yield %more : tensor<2xf32>
  }
  // CHECK: %[[WHILE:.*]]:2 = scf.while (%[[K:.*]] = %{{.*}}, %[[B:.*]] = %[[FOR]]#1)
  // CHECK: scf.condition(%{{.*}}) %[[K]], %[[B]]
  // CHECK: ^bb0(%[[K:.*]]: index, %[[B:.*]]: tensor<2xf32>):
  // CHECK: %[[DOUBLE:.*]] = arith.addf %[[B]], %[[B]]
  // CHECK: yield %{{.*}}, %[[DOUBLE]]
  %k = scf.while (%k = %c0) : (index) -> index {
    %go = arith.cmpi slt, %k, %n : index
    scf.condition(%go) %k : index
  } do {
  ^bb0(%k: index):
    %s = ml_program.global_load @s : tensor<2xf32>
    %double = arith.addf %s, %s : tensor<2xf32>
    ml_program.global_store @s = %double : tensor<2xf32>
    %next = arith.addi %k, %c1 : index
    scf.yield %next : index
  }
  // CHECK: return %[[FOR]]#0, %[[WHILE]]#1, %[[T]]
  return %y : tensor<2xf32>
}

// -----

// expected-error @below {{is a state of type 'tensor<2x?xf32>'; a state is a tensor of numbers of which only the leading size is dynamic}}
ml_program.global private mutable @s : tensor<2x?xf32>

// -----

// expected-error @below {{is a state of type 'i64'}}
ml_program.global private mutable @s(1 : i64) : i64

// -----

// expected-error @below {{has an initial value that is no 'tensor<3xf32>'}}
ml_program.global private mutable @s(dense<0.0> : tensor<2xf32>) : tensor<3xf32>

// -----

// A body of an expert runs for some rows, or not at all.
ml_program.global private mutable @s(dense<0.0> : tensor<2xf32>) : tensor<2xf32>
func.func @expert(%x: tensor<?x2xf32>, %r: !moe.routing<1>, %v: tensor<2xf32>) -> tensor<?x2xf32> {
  %y = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<1>) -> tensor<?x2xf32> {
  ^one(%rows: tensor<?x2xf32>):
    // expected-error @below {{stands in a body of 'moe.dispatch'; a state is stored in the function, or in scf.if, scf.for or scf.while}}
    ml_program.global_store @s = %v : tensor<2xf32>
    moe.yield %rows : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}
