// RUN: moe-opt --moe-guard-accesses --split-input-file %s | FileCheck %s

// CHECK-LABEL: @division(
// CHECK-SAME:    %[[A:.*]]: i64, %[[B:.*]]: i64
func.func @division(%a: i64, %b: i64) -> (i64, i64, i64, i64) {
  %three = arith.constant 3 : i64
  // CHECK:      %[[C:.*]] = arith.cmpi ne, %[[B]], %c0
  // CHECK-NEXT: cf.assert %[[C]], "division by zero" {moe.guard}
  // CHECK:      %[[X:.*]] = arith.cmpi ne, %[[A]], %c-9223372036854775808
  // CHECK-NEXT: %[[Y:.*]] = arith.cmpi ne, %[[B]], %c-1
  // CHECK-NEXT: %[[C:.*]] = arith.ori %[[X]], %[[Y]]
  // CHECK-NEXT: cf.assert %[[C]], "division overflows"
  // CHECK-NEXT: arith.divsi %[[A]], %[[B]] : i64
  %c = arith.divsi %a, %b exact : i64
  // CHECK:      cf.assert %{{.*}}, "division by zero"
  // CHECK-NEXT: arith.remui
  %d = arith.remui %a, %b : i64
  // CHECK-NOT: cf.assert
  // CHECK: arith.divsi
  %e = arith.divsi %a, %three : i64
  // CHECK:      %[[C:.*]] = arith.cmpi ult, %[[B]], %c64
  // CHECK-NEXT: cf.assert %[[C]], "shift by more than the bits of a number"
  // CHECK-NEXT: arith.shli %[[A]], %[[B]] : i64
  %f = arith.shli %a, %b overflow<nsw> : i64
  return %c, %d, %e, %f : i64, i64, i64, i64
}

// -----

// CHECK-LABEL: @promises
func.func @promises(%a: i64, %x: f32) -> (i64, f32) {
  // CHECK: arith.addi %{{.*}}, %{{.*}} : i64
  %b = arith.addi %a, %a overflow<nsw, nuw> : i64
  // CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<contract> : f32
  %y = arith.addf %x, %x fastmath<nnan, ninf, contract> : f32
  return %b, %y : i64, f32
}

// -----

// CHECK-LABEL: @conversion(
// CHECK-SAME:    %[[X:.*]]: f32
func.func @conversion(%x: f32) -> i32 {
  // CHECK:      arith.cmpf uno, %[[X]], %[[X]]
  // CHECK-NEXT: %[[S:.*]] = arith.select
  // CHECK-NEXT: %[[L:.*]] = arith.maximumf %[[S]]
  // CHECK-NEXT: %[[H:.*]] = arith.minimumf %[[L]]
  // CHECK-NEXT: arith.fptosi %[[H]]
  %i = arith.fptosi %x : f32 to i32
  return %i : i32
}

// -----

// Whole tensors, and operations that have their body from their name.
// CHECK-LABEL: @of_tensors
func.func @of_tensors(%a: tensor<?xi64>, %b: tensor<?xi64>) -> (tensor<?xi64>, tensor<?xi64>, tensor<?xi64>) {
  // CHECK: linalg.generic
  // CHECK:   cf.assert %{{.*}}, "division by zero"
  // CHECK:   arith.divui
  %c = arith.divui %a, %b : tensor<?xi64>
  // CHECK: linalg.generic
  // CHECK:   cf.assert %{{.*}}, "division by zero"
  // CHECK:   cf.assert %{{.*}}, "division overflows"
  // CHECK:   arith.divsi
  %d = linalg.div ins(%a, %b : tensor<?xi64>, tensor<?xi64>) outs(%a : tensor<?xi64>) -> tensor<?xi64>
  // CHECK: linalg.add ins
  %e = linalg.add ins(%a, %a : tensor<?xi64>, tensor<?xi64>) outs(%a : tensor<?xi64>) -> tensor<?xi64>
  return %c, %d, %e : tensor<?xi64>, tensor<?xi64>, tensor<?xi64>
}

// -----

// The generic form of a named operation can have any body.
// CHECK-LABEL: @hidden
func.func @hidden(%a: tensor<?xf32>, %t: tensor<?xf32>, %i: index) -> tensor<?xf32> {
  // CHECK: linalg.generic
  // CHECK:   cf.assert %{{.*}}, "index out of bounds of tensor dimension 0"
  // CHECK:   tensor.extract
  %b = "linalg.add"(%a, %a, %a) <{operandSegmentSizes = array<i32: 2, 1>}> ({
  ^bb0(%x: f32, %y: f32, %o: f32):
    %v = tensor.extract %t[%i] : tensor<?xf32>
    linalg.yield %v : f32
  }) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %b : tensor<?xf32>
}

// -----

// What an affine map computes is ordinary arithmetic without promises.
// CHECK-LABEL: @affine
func.func @affine(%t: tensor<?xf32>, %i: index, %n: index) -> f32 {
  // CHECK-NOT: affine
  // CHECK-NOT: overflow
  // CHECK: cf.assert %{{.*}}, "division by zero"
  // CHECK: cf.assert %{{.*}}, "index out of bounds of tensor dimension 0"
  // CHECK: tensor.extract
  %j = affine.apply affine_map<(d0)[s0] -> ((d0 * 8) floordiv s0)>(%i)[%n]
  %v = tensor.extract %t[%j] : tensor<?xf32>
  return %v : f32
}

// -----

// CHECK-LABEL: @poison
func.func @poison(%t: tensor<?xf32>) -> f32 {
  // CHECK-NOT: ub.poison
  %i = ub.poison : index
  // CHECK: cf.assert
  %v = tensor.extract %t[%i] : tensor<?xf32>
  return %v : f32
}
