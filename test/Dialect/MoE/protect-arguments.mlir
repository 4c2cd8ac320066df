// Arguments of public functions are not written to; a private function may use those it is given.
// RUN: moe-opt %s --split-input-file --pass-pipeline="builtin.module(func.func(moe-protect-arguments))" | FileCheck %s

// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{[^:]*}}: f32, %{{.*}}: tensor<?xi64> {bufferization.writable = false})
func.func @main(%x: tensor<4xf32>, %s: f32, %n: tensor<?xi64>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// CHECK: func.func private @inner(%{{[^:]*}}: tensor<4xf32>)
func.func private @inner(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// What the model says of its own does not count.
// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false})
func.func @main(%x: tensor<4xf32> {bufferization.writable = true}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// What is given away may be written to.
// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = true, moe.donated}, %{{.*}}: tensor<4xf32> {bufferization.writable = false})
func.func @main(%x: tensor<4xf32> {moe.donated}, %y: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
