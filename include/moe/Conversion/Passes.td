//===- Passes.td - Passes out of the dialect and downwards ---*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order of the road down.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_PASSES_TD
#define MOE_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// regions
//===----------------------------------------------------------------------===//

def ConvertMoEToSCFPass : Pass<"moe-convert-to-scf", "::mlir::ModuleOp"> {
  let summary = "Turn dispatches into conditional regions and loops over tiles";
  let description = [{
    A routing becomes four plain values: the number of tokens, the offset of
    each expert's assignments, and the token and the weight of each assignment.
    A family becomes one `scf.forall` over a table of the active (expert, row
    block) tiles, unlike experts one `scf.if` each.

    With `all-experts` every body runs on all tokens and each token selects its
    own results (the dense form).

    ```mlir
    %rows = moe.dispatch %x by %r : ... { ^expert0(%mine: ...): ... }, ...
    ==>
    %some = arith.cmpi ugt, %tiles, %c0 : index
    %rows = scf.if %some -> (tensor<?x8xf32>) {
      %out = scf.execute_region -> tensor<?x8xf32> no_inline { scf.forall ... }
      scf.yield %out : tensor<?x8xf32>
    } else {
      scf.yield %empty : tensor<?x8xf32>
    }
    ```
  }];
  let options = [Option<"allExperts", "all-experts", "bool", "false",
                        "Run every expert on every token (the dense form)">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def ConvertParametersToMemRefPass
    : Pass<"moe-convert-parameters-to-memref", "::mlir::ModuleOp"> {
  let summary = "Bind weights to symbols that the loader defines";
  let description = [{
    An extern `ml_program.global @name` becomes a public `memref.global
    @"moe.weight.name"` without a value, and its loads `memref.get_global`
    without a copy. A `moe.parameters @family` becomes a table of byte offsets
    `@"moe.offsets.family"` into the mapped weights `@"moe.arena"`.

    ```mlir
    %w = ml_program.global_load_const @router.weight : tensor<8x64xf32>
    ==>
    %m = memref.get_global @moe.weight.router.weight : memref<8x64xf32>
    %w = bufferization.to_tensor %m restrict : ...
    ```

    A tensor named in `misaligned` is copied to aligned memory by a call of
    `moe_rt_align` before it is used.
  }];
  let options = [ListOption<"misaligned", "misaligned", "std::string",
                            "Names of tensors to copy before use">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect"];
}

//===----------------------------------------------------------------------===//
// tiled
//===----------------------------------------------------------------------===//

def FuseElementwisePass : Pass<"moe-fuse-elementwise"> {
  let summary = "Fuse elementwise operations on tensors";
  let description = [{
    Elementwise linalg operations become `linalg.generic` and take in the
    elementwise operations that produce their operands, where the result has no
    other use: no work is done twice. Nothing is fused into a reduction.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
  ];
}

def ApproximateMathPass : Pass<"moe-approximate-math"> {
  let summary = "Compute functions of f32 by polynomials";
  let description = [{
    `math.exp`, `math.expm1`, `math.tanh` and `math.erf` of f32, on scalars and
    vectors, become arithmetic that vectorizes, and `math.log1p` an expression
    of `math.log`. The results are within four
    units in the last place of the exact ones for every argument; NaN,
    infinities, overflow and gradual underflow are those of the function.
    Functions of f16 and bf16 are computed in f32. All other functions are left
    to the mathematical library.
  }];
  let options = [
    Option<"targetName", "target", "std::string", "\"host\"",
           "Processor to generate code for: host, avx512, avx2 or sse">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def VectorizeContractionsPass : Pass<"moe-vectorize-contractions"> {
  let summary = "Turn contractions on tensors into loops over vectors";
  let description = [{
    Every linalg operation on tensors that multiplies two operands and adds up
    the products in f32 or f64, whatever the order of its dimensions, becomes
    loops and vector operations: panels of the right-hand side are packed (and
    widened) into a buffer that stays in the cache, and tiles of the result are
    accumulated in registers. Sizes may be static or dynamic, odd or zero.

    The products of one element are added in ascending order, and the number of
    rows that are computed together does not change a bit of any of them. All
    sizes come from the target. A contraction that is left alone is reported by
    a remark that says why.
  }];
  let options = [
    Option<"targetName", "target", "std::string", "\"host\"",
           "Processor to generate code for: host, avx512, avx2 or sse">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def VectorizeElementwisePass : Pass<"moe-vectorize-elementwise"> {
  let summary = "Turn elementwise operations on tensors into vector loops";
  let description = [{
    A linalg operation on tensors without reductions, whose operands either run
    along the last dimension of the result or do not depend on it, becomes loops
    over its dimensions, the last in steps of a vector. What is left over at the
    end of a row is computed with masked reads and writes. Operations that read
    across the last dimension, hold booleans in memory, or may trap on values
    that are not there stay as they are.
  }];
  let options = [
    Option<"targetName", "target", "std::string", "\"host\"",
           "Processor to generate code for: host, avx512, avx2 or sse">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"
  ];
}

//===----------------------------------------------------------------------===//
// buffers
//===----------------------------------------------------------------------===//

def OutlineExpertsPass : Pass<"moe-outline-experts", "::mlir::ModuleOp"> {
  let summary = "Move regions that are not to be inlined into functions";
  let description = [{
    Each `scf.execute_region no_inline` in buffers becomes a private function
    that is given what the region captures. A function is what is compiled when
    it is first called. Its name is the name in the region's location.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

//===----------------------------------------------------------------------===//
// machine
//===----------------------------------------------------------------------===//

def ConvertForallToRuntimePass
    : Pass<"moe-convert-forall-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Run the iterations of scf.forall through the runtime";
  let description = [{
    The body of each `scf.forall` in buffers becomes a function of an index and
    a context, which `moe_rt_parallel_for` calls with a dynamic schedule.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect"];
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

#endif // MOE_CONVERSION_PASSES_TD
