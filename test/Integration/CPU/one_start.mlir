// RUN: moe-run %s --input=1x4xf32=1 --input=1x1xi64=0 --input=4x4xf32=1 --input=4x4xf32=10 --input=4x4xf32=100 | FileCheck %s

// Two products add to one: 4 * 1 + 4 * 10, and 4 * 1 + 4 * 100.
// CHECK: 1x4xf32={{\[\[}}44 44 44 44]]
// CHECK: 1x4xf32={{\[\[}}404 404 404 404]]
func.func @main(%x: tensor<?x4xf32>, %c: tensor<?x1xi64>, %w0: tensor<4x4xf32>, %w1: tensor<4x4xf32>, %w2: tensor<4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %r = moe.route %c : (tensor<?x1xi64>) -> !moe.routing<2>
  %p:2 = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  ^each(%e: index, %mine: tensor<?x4xf32>):
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x4xf32>
    %em = tensor.empty(%n) : tensor<?x4xf32>
    %z = linalg.fill ins(%zero : f32) outs(%em : tensor<?x4xf32>) -> tensor<?x4xf32>
    %s = linalg.matmul ins(%mine, %w0 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
    %a = linalg.matmul ins(%mine, %w1 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
    %b = linalg.matmul ins(%mine, %w2 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %a, %b : tensor<?x4xf32>, tensor<?x4xf32>
  }
  %y = moe.combine %p#0 by %r unweighted : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  %z2 = moe.combine %p#1 by %r unweighted : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  return %y, %z2 : tensor<?x4xf32>, tensor<?x4xf32>
}
