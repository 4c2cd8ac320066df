// RUN: moe-opt %s --moe-embed-kernels | FileCheck %s

// Text ends in a zero byte; another module's record stays a declaration.
// CHECK-DAG: llvm.mlir.global internal constant @moe.image.main_kernel("PTX\00")
// CHECK-DAG: llvm.mlir.global internal constant @moe.image.name.moe.kernel.main_kernel.step("step\00")
// CHECK-LABEL: llvm.mlir.global internal @moe.kernel.main_kernel.step()
// CHECK-DAG: llvm.mlir.addressof @moe.image.main_kernel
// CHECK-DAG: llvm.mlir.constant(4 : i64)
// CHECK: llvm.return
// CHECK: llvm.mlir.global external @moe.kernel.other.step()
// CHECK-NOT: gpu.binary
module attributes {gpu.container_module} {
  gpu.binary @main_kernel [#gpu.object<#nvvm.target<chip = "sm_90a">, assembly = "PTX">]
  llvm.mlir.global external @moe.kernel.main_kernel.step() : !llvm.struct<(ptr, ptr, i64, i64)>
  llvm.mlir.global external @moe.kernel.other.step() : !llvm.struct<(ptr, ptr, i64, i64)>
}
