// RUN: moe-opt %s --canonicalize --split-input-file | FileCheck %s

// Each pattern, and what it must leave alone.

// CHECK-LABEL: @one_spelling
func.func @one_spelling(%s: tensor<?x8xf32>) -> (!moe.routing<8>, !moe.routing<8>, !moe.routing<8>) {
  // CHECK: moe.gate %{{.*}} softmax top_k(1) : (
  %0 = moe.gate %s softmax argmax : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} softmax top_k(2) normalize : (
  %1 = moe.gate %s softmax top_k(2) weights(score) normalize epsilon(0.0) scale(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} softmax groups(4 keep 1 by max) top_k(1) capacity_factor(1.000000e+00) : (
  %2 = moe.gate %s softmax groups(4 keep 1 by max) argmax capacity_factor(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return %0, %1, %2 : !moe.routing<8>, !moe.routing<8>, !moe.routing<8>
}

// -----

// CHECK-LABEL: @another_meaning
func.func @another_meaning(%s: tensor<?x8xf32>) -> (!moe.routing<8>, !moe.routing<8>) {
  // CHECK: moe.gate %{{.*}} softmax top_k(2) weights(softmax) normalize epsilon(9.9999999999999995E-21) scale(-1.000000e+00) : (
  %0 = moe.gate %s softmax top_k(2) weights(softmax) normalize epsilon(1.0e-20) scale(-1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} softmax threshold(1.000000e+00) : (
  %1 = moe.gate %s softmax threshold(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return %0, %1 : !moe.routing<8>, !moe.routing<8>
}

// -----

// CHECK-LABEL: @num_tokens
// CHECK-SAME:    %[[S:.*]]: tensor<?x8xf32>, %[[R:.*]]: !moe.routing<8>
func.func @num_tokens(%s: tensor<?x8xf32>, %r: !moe.routing<8>) -> (index, index) {
  %q = moe.gate %s softmax top_k(1) : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: %[[N:.*]] = tensor.dim %[[S]], %c0
  %0 = moe.num_tokens %q : !moe.routing<8>
  // CHECK: %[[M:.*]] = moe.num_tokens %[[R]]
  %1 = moe.num_tokens %r : !moe.routing<8>
  %a = moe.route_all %1 : !moe.routing<8>
  // CHECK-NOT: moe.num_tokens
  %2 = moe.num_tokens %a : !moe.routing<8>
  // CHECK: return %[[N]], %[[M]]
  return %0, %2 : index, index
}

// -----

// CHECK-LABEL: @unused_tokens
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<?x4xf32>
func.func @unused_tokens(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %r: !moe.routing<8>) -> tensor<?x4xf32> {
  // CHECK:      moe.dispatch %[[Y]] by %{{.*}} : (tensor<?x4xf32>, !moe.routing<8>) -> tensor<?x4xf32> {
  // CHECK-NEXT: ^each(%expert: index, %mine: tensor<?x4xf32>, %weights: tensor<?xf32>):
  // CHECK-NEXT:   moe.yield %mine
  %p = moe.dispatch %x, %y by %r : (tensor<?x8xf32>, tensor<?x4xf32>, !moe.routing<8>) -> tensor<?x4xf32> {
  ^each(%expert: index, %a: tensor<?x8xf32>, %b: tensor<?x4xf32>, %w: tensor<?xf32>):
    moe.yield %b : tensor<?x4xf32>
  }
  return %p : tensor<?x4xf32>
}

// -----

// One of the experts reads the rows, if only to count them.
// CHECK-LABEL: @tokens_used_somewhere
func.func @tokens_used_somewhere(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %r: !moe.routing<2>) -> tensor<?x4xf32> {
  // CHECK: moe.dispatch %{{.*}}, %{{.*}} by
  %p = moe.dispatch %x, %y by %r : (tensor<?x8xf32>, tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%a: tensor<?x8xf32>, %b: tensor<?x4xf32>):
    moe.yield %b : tensor<?x4xf32>
  }, {
  ^expert1(%a: tensor<?x8xf32>, %b: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %a, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    moe.yield %e : tensor<?x4xf32>
  }
  return %p : tensor<?x4xf32>
}

// -----

// CHECK-LABEL: @unused_results
func.func @unused_results(%x: tensor<?x8xf32>, %r: !moe.routing<2>) -> tensor<?x8xf32> {
  // CHECK:      %[[P:.*]] = moe.dispatch %{{.*}} by %{{.*}} attributes {note} : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  // CHECK-NEXT: ^expert0(%mine: tensor<?x8xf32>):
  // CHECK-NEXT:   %[[N:.*]] = arith.negf %mine
  // CHECK-NEXT:   moe.yield %[[N]] : tensor<?x8xf32>
  // CHECK-NEXT: }, {
  // CHECK-NEXT: ^expert1(%mine: tensor<?x8xf32>):
  // CHECK-NEXT:   moe.yield %mine : tensor<?x8xf32>
  // CHECK:      return %[[P]]
  %p:3 = moe.dispatch %x by %r attributes {note} : (tensor<?x8xf32>, !moe.routing<2>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  ^expert0(%a: tensor<?x8xf32>):
    %n = arith.negf %a : tensor<?x8xf32>
    %u = arith.addf %n, %a : tensor<?x8xf32>
    moe.yield %u, %n, %a : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  }, {
  ^expert1(%a: tensor<?x8xf32>):
    %n = arith.negf %a : tensor<?x8xf32>
    moe.yield %n, %a, %n : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %p#1 : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: @used_results
func.func @used_results(%x: tensor<?x8xf32>, %r: !moe.routing<1>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: moe.dispatch %{{.*}} by %{{.*}} -> (tensor<?x8xf32>, tensor<?x8xf32>)
  // The results are those of the rows in another order: no value is forwarded.
  // CHECK: return %[[P:.*]]#0, %[[P]]#1
  %p:2 = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<1>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  ^each(%expert: index, %a: tensor<?x8xf32>):
    moe.yield %a, %a : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %p#0, %p#1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func private @effect()

// A dispatch whose results nobody reads is gone, unless an expert does more.
// CHECK-LABEL: @dead
func.func @dead(%x: tensor<?x8xf32>, %r: !moe.routing<1>) {
  // CHECK-COUNT-1: moe.dispatch
  // CHECK-NOT:     moe.dispatch
  %p = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<1>) -> tensor<?x8xf32> {
  ^each(%expert: index, %a: tensor<?x8xf32>):
    moe.yield %a : tensor<?x8xf32>
  }
  %q = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<1>) -> tensor<?x8xf32> {
  ^each(%expert: index, %a: tensor<?x8xf32>):
    func.call @effect() : () -> ()
    moe.yield %a : tensor<?x8xf32>
  }
  return
}

// -----

// CHECK-LABEL: @pick
// CHECK-SAME:    %[[A:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xf32>, %[[I:.*]]: index
func.func @pick(%a: tensor<4xf32>, %b: tensor<4xf32>, %i: index) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c-1 = arith.constant -1 : index
  // A number outside the list is an error while running, and stays one.
  // CHECK: %[[X:.*]] = moe.pick %c2
  // CHECK: %[[Y:.*]] = moe.pick %c-1
  // CHECK: %[[Z:.*]] = moe.pick %[[I]]
  %0 = moe.pick %c1 [%a, %b] : tensor<4xf32>
  %1 = moe.pick %c2 [%a, %b] : tensor<4xf32>
  %2 = moe.pick %c-1 [%a, %b] : tensor<4xf32>
  %3 = moe.pick %i [%a, %b] : tensor<4xf32>
  // CHECK: return %[[B]], %[[X]], %[[Y]], %[[Z]]
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
