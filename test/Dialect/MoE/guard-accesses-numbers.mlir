// RUN: moe-opt --moe-guard-accesses=numbers-only %s | FileCheck %s

moe.parameters @w "w.{0}.{1}" [8, 2] : tensor<8xf32>

// What is checked in a trusted model.
// CHECK-LABEL: @numbers(
// CHECK-SAME:    %[[I:.*]]: index, %[[T:.*]]: tensor<8xf32>
func.func @numbers(%i: index, %t: tensor<8xf32>) -> (tensor<8xf32>, f32) {
  %c1 = arith.constant 1 : index
  // CHECK: %[[C:.*]] = arith.cmpi ult, %[[I]], %c8
  // CHECK: cf.assert %[[C]], "number of a parameter is out of range" {moe.guard}
  // CHECK-NOT: cf.assert
  // CHECK: moe.parameter
  %p = moe.parameter @w[%i, %c1] : tensor<8xf32>
  // CHECK: %[[C:.*]] = arith.cmpi ult, %[[I]], %c2
  // CHECK: cf.assert %[[C]], "number of a tensor is out of range" {moe.guard}
  // CHECK: moe.pick
  %k = moe.pick %i [%p, %t] : tensor<8xf32>
  // CHECK-NOT: cf.assert
  // CHECK: tensor.extract
  %v = tensor.extract %k[%i] : tensor<8xf32>
  return %k, %v : tensor<8xf32>, f32
}
