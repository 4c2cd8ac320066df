// RUN: moe-opt %s --moe-approximate-math=target=avx2 | FileCheck %s
// RUN: moe-opt %s --moe-approximate-math=target=sse | FileCheck %s --check-prefix=SSE

// CHECK-LABEL: func.func @vectors
// CHECK-NOT: math.exp
// CHECK-NOT: math.tanh
// CHECK-NOT: math.erf
// CHECK: math.fma %{{.*}} : vector<8xf32>
// CHECK: return
// SSE-LABEL: func.func @vectors
// SSE-NOT: math.fma
// SSE: math.erf
// SSE: return
func.func @vectors(%x: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
  %0 = math.exp %x : vector<8xf32>
  %1 = math.expm1 %x : vector<8xf32>
  %2 = math.tanh %x : vector<8xf32>
  %3 = math.erf %x : vector<8xf32>
  return %0, %1, %2, %3 : vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>
}

// Narrow types are computed in f32, double precision is left to the library.
// CHECK-LABEL: func.func @scalars
// CHECK: math.cos %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: math.exp %{{.*}} : f64
func.func @scalars(%x: bf16, %y: f64) -> (bf16, f64) {
  %0 = math.cos %x : bf16
  %1 = math.exp %y : f64
  return %0, %1 : bf16, f64
}
