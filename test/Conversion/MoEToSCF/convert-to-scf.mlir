// RUN: moe-opt %s --moe-annotate-dispatches --moe-outline-experts --moe-convert-to-scf --canonicalize --cse | FileCheck %s
// RUN: moe-opt %s --moe-annotate-dispatches --moe-outline-experts --moe-convert-to-scf --canonicalize --cse | FileCheck %s --check-prefix=GONE

// Of the dialect, calls of bodies are left and nothing else.
// GONE-NOT: {{[ "]moe\.(dispatch|combine|route|mask|weights|indices|counts|num_tokens|yield|rows|pick) }}

// A family: one loop over a table of active tiles, with one copy of the body.
// CHECK-LABEL: func.func @family
// The number of tiles of an expert is its assignments over the row block.
// CHECK: %[[TILES:.+]] = scf.for {{.*}} -> (index)
// CHECK:   arith.ceildivui
// CHECK: %[[TABLE:.*]]:4 = scf.for
// CHECK: scf.forall (%[[T:.*]]) in (%[[TILES]])
// CHECK:   tensor.extract %[[TABLE]]#1[%[[T]]]
// CHECK:   linalg.exp
// CHECK-NOT: linalg.exp
// CHECK:   tensor.parallel_insert_slice
func.func @family(%x: tensor<?x4xf32>, %mask: tensor<?x3xi1>) -> tensor<?x4xf32> {
  %r = moe.route %mask : (tensor<?x3xi1>) -> !moe.routing<3>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    %y = linalg.exp ins(%mine : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// Unlike experts: the same loop, in which the expert's number chooses a call.
// CHECK-LABEL: func.func @unlike
// CHECK: scf.forall
// CHECK:   %[[E:.*]] = tensor.extract
// CHECK:   moe.call %[[E]] of [@moe_expert_1_0, @moe_expert_1_1](
// CHECK:   tensor.parallel_insert_slice
// CHECK-NOT: linalg.exp
// CHECK-LABEL: func.func @not_row_wise
func.func @unlike(%x: tensor<?x4xf32>, %choice: tensor<?x1xi64>) -> tensor<?x4xf32> {
  %r = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%mine: tensor<?x4xf32>):
    %y = linalg.exp ins(%mine : tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%mine: tensor<?x4xf32>):
    %y = linalg.negf ins(%mine : tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// A body that mixes rows is never split: its block is the number of its rows.
// CHECK-NOT: arith.constant 256
// CHECK: linalg.reduce
func.func @not_row_wise(%x: tensor<?x4xf32>, %mask: tensor<?x3xi1>) -> tensor<?x4xf32> {
  %r = moe.route %mask : (tensor<?x3xi1>) -> !moe.routing<3>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>):
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x4xf32>) outs(%f : tensor<4xf32>) dimensions = [0]
    %y = linalg.broadcast ins(%sum : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
    moe.yield %y : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// Of unlike experts that depends on the expert.
// CHECK-LABEL: func.func @some_row_wise
// CHECK: %[[FLAGS:.*]] = arith.constant dense<[true, false]>
// CHECK: %[[FLAG:.*]] = tensor.extract %[[FLAGS]]
// CHECK: arith.select %[[FLAG]]
func.func @some_row_wise(%x: tensor<?x4xf32>, %mask: tensor<?x2xi1>) -> tensor<?x4xf32> {
  %r = moe.route %mask : (tensor<?x2xi1>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^keep(%mine: tensor<?x4xf32>):
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

// The number of tokens is a value of the routing.
// CHECK-LABEL: func.func @num_tokens
// CHECK: %[[N:.*]] = tensor.dim %arg0
// CHECK: return %[[N]]
func.func @num_tokens(%mask: tensor<?x2xi1>) -> index {
  %r = moe.route %mask : (tensor<?x2xi1>) -> !moe.routing<2>
  %n = moe.num_tokens %r : !moe.routing<2>
  return %n : index
}

// A number outside [0, E) is no assignment: compared unsigned.
// CHECK-LABEL: func.func @indices
// CHECK: %[[E:.*]] = arith.index_cast
// CHECK: arith.cmpi ult, %[[E]]
func.func @indices(%choice: tensor<?x2xi64>, %w: tensor<?x2xf32>) -> (tensor<?x5xi1>, tensor<?x5xf32>, tensor<?x2xi64>, tensor<5xi64>) {
  %r = moe.route %choice, %w : (tensor<?x2xi64>, tensor<?x2xf32>) -> !moe.routing<5>
  %m = moe.mask %r : (!moe.routing<5>) -> tensor<?x5xi1>
  %v = moe.weights %r : (!moe.routing<5>) -> tensor<?x5xf32>
  %i = moe.indices %r : (!moe.routing<5>) -> tensor<?x2xi64>
  %c = moe.counts %r : (!moe.routing<5>) -> tensor<5xi64>
  return %m, %v, %i, %c : tensor<?x5xi1>, tensor<?x5xf32>, tensor<?x2xi64>, tensor<5xi64>
}

// Rows of bf16 are summed in f32 and rounded once, after the loop.
// CHECK-LABEL: func.func @combine
// CHECK: scf.for
// CHECK:   arith.extf
// CHECK:   arith.mulf
// CHECK:   arith.addf
// CHECK-NOT: arith.truncf
// CHECK:   scf.yield
// CHECK: arith.truncf
// CHECK: arith.select
func.func @combine(%rows: tensor<?x4xbf16>, %init: tensor<?x4xbf16>, %mask: tensor<?x3xi1>) -> tensor<?x4xbf16> {
  %r = moe.route %mask : (tensor<?x3xi1>) -> !moe.routing<3>
  %y = moe.combine %rows by %r into %init : (tensor<?x4xbf16>, !moe.routing<3>, tensor<?x4xbf16>) -> tensor<?x4xbf16>
  return %y : tensor<?x4xbf16>
}

// CHECK-LABEL: func.func @combine_integers
// CHECK-NOT: arith.muli {{.*}} : i{{[0-9]}}
// CHECK: linalg.generic
// CHECK: arith.addi
// CHECK-NOT: arith.mulf
func.func @combine_integers(%rows: tensor<?xi64>, %mask: tensor<?x3xi1>) -> tensor<?xi64> {
  %r = moe.route %mask : (tensor<?x3xi1>) -> !moe.routing<3>
  %y = moe.combine %rows by %r unweighted : (tensor<?xi64>, !moe.routing<3>) -> tensor<?xi64>
  return %y : tensor<?xi64>
}

// CHECK-LABEL: func.func @pick
// CHECK: %[[AT:.*]] = scf.index_switch %{{.*}} -> index
// CHECK: %[[FIRST:.*]] = arith.cmpi ult, %[[AT]], %c1
// CHECK: arith.select %[[FIRST]], %{{.*}}, %{{.*}} : tensor<4xf32>
func.func @pick(%e: index, %a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %w = moe.pick %e [%a, %b] : tensor<4xf32>
  return %w : tensor<4xf32>
}

// A routing may be carried by a loop or chosen by a condition.
// CHECK-LABEL: func.func @carried
// CHECK: scf.if {{.*}} -> (tensor<4xindex>)
func.func @carried(%c: i1, %a: tensor<?x3xi1>, %b: tensor<?x3xi1>) -> tensor<3xi64> {
  %r = scf.if %c -> !moe.routing<3> {
    %x = moe.route %a : (tensor<?x3xi1>) -> !moe.routing<3>
    scf.yield %x : !moe.routing<3>
  } else {
    %y = moe.route %b : (tensor<?x3xi1>) -> !moe.routing<3>
    scf.yield %y : !moe.routing<3>
  }
  %n = moe.counts %r : (!moe.routing<3>) -> tensor<3xi64>
  return %n : tensor<3xi64>
}

// A choice between tensors by number: the position of the region that runs is a
// number, and halved.
// CHECK-LABEL: func.func @choice
// CHECK: %[[AT:.*]] = scf.index_switch %{{.*}} -> index
// CHECK: case 3 {
// CHECK:   scf.yield %c0
// CHECK: case 7 {
// CHECK:   scf.yield %c1
// CHECK: default {
// CHECK:   scf.yield %c2
// CHECK: %[[FIRST:.*]] = arith.cmpi {{.*}}%[[AT]]
// CHECK: %[[Y:.*]] = scf.if %[[FIRST]] -> (tensor<4xf32>) {
// CHECK:   linalg.exp
// CHECK: } else {
// CHECK:   %[[SECOND:.*]] = arith.cmpi ult, %[[AT]]
// CHECK:   %[[REST:.*]] = scf.if %[[SECOND]] -> (tensor<4xf32>) {
// CHECK:     linalg.tanh
// CHECK:   } else {
// CHECK-NEXT: scf.yield %{{.*}} : tensor<4xf32>
// CHECK:   scf.yield %[[REST]]
// CHECK: return %[[Y]]
func.func @choice(%n: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %y = scf.index_switch %n -> tensor<4xf32>
  case 3 {
    %m = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %m : tensor<4xf32>
  }
  case 7 {
    %t = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %t : tensor<4xf32>
  }
  default {
    scf.yield %x : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// Of numbers it stays.
// CHECK-LABEL: func.func @number
// CHECK: scf.index_switch %{{.*}} -> i64
// CHECK-NOT: scf.if
// CHECK: return
func.func @number(%n: index, %a: i64, %b: i64) -> i64 {
  %y = scf.index_switch %n -> i64
  case 1 {
    scf.yield %a : i64
  }
  default {
    scf.yield %b : i64
  }
  return %y : i64
}
