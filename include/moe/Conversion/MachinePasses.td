//===- MachinePasses.td - The last steps to a machine ------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of Passes.td: conversions of what is in buffers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MACHINEPASSES_TD
#define MOE_CONVERSION_MACHINEPASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinalgToGPUPass
    : Pass<"moe-convert-linalg-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn structured operations on buffers into kernels";
  let description = [{
    All buffers become the device's (`gpu.alloc`), each linalg operation and copy
    a kernel with a thread for each point of its parallel loops (`gpu.launch`). A
    point has a warp if a loop of 32 iterations or more reduces neighbours in
    memory by an operation of which the order is free (a sum, a product, the
    largest, the smallest, and, or): lanes take turns, and pairs of them combine
    what they have (`gpu.shuffle`). Allocations, conditions and loops around them stay on the host, which reads
    the elements of buffers that it must know (`gpu.memcpy`).

    ```mlir
    linalg.generic ... ins(%x : memref<?x8xf32>) outs(%y : memref<?x8xf32>)
    ==>
    gpu.launch blocks(...) in (%blocks, 1, 1) threads(...) in (256, 1, 1) {
      %inside = arith.cmpi ult, %point, %points : index
      scf.if %inside { ... memref.store %value, %y[%row, %column] ... }
      gpu.terminator
    }
    ```
  }];
  let options = [Option<"threads", "threads", "int64_t", "256",
                        "Threads of a block">];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

//===----------------------------------------------------------------------===//
// machine
//===----------------------------------------------------------------------===//

def ConvertForallToRuntimePass
    : Pass<"moe-convert-forall-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Run the iterations of scf.forall through the runtime";
  let description = [{
    The body of each `scf.forall` in buffers becomes a function of an index and
    of what it captures, which `moe_rt_parallel_for` calls with a dynamic schedule.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def CheckAllocationsPass
    : Pass<"moe-check-allocations", "::mlir::ModuleOp"> {
  let summary = "Check that the bytes of an allocation can be counted";
  let description = [{
    The lowering of allocations multiplies sizes without a check, so that a
    product that wraps around gives less memory than is then written to. In
    front of each allocation of the host (`memref.alloc`, `gpu.alloc`) the sizes
    are multiplied with overflow checks:

    ```mlir
    %m = memref.alloc(%n) : memref<?x4xf32>
    ==>
    %low, %high = arith.mului_extended %c16, %n
    // no high half, and at most 2^48 bytes
    cf.assert %fits, "size of a tensor is negative or too large"
    %m = memref.alloc(%n) : memref<?x4xf32>
    ```

    A size of 0 counts as 1, so that no size of a tensor is too large, be the
    tensor empty or not.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

def ConvertAssertToRuntimePass
    : Pass<"moe-convert-assert-to-runtime", "::mlir::ModuleOp"> {
  let summary = "End the run with a message where cf.assert fails";
  let description = [{
    Upstream lowers `cf.assert` to `abort`. This pass calls `moe_rt_fail` with
    the location and the message instead.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def ConvertAssertToTrapPass
    : Pass<"moe-convert-assert-to-trap", "::mlir::ModuleOp"> {
  let summary = "Turn assertions in kernels into traps";
  let description = [{
    An assertion inside a `gpu.launch` that does not hold leaves the address of
    its message in the failure word of the device (`moe_rt_device_failure_word`)
    and stops the kernel.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect"];
}

def MergeKernelsPass : Pass<"moe-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "Put the kernels that a function launches into one module";
  let description = [{
    After outlining, each kernel has a module of its own. Those that the function
    `f` launches come into `@f_kernels`, as `@f_0`, `@f_1` and so on.
  }];
}

def ConvertKernelsToNVVMPass
    : Pass<"moe-convert-kernels-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turn the code of kernels into the llvm and nvvm dialects";
  let description = [{
    With upstream's patterns, but no function of the CUDA toolkit's library: the
    functions that have instructions become these, and any other is an error.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def ConvertGPUToRuntimePass
    : Pass<"moe-convert-gpu-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Turn buffers and launches of the host into calls of the runtime";
  let description = [{
    `gpu.alloc` becomes `moe_rt_device_alloc`, `gpu.memcpy` to the host
    `moe_rt_device_read`, `gpu.launch_func` `moe_rt_device_launch` with the
    kernel's record `@moe.kernel.MODULE.KERNEL`, and a global the result of
    `moe_rt_device_constant`, which uploads it when it is first used. Everything
    else of the memref dialect becomes what upstream makes of it.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ThreadContextPass : Pass<"moe-thread-context", "::mlir::ModuleOp"> {
  let summary = "Give compiled functions the context that they run in";
  let description = [{
    Every function of the host gets a context as its first argument, passes it on
    to the functions that it calls, and begins every call of the runtime
    (`moe_rt_*`) with it. Functions of which the runtime gets the address, the
    bodies of parallel loops, get it from there. A variable without a value is
    data that the context has: its address is loaded from the table that the
    context begins with, and the attribute `moe.data` of the module lists the
    names in the order of that table. Allocations of upstream become the
    runtime's.

    ```mlir
    llvm.mlir.global external @moe.weight.w() : !llvm.array<4 x f32>
    llvm.func @main() {
      %w = llvm.mlir.addressof @moe.weight.w : !llvm.ptr
      %x = llvm.call @_mlir_memref_to_llvm_alloc(%bytes) : (i64) -> !llvm.ptr
      ...
    ==>
    module attributes {moe.data = ["moe.weight.w"]} {
    llvm.func @main(%context: !llvm.ptr) {
      %table = llvm.load %context invariant : !llvm.ptr -> !llvm.ptr
      %w = llvm.load %table[0] invariant : !llvm.ptr -> !llvm.ptr
      %x = llvm.call @moe_rt_alloc(%context, %bytes, %c64)
         : (!llvm.ptr, i64, i64) -> !llvm.ptr
      ...
    ```

    Records of kernels are no data: they are defined later, with the code.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def EmbedKernelsPass : Pass<"moe-embed-kernels", "::mlir::ModuleOp"> {
  let summary = "Put the code of kernels into the host's module";
  let description = [{
    The object of each `gpu.binary` becomes a constant, and the records of its
    kernels, `@moe.kernel.MODULE.KERNEL`, refer to it.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertNVVMToEmulatorPass
    : Pass<"moe-convert-nvvm-to-emulator", "::mlir::ModuleOp"> {
  let summary = "Make kernels for an NVIDIA GPU functions of the host";
  let description = [{
    Every kernel (`llvm.func` with `nvvm.kernel` or `gpu.kernel`) of every
    `gpu.module` becomes a function of the host that does what one thread does. Instructions that a CPU
    lacks become calls of the emulator's functions `moe_emu_*`; pointers into
    all address spaces become plain ones; globals in shared memory become
    offsets. The emulator is told of each access of shared memory.

    It comes before `convert-nvvm-to-llvm`, which spells instructions as PTX.

    A kernel is known to the host by a global, which the pass makes, or defines
    if it is declared:

    ```mlir
    llvm.mlir.global internal @moe.kernel.MODULE.KERNEL()
        : !llvm.struct<(ptr, ptr, i64, i64)>
    ```

    It has the kernel's name and a function that takes the addresses of the
    kernel's arguments. An operation that is not emulated is an error.

    ```mlir
    %t = nvvm.read.ptx.sreg.tid.x : i32
    nvvm.barrier0
    ==>
    %t = llvm.call @moe_emu_tid_x() : () -> i32
    llvm.call @moe_emu_barrier(...) : (i32, i32, i32, i32) -> i32
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // MOE_CONVERSION_MACHINEPASSES_TD
