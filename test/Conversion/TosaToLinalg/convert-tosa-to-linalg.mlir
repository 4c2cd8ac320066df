// RUN: moe-opt %s --moe-convert-tosa-to-linalg | FileCheck %s

// CHECK-LABEL: @speaks
// CHECK-NOT: tosa.
// CHECK: linalg.generic
// CHECK: math.tanh
// CHECK-NOT: tosa.
func.func @speaks(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = tosa.tanh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// A scatter has loops alone.
// CHECK-LABEL: @scatters
// CHECK-NOT: tosa.
// CHECK: scf.for
// CHECK-NOT: tosa.
func.func @scatters(%x: tensor<1x4x2xf32>, %i: tensor<1x3xi32>, %u: tensor<1x3x2xf32>) -> tensor<1x4x2xf32> {
  %y = tosa.scatter %x, %i, %u : (tensor<1x4x2xf32>, tensor<1x3xi32>, tensor<1x3x2xf32>) -> tensor<1x4x2xf32>
  return %y : tensor<1x4x2xf32>
}

// Nothing is done to a function without TOSA, not even folding.
// CHECK-LABEL: @silent
// CHECK: arith.addi
func.func @silent() -> i32 {
  %a = arith.constant 1 : i32
  %b = arith.addi %a, %a : i32
  return %b : i32
}
