// RUN: moe-opt %s --split-input-file --sccp | FileCheck %s --check-prefixes=CHECK,SCCP
// RUN: moe-opt %s --split-input-file --remove-dead-values | FileCheck %s --check-prefixes=CHECK,DEAD
// RUN: moe-opt %s --split-input-file --int-range-optimizations | FileCheck %s --check-prefixes=CHECK,RANGE
// RUN: moe-opt %s --split-input-file --sccp --int-range-optimizations --remove-dead-values --canonicalize --cse | FileCheck %s --check-prefixes=ALL

// What general passes may conclude about a dispatch: nothing flows through it.
// Arguments are gathered rows, results are concatenations of rows.

// The expert's number is not that of any one expert, and a constant that is
// yielded is not what the dispatch returns.
// CHECK-LABEL: @expert_number
// ALL-LABEL: @expert_number
func.func @expert_number(%x: tensor<?xindex>, %r: !moe.routing<2>) -> tensor<?xindex> {
  // CHECK: moe.dispatch
  // ALL: moe.dispatch
  %p = moe.dispatch %x by %r : (tensor<?xindex>, !moe.routing<2>) -> tensor<?xindex> {
  ^each(%expert: index, %mine: tensor<?xindex>):
    %c0 = arith.constant 0 : index
    // CHECK: %[[IS:.*]] = arith.cmpi eq, %expert,
    // CHECK: arith.select %[[IS]]
    // ALL: arith.cmpi eq, %expert,
    %first = arith.cmpi eq, %expert, %c0 : index
    %c5 = arith.constant 5 : index
    %v = arith.select %first, %c5, %c0 : index
    // CHECK: linalg.fill
    // ALL: linalg.fill
    %y = linalg.fill ins(%v : index) outs(%mine : tensor<?xindex>) -> tensor<?xindex>
    moe.yield %y : tensor<?xindex>
  }
  // CHECK: return %{{.*}} : tensor<?xindex>
  // ALL: return %{{.*}} : tensor<?xindex>
  return %p : tensor<?xindex>
}

// -----

// Constants from outside are the same inside.
// CHECK-LABEL: @constants_from_outside
func.func @constants_from_outside(%x: tensor<?xindex>, %r: !moe.routing<2>) -> tensor<?xindex> {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %p = moe.dispatch %x by %r : (tensor<?xindex>, !moe.routing<2>) -> tensor<?xindex> {
  ^each(%expert: index, %mine: tensor<?xindex>):
    // SCCP: linalg.fill ins(%c5{{.*}} : index)
    // RANGE: linalg.fill ins(%c5{{.*}} : index)
    %v = arith.addi %c2, %c3 : index
    %y = linalg.fill ins(%v : index) outs(%mine : tensor<?xindex>) -> tensor<?xindex>
    moe.yield %y : tensor<?xindex>
  }
  return %p : tensor<?xindex>
}

// -----

// A constant tensor of tokens is not what an expert gets.
// CHECK-LABEL: @constant_tokens
func.func @constant_tokens(%r: !moe.routing<2>) -> tensor<?xi64> {
  %x = arith.constant dense<7> : tensor<4xi64>
  // CHECK: moe.dispatch %cst by
  // CHECK: moe.yield %mine
  %p = moe.dispatch %x by %r : (tensor<4xi64>, !moe.routing<2>) -> tensor<?xi64> {
  ^each(%expert: index, %mine: tensor<?xi64>):
    moe.yield %mine : tensor<?xi64>
  }
  return %p : tensor<?xi64>
}

// -----

// A loop inside of an expert that may run no time or many times.
// CHECK-LABEL: @range_inside
func.func @range_inside(%x: tensor<?xindex>, %r: !moe.routing<2>, %n: index) -> tensor<?xindex> {
  %p = moe.dispatch %x by %r : (tensor<?xindex>, !moe.routing<2>) -> tensor<?xindex> {
  ^each(%expert: index, %mine: tensor<?xindex>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    // CHECK: scf.for
    %v = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %c0) -> index {
      // RANGE-NOT: arith.cmpi
      // RANGE: scf.yield
      %below = arith.cmpi slt, %i, %c8 : index
      %t = arith.select %below, %n, %c0 : index
      scf.yield %t : index
    }
    %y = linalg.fill ins(%v : index) outs(%mine : tensor<?xindex>) -> tensor<?xindex>
    moe.yield %y : tensor<?xindex>
  }
  return %p : tensor<?xindex>
}

// -----

// One result of two is read: the other one may go, together with what computes
// it, in every expert; what is left stays right.
// CHECK-LABEL: @half_used
// ALL-LABEL: @half_used
func.func @half_used(%x: tensor<?x8xf32>, %r: !moe.routing<2>) -> tensor<?x8xf32> {
  // SCCP: %[[P:.*]]:2 = moe.dispatch %{{.*}} by %{{.*}} : (tensor<?x8xf32>, !moe.routing<2>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  // SCCP: moe.yield %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x8xf32>
  // SCCP: return %[[P]]#1
  // DEAD: %[[P:.*]] = moe.dispatch %{{.*}} by %{{.*}} : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  // DEAD: %[[N:.*]] = arith.negf %mine
  // DEAD: moe.yield %[[N]] : tensor<?x8xf32>
  // DEAD: %[[A:.*]] = arith.addf %mine, %mine
  // DEAD: moe.yield %[[A]] : tensor<?x8xf32>
  // DEAD: return %[[P]]
  // ALL:      %[[P:.*]] = moe.dispatch %{{.*}} by %{{.*}} : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  // ALL-NEXT: ^expert0(%mine: tensor<?x8xf32>):
  // ALL-NEXT:   %[[N:.*]] = arith.negf %mine
  // ALL-NEXT:   moe.yield %[[N]] : tensor<?x8xf32>
  // ALL-NEXT: }, {
  // ALL-NEXT: ^expert1(%mine: tensor<?x8xf32>):
  // ALL-NEXT:   %[[A:.*]] = arith.addf %mine, %mine
  // ALL-NEXT:   moe.yield %[[A]] : tensor<?x8xf32>
  // ALL:      return %[[P]]
  %p:2 = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<2>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  ^expert0(%mine: tensor<?x8xf32>):
    %s = arith.mulf %mine, %mine : tensor<?x8xf32>
    %n = arith.negf %mine : tensor<?x8xf32>
    moe.yield %s, %n : tensor<?x8xf32>, tensor<?x8xf32>
  }, {
  ^expert1(%mine: tensor<?x8xf32>):
    %a = arith.addf %mine, %mine : tensor<?x8xf32>
    moe.yield %mine, %a : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %p#1 : tensor<?x8xf32>
}

// -----

// An expert that does not look at its rows is still an expert.
// CHECK-LABEL: @unread_rows
// ALL-LABEL: @unread_rows
func.func @unread_rows(%x: tensor<?x8xf32>, %r: !moe.routing<1>) -> tensor<?x8xf32> {
  // SCCP:  ^each(%expert: index, %mine: tensor<?x8xf32>, %weights: tensor<?xf32>):
  // DEAD:  ^each(%expert: index, %weights: tensor<?xf32>):
  // ALL:   ^each(%expert: index, %weights: tensor<?xf32>):
  %p = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<1>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>, %w: tensor<?xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %w, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    moe.yield %e : tensor<?x8xf32>
  }
  return %p : tensor<?x8xf32>
}

// -----

// A dispatch that nobody reads.
// CHECK-LABEL: @unread_dispatch
// DEAD-NOT: moe.dispatch
// DEAD: return
// ALL-LABEL: @unread_dispatch
// ALL-NOT: moe.dispatch
// ALL: return
func.func @unread_dispatch(%x: tensor<?x8xf32>, %r: !moe.routing<1>) {
  %p = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<1>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    moe.yield %mine : tensor<?x8xf32>
  }
  return
}
