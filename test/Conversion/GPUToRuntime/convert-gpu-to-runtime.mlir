// RUN: moe-opt %s --moe-convert-gpu-to-runtime | FileCheck %s

module attributes {gpu.container_module} {
  memref.global @moe.weight.w : memref<4xf32>
  memref.global @moe.stack.experts : memref<2x4x8xbf16>

  gpu.module @kernels {
    llvm.func @grouped(%a: !llvm.ptr<1>, %n: i64) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
    llvm.func @plain(%allocated: !llvm.ptr, %aligned: !llvm.ptr, %offset: i64,
                     %size: i64, %stride: i64) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }

  // Records of kernels, which whoever loads them fills in.
  // CHECK-DAG: llvm.mlir.global external @moe.kernel.kernels.plain() {{.*}}: !llvm.struct<(ptr, ptr, i64, i64)>
  // CHECK-DAG: llvm.mlir.global external @moe.kernel.kernels.grouped()

  // CHECK-LABEL: func.func @main
  // CHECK-DAG: %[[SIZE:.*]] = {{.*}}%arg0
  func.func @main(%n: index) -> f32 {
    %c1 = arith.constant 1 : index
    %shared = arith.constant 1024 : i32
    // CHECK: llvm.call @moe_rt_device_alloc(%{{.*}}) : (i64) -> !llvm.ptr
    %x = gpu.alloc(%n) : memref<?xf32>
    // A weight is uploaded when it is first used ...
    // CHECK: %[[HOST:.*]] = llvm.mlir.addressof @moe.weight.w
    // CHECK: llvm.call @moe_rt_device_constant(%[[HOST]], %{{.*}}) : (!llvm.ptr, i64) -> !llvm.ptr
    %w = memref.get_global @moe.weight.w : memref<4xf32>
    // ... a stack is on the device.
    // CHECK: llvm.mlir.addressof @moe.stack.experts
    // CHECK-NOT: moe_rt_device_constant
    %stack = memref.get_global @moe.stack.experts : memref<2x4x8xbf16>
    // CHECK: %[[PLAIN:.*]] = llvm.mlir.addressof @moe.kernel.kernels.plain
    // CHECK: llvm.call @moe_rt_device_launch(%[[PLAIN]],
    gpu.launch_func @kernels::@plain blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%w : memref<4xf32>)
    // A buffer as an address, and a map of it: sizes and box from the
    // contiguous dimension on.
    // CHECK: llvm.call @moe_rt_device_tensor_map(
    // CHECK: %[[GROUPED:.*]] = llvm.mlir.addressof @moe.kernel.kernels.grouped
    // CHECK: llvm.call @moe_rt_device_launch(%[[GROUPED]],
    gpu.launch_func @kernels::@grouped blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1)
      dynamic_shared_memory_size %shared
      args(%stack : memref<2x4x8xbf16>, %n : index)
      {moe.tensor_maps = [array<i64: 0, 64, 128, 1>]}
    // CHECK: llvm.call @moe_rt_device_read(
    %slot = memref.alloca() : memref<f32>
    %c0 = arith.constant 0 : index
    %element = memref.reinterpret_cast %x to offset: [0], sizes: [], strides: [] : memref<?xf32> to memref<f32>
    gpu.memcpy %slot, %element : memref<f32>, memref<f32>
    %value = memref.load %slot[] : memref<f32>
    return %value : f32
  }
}
