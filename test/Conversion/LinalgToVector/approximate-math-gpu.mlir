// RUN: moe-opt %s --moe-approximate-math=target=gpu | FileCheck %s

// There is no library: whatever has a polynomial is one.
// CHECK-LABEL: func.func @functions
// CHECK-NOT: math.{{exp|log|sin|pow|atan|tan|cosh}}
// CHECK: return
func.func @functions(%x: f32, %y: f32) -> (f32, f32, f32, f32, f32, f32, f32) {
  %0 = math.exp %x : f32
  %1 = math.log %x : f32
  %2 = math.sin %x : f32
  %3 = math.powf %x, %y : f32
  %4 = math.atan %x : f32
  %5 = math.tan %x : f32
  %6 = math.cosh %x : f32
  return %0, %1, %2, %3, %4, %5, %6 : f32, f32, f32, f32, f32, f32, f32
}

// What may be approximate is an instruction; what is exact is not.
// CHECK-LABEL: func.func @approximate
// CHECK: %[[SCALED:.*]] = arith.mulf %arg0, %{{.*}} : f32
// CHECK: llvm.inline_asm "ex2.approx.f32 $0, $1;", "=f,f" %[[SCALED]]
// CHECK: llvm.inline_asm "tanh.approx.f32 $0, $1;", "=f,f" %arg0
// CHECK-LABEL: func.func @exact
// CHECK-NOT: llvm.inline_asm
// CHECK: return
func.func @approximate(%x: f32) -> (f32, f32) {
  %0 = math.exp %x fastmath<afn> : f32
  %1 = math.tanh %x fastmath<afn> : f32
  return %0, %1 : f32, f32
}
func.func @exact(%x: f32) -> (f32, f32) {
  %0 = math.exp %x fastmath<contract> : f32
  %1 = math.tanh %x : f32
  return %0, %1 : f32, f32
}
