// RUN: moe-opt %s --moe-sink-into-branches | FileCheck %s

// What one side needs is computed there, with what it is computed of; what both
// need, or what is used elsewhere as well, stays.
// CHECK-LABEL: func.func @front
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: %[[BOTH:.*]] = linalg.exp
// CHECK: %[[USED:.*]] = linalg.abs
// CHECK-NOT: linalg
// CHECK: scf.if
// CHECK:   linalg.matmul
// CHECK:   %[[A:.*]] = linalg.tanh
// CHECK:   linalg.add ins(%[[A]], %[[BOTH]]
// CHECK: } else {
// CHECK:   %[[B:.*]] = linalg.log
// CHECK:   linalg.add ins(%[[B]], %[[BOTH]]
func.func @front(%c: i1, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %e = tensor.empty() : tensor<4x4xf32>
  %both = linalg.exp ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %used = linalg.abs ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%used : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.tanh ins(%m : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.log ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = scf.if %c -> tensor<4x4xf32> {
    %s = linalg.add ins(%a, %both : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    scf.yield %s : tensor<4x4xf32>
  } else {
    %s = linalg.add ins(%b, %both : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    scf.yield %s : tensor<4x4xf32>
  }
  return %y, %used : tensor<4x4xf32>, tensor<4x4xf32>
}

// A side of a side; results that are yielded as they are; what the host decides
// by on the way.
// CHECK-LABEL: func.func @switch
// CHECK-NEXT: scf.index_switch
// CHECK-NEXT: case 2 {
// CHECK:   linalg.exp
// CHECK: case 5 {
// CHECK:   tensor.extract
// CHECK:   scf.if
// CHECK:     linalg.log
// CHECK:   } else {
// CHECK:     linalg.abs
// CHECK: default {
// CHECK:   linalg.tanh
func.func @switch(%n: index, %x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %e0 = tensor.empty() : tensor<4xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %e2 = tensor.empty() : tensor<4xf32>
  %e3 = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.log ins(%x : tensor<4xf32>) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %2 = linalg.abs ins(%x : tensor<4xf32>) outs(%e2 : tensor<4xf32>) -> tensor<4xf32>
  %3 = linalg.tanh ins(%x : tensor<4xf32>) outs(%e3 : tensor<4xf32>) -> tensor<4xf32>
  %inner = tensor.extract %c[] : tensor<i1>
  %y = scf.index_switch %n -> tensor<4xf32>
  case 2 {
    scf.yield %0 : tensor<4xf32>
  }
  case 5 {
    %z = scf.if %inner -> tensor<4xf32> {
      scf.yield %1 : tensor<4xf32>
    } else {
      scf.yield %2 : tensor<4xf32>
    }
    scf.yield %z : tensor<4xf32>
  }
  default {
    scf.yield %3 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// What ends the run does so wherever it stands in the model, also in the body of
// an operation on tensors.
// CHECK-LABEL: func.func @asserted
// CHECK: cf.assert
// CHECK: cf.assert
// CHECK: scf.if
func.func @asserted(%c: i1, %d: i1, %x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  cf.assert %d, "front"
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.map ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) (%in: f32, %out: f32) {
    %positive = arith.cmpf ogt, %in, %zero : f32
    cf.assert %positive, "body"
    linalg.yield %in : f32
  }
  %y = scf.if %c -> tensor<4xf32> {
    scf.yield %a : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// What stands in front of a loop would be computed in each of its rounds. In the
// loop a tensor moves, a number does not.
// CHECK-LABEL: func.func @loop
// CHECK: linalg.exp
// CHECK: scf.for
// CHECK-NEXT: arith.remui
// CHECK-NEXT: arith.cmpi
// CHECK-NEXT: tensor.extract
// CHECK-NEXT: scf.if
// CHECK:   linalg.abs
func.func @loop(%n: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %e = tensor.empty() : tensor<4xf32>
  %f = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %x) -> tensor<4xf32> {
    %odd = arith.remui %i, %c2 : index
    %p = arith.cmpi eq, %odd, %c0 : index
    %v = tensor.extract %acc[%odd] : tensor<4xf32>
    %b = linalg.abs ins(%acc : tensor<4xf32>) outs(%f : tensor<4xf32>) -> tensor<4xf32>
    %z = scf.if %p -> tensor<4xf32> {
      %s = linalg.add ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%acc : tensor<4xf32>) -> tensor<4xf32>
      %t = tensor.insert %v into %s[%c0] : tensor<4xf32>
      scf.yield %t : tensor<4xf32>
    } else {
      scf.yield %acc : tensor<4xf32>
    }
    scf.yield %z : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// Nothing enters the body of a structured operation or of an expert.
// CHECK-LABEL: func.func @bodies
// CHECK: linalg.exp
// CHECK: linalg.abs
// CHECK: linalg.map
// CHECK: scf.if
// CHECK: moe.dispatch
// CHECK: scf.if
func.func @bodies(%x: tensor<4xf32>, %c: i1, %t: tensor<?x4xf32>, %r: !moe.routing<1>) -> (tensor<4xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %b = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.map ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) (%in: f32, %out: f32) {
    %v = scf.if %c -> f32 {
      %w = tensor.extract %a[%c0] : tensor<4xf32>
      scf.yield %w : f32
    } else {
      scf.yield %in : f32
    }
    linalg.yield %v : f32
  }
  %rows = moe.dispatch %t by %r : (tensor<?x4xf32>, !moe.routing<1>) -> tensor<?x4xf32> {
  ^expert0(%mine: tensor<?x4xf32>):
    %z = scf.if %c -> tensor<?x4xf32> {
      %w = linalg.broadcast ins(%b : tensor<4xf32>) outs(%mine : tensor<?x4xf32>) dimensions = [0]
      scf.yield %w : tensor<?x4xf32>
    } else {
      scf.yield %mine : tensor<?x4xf32>
    }
    moe.yield %z : tensor<?x4xf32>
  }
  return %y, %rows : tensor<4xf32>, tensor<?x4xf32>
}
