// RUN: moe-opt %s --moe-lower-to-cpu=to=routed | FileCheck %s
// RUN: moe-run %s --input='2x2xf32=0 1 -1 2' --expected-output='2x2xf32=1 2.7182818 0.36787944 7.3890561' --expected-output='2x2xf32=0 1 0 2'

// What front ends write in TOSA is linalg after `routed`.
// CHECK-NOT: tosa.
// CHECK: linalg.generic
func.func @main(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %e = tosa.exp %x : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %r = tosa.clamp %x {min_val = 0.0 : f32, max_val = 3.40282347E+38 : f32} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %e, %r : tensor<2x2xf32>, tensor<2x2xf32>
}
