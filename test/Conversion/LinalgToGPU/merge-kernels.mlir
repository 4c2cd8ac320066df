// RUN: moe-opt %s --gpu-kernel-outlining --moe-merge-kernels | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: gpu.launch_func @main_kernels::@main_0
// CHECK: gpu.launch_func @main_kernels::@main_1_copy_back
// CHECK-LABEL: func.func private @moe_expert_0_1
// CHECK: gpu.launch_func @moe_expert_0_1_kernels::@moe_expert_0_1_0
// CHECK: gpu.module @main_kernels
// CHECK: gpu.func @main_0
// A kernel that was given a name keeps it.
// CHECK: gpu.func @main_1_copy_back
// CHECK: gpu.module @moe_expert_0_1_kernels
// CHECK: gpu.func @moe_expert_0_1_0
// CHECK-NOT: gpu.module
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    %v = memref.load %x[%tx] : memref<4xf32>
    memref.store %v, %y[%tx] : memref<4xf32>
    gpu.terminator
  }
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) function(@copy_back) {
    %v = memref.load %y[%tx] : memref<4xf32>
    memref.store %v, %x[%tx] : memref<4xf32>
    gpu.terminator
  }
  call @moe_expert_0_1(%x) : (memref<4xf32>) -> ()
  return
}
func.func private @moe_expert_0_1(%x: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    memref.store %zero, %x[%tx] : memref<4xf32>
    gpu.terminator
  }
  return
}
