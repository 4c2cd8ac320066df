// RUN: moe-opt %s --convert-elementwise-to-linalg --moe-fuse-elementwise | FileCheck %s

// A chain is one operation.
// CHECK-LABEL: func.func @chain
// CHECK: linalg.generic
// CHECK:   arith.negf
// CHECK:   math.exp
// CHECK:   arith.mulf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = arith.negf %x : tensor<?x8xf32>
  %1 = math.exp %0 : tensor<?x8xf32>
  %2 = arith.mulf %1, %y : tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// A value with two users is computed once, and a reduction takes nothing in.
// CHECK-LABEL: func.func @shared
// CHECK: linalg.generic
// CHECK:   math.exp
// CHECK: linalg.generic
// CHECK:   arith.negf
// CHECK: linalg.reduce
func.func @shared(%x: tensor<4x8xf32>, %init: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  %0 = math.exp %x : tensor<4x8xf32>
  %1 = arith.negf %0 : tensor<4x8xf32>
  %2 = linalg.reduce { arith.addf } ins(%0 : tensor<4x8xf32>) outs(%init : tensor<4xf32>) dimensions = [1]
  return %1, %2 : tensor<4x8xf32>, tensor<4xf32>
}
