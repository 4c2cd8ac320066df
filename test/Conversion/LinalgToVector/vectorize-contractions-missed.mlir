// RUN: moe-opt %s --moe-vectorize-contractions --remarks-filter='.*' --remark-format=emitRemark --verify-diagnostics=only-expected -o /dev/null 2>&1
// RUN: not moe-opt %s --moe-vectorize-contractions=target=z80 2>&1 | FileCheck %s

// CHECK: unknown CPU target 'z80', expected host, avx512, avx2 or sse

func.func @integers(%a: tensor<4x4xi32>, %c: tensor<4x4xi32>) -> tensor<4x4xi32> {
  // expected-remark@+1 {{body is not a multiply-add}}
  %0 = linalg.matmul ins(%a, %a : tensor<4x4xi32>, tensor<4x4xi32>) outs(%c : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %0 : tensor<4x4xi32>
}

func.func @narrow(%a: tensor<4x4xbf16>, %c: tensor<4x4xbf16>) -> tensor<4x4xbf16> {
  // expected-remark@+1 {{accumulator is neither f32 nor f64}}
  %0 = linalg.matmul ins(%a, %a : tensor<4x4xbf16>, tensor<4x4xbf16>) outs(%c : tensor<4x4xbf16>) -> tensor<4x4xbf16>
  return %0 : tensor<4x4xbf16>
}

func.func @scalar(%a: tensor<4xf32>, %c: tensor<f32>) -> tensor<f32> {
  // expected-remark@+1 {{result is a scalar}}
  %0 = linalg.dot ins(%a, %a : tensor<4xf32>, tensor<4xf32>) outs(%c : tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
