// RUN: moe-opt %s -split-input-file -verify-diagnostics --pass-pipeline="builtin.module(gpu.module(moe-convert-kernels-to-nvvm))" | FileCheck %s

// Instructions, and no function of a library.
// Pointers to 64 bits are aligned to as many.
// CHECK: gpu.module @{{.*}} attributes {llvm.data_layout = "e-{{.*}}i64:64-{{.*}}"}
// CHECK-LABEL: llvm.func @functions
// CHECK-SAME: nvvm.kernel
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: llvm.intr.sqrt
// CHECK: llvm.intr.copysign
// CHECK-NOT: __nv_
gpu.module @kernels {
  gpu.func @functions(%x: memref<?xf32>) kernel {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<?xf32>
    %b = math.sqrt %a : f32
    %c = math.copysign %b, %a : f32
    memref.store %c, %x[%i] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @functions(%x: memref<?xf64>) kernel {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<?xf64>
    // expected-error @+1 {{'math.exp' of 'f64' has no code for a GPU}}
    %b = math.exp %a : f64
    memref.store %b, %x[%i] : memref<?xf64>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @memory(%x: memref<?xf64>) kernel {
    %i = gpu.thread_id x
    // expected-error @+1 {{a tensor is made here for each element of another, and a kernel has no memory for that}}
    %a = memref.alloc(%i) : memref<?xf64>
    %b = memref.load %a[%i] : memref<?xf64>
    memref.store %b, %x[%i] : memref<?xf64>
    gpu.return
  }
}

// -----

// A division that may be approximate is a product; any other is a division.
// CHECK-LABEL: llvm.func @divisions
// CHECK: %[[R:.*]] = nvvm.rcp.approx.ftz.f %{{.*}} : f32
// CHECK: llvm.fmul %{{.*}}, %[[R]] : f32
// CHECK: llvm.fdiv {{.*}} : f32
// CHECK: llvm.fdiv {{.*}} : f64
gpu.module @divide {
  gpu.func @divisions(%x: f32, %y: f32, %z: f64, %out: memref<2xf32>, %wide: memref<1xf64>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = arith.divf %x, %y fastmath<afn> : f32
    %b = arith.divf %x, %y : f32
    %c = arith.divf %z, %z fastmath<afn> : f64
    memref.store %a, %out[%c0] : memref<2xf32>
    memref.store %b, %out[%c1] : memref<2xf32>
    memref.store %c, %wide[%c0] : memref<1xf64>
    gpu.return
  }
}
