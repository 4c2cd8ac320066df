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
include "moe/Conversion/MachinePasses.td"

//===----------------------------------------------------------------------===//
// masked
//===----------------------------------------------------------------------===//

def ConvertTosaToLinalgPass : Pass<"moe-convert-tosa-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Convert functions that speak TOSA";
  let description = [{
    Runs upstream's conversions of TOSA to scf, linalg, tensor and arith, with
    the decompositions and the constant folding that they need, on a function
    that holds an operation of TOSA. Others stay as they are.

    ```mlir
    %y = tosa.tanh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
    ==>
    %y = linalg.generic ... { math.tanh %in : f32 }
    ```
  }];
}

//===----------------------------------------------------------------------===//
// routed
//===----------------------------------------------------------------------===//

def RaiseDensePass : Pass<"moe-raise-dense", "::mlir::ModuleOp"> {
  let summary = "Move what is computed for all tokens and then masked into experts";
  let description = [{
    Frameworks write a mixture of experts densely: every expert on every token,
    then a mask. Here what a mask needs moves into a region of `moe.where`.

    ```mlir
    %a = ...                                     // for all tokens
    %b = ...
    %y = linalg.generic ... { arith.select %in, %in_0, %in_1 }
    ==>
    %y = moe.where %mask along [0] : ... {
      %a = ...
      moe.yield %a : ...
    } else {
      %b = ...
      moe.yield %b : ...
    }
    ```

    Recognised are nests of selects between rows, and products with numbers that
    are zero by choice, also where zeros go through other operations first. What
    takes less to compute for all rows stays as it is, by a cost model.

    A select is exact. A product with zero is not, where the other factor is
    infinite or NaN: it counts if the operation carries `nnan` and `ninf`, or
    with `assume-finite`. Without that option the module's
    `moe.assume_finite_would_raise` says how many more experts there would be.
    The sign of a zero may change.

    Rows that are listed by a mask, gathered, and scattered into or added to
    others are recognised as what they are, and become experts likewise; so do
    results that are gathered by the number of an expert.

    A value that is masked but stays where it is gets a remark that says why.
  }];
  let options = [Option<"assumeFinite", "assume-finite", "bool", "false",
                        "Nothing that is multiplied by zero is infinite or NaN">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::moe::MoEDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
}

def RaiseWherePass : Pass<"moe-raise-where", "::mlir::ModuleOp"> {
  let summary = "Turn what is needed where masks hold into experts";
  let description = [{
    Cases of `moe.where` whose rows are computed each by itself become experts:
    those of one operation, those whose results are added up, and those of a
    stack that a sum adds up.

    ```mlir
    %y = moe.where %m along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
      %a = ... %x ...
      moe.yield %a : tensor<?x4xf32>
    } else {
      moe.yield %b : tensor<?x4xf32>
    }
    ==>
    %r = moe.route %mask : (tensor<?x1xi1>) -> !moe.routing<1>
    %rows = moe.dispatch %x by %r : ... { ^expert0(%mine: ...): ... }
    %y = moe.combine %rows by %r init(%b) unweighted : ...
    ```

    Dispatches of the same masks share a routing, experts that are alike become
    a family, and layers whose rows are the same intervals of tokens, as of
    ragged products, become one dispatch if no intervals overlap, which is
    checked while running; otherwise all experts are computed for all tokens.

    What mixes rows stays, with a remark.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::moe::MoEDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
}

def LowerWherePass : Pass<"moe-lower-where"> {
  let summary = "Compute what a mask chooses for all rows";
  let description = [{
    The dense form of `moe.where`: each region is computed as a whole, and
    selects take what the masks say. What is `implied` is taken as it is, unless
    `select-implied` is given, which must change nothing where all numbers are
    finite.

    ```mlir
    %y = moe.where %m along [0] : ... { moe.yield %a : ... } else { moe.yield %b : ... }
    ==>
    %y = linalg.generic ... ins(%m, %a, %b : ...) { arith.select ... }
    ```
  }];
  let options = [Option<"selectImplied", "select-implied", "bool", "false",
                        "Select what is zero already, too">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// regions
//===----------------------------------------------------------------------===//

def ConvertMoEToSCFPass : Pass<"moe-convert-to-scf", "::mlir::ModuleOp"> {
  let summary = "Turn dispatches into conditional regions and loops over tiles";
  let description = [{
    A routing becomes five plain values: the numbers of tokens and assignments,
    the offset of each expert's assignments, and the token and the weight of each
    assignment.
    A dispatch, of a family by now, becomes one `scf.forall` over a table of the
    active (expert, row block) tiles.

    ```mlir
    %rows = moe.dispatch %x by %r : ... { ^each(%e: index, %mine: ...): ... }
    ==>
    %rows = scf.forall (%tile) in (%tiles) shared_outs(%packed = %empty) ... {
      %e = tensor.extract %expert[%tile] : tensor<?xindex>
      ...
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def ConvertMoEToParallelPass
    : Pass<"moe-convert-to-parallel", "::mlir::ModuleOp"> {
  let summary = "Turn dispatches into conditional regions over parallel code";
  let description = [{
    For a machine with many threads. A routing becomes five plain values, those of
    `moe-convert-to-scf` and, for each token, the numbers of its assignments.
    Three kernels make them (`gpu.launch`), which count, sum up and place. A
    dispatch, of a family by now, becomes a loop over experts around one `scf.if`
    with the body on the expert's rows. A combine goes over the assignments of
    each token.

    With `chip` a family whose body is made of products of its rows with weights
    of the expert, and of operations on each element of them, becomes kernels
    over a table of tiles instead, which is made on the device: the host does
    not learn which experts have rows. A remark says why another one does not.

    ```mlir
    %y = moe.combine %rows by %r : ...
    ==>
    %y = linalg.generic ... outs(%empty : tensor<?x64xf32>) {
      %token = linalg.index 0 : index
      %sum = scf.for %i = %c0 to %most ... { ... %slots[%token, %i] ... }
      linalg.yield %sum : f32
    } -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"chip", "chip", "std::string", "\"\"",
                        "The GPU to make kernels of families for">,
                 Option<"ptxVersion", "ptx", "unsigned", "0",
                        "Version of PTX times ten; 0 is the newest">,
                 Option<"kernels", "kernels", "std::string", "\"wgmma\"",
                        "The best that families may use: wgmma, mma, simt">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::vector::VectorDialect",
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

    With `stacked` the tensors of a family lie one after another instead, at
    `@"moe.stack.family"`, as they do in the memory of a device.

    A tensor named in `misaligned` is copied to aligned memory by a call of
    `moe_rt_align` before it is used.
  }];
  let options = [ListOption<"misaligned", "misaligned", "std::string",
                            "Names of tensors to copy before use">,
                 Option<"stacked", "stacked", "bool", "false",
                        "The tensors of a family lie one after another">];
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
    other use: no work is done twice, but for elements that few others are
    computed from. Nothing is fused into a reduction.
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
    to the mathematical library; the target `gpu` has none, and all functions of
    f32 for which upstream has an approximation are computed by it. There,
    `math.exp` and `math.tanh` with the flag `afn` are instructions.
  }];
  let options = [
    Option<"targetName", "target", "std::string", "\"host\"",
           "Processor to generate code for: host, avx512, avx2, sse or gpu">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def ParallelizeLinalgPass
    : Pass<"moe-parallelize-linalg", "::mlir::ModuleOp"> {
  let summary = "Divide structured operations on tensors among threads";
  let description = [{
    Outside of what is parallel already, a linalg operation becomes a
    `scf.forall` over blocks of its first parallel loop: as many as keep all
    threads busy, but none with less work than starting a thread is worth. Of a
    product with few rows the columns are divided. Bits do not depend on the
    blocks: an element is computed as before.

    ```mlir
    %y = linalg.matmul ins(%x, %w) outs(%o)
      ==>
    %y = scf.forall (%i) = (0) to (%rows) step (%block) shared_outs(%all = %o) {
      %t = linalg.matmul ins(rows of %x, %w) outs(rows of %all)
      ...
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def VectorizeContractionsPass
    : Pass<"moe-vectorize-contractions", "::mlir::ModuleOp"> {
  let summary = "Turn contractions on tensors into loops over vectors";
  let description = [{
    Every linalg operation on tensors that multiplies two operands and adds up
    the products in f32 or f64, whatever the order of its dimensions, becomes
    loops and vector operations: panels of the right-hand side are packed (and
    widened) into a buffer that stays in the cache, and tiles of the result are
    accumulated in registers. Sizes may be static or dynamic, odd or zero. The
    code is a private function `moe_kernel_N`, one for all contractions of the
    same types and order of dimensions, wherever they stand: a model has far
    fewer of these than products.

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
    "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::moe::MoEDialect",
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

def CompleteTransfersPass : Pass<"moe-complete-transfers"> {
  let summary = "Write vectors of the rank of their tensors";
  let description = [{
    Bufferization takes the write of a vector of lower rank for one of the whole
    tensor, and drops what was there, where the vector is at least as long as the
    tensor has rows.

    ```mlir
    vector.transfer_write %v, %t[%c0, %c0] : vector<8xf32>, tensor<5x6xf32>
    ==>
    %w = vector.broadcast %v : vector<8xf32> to vector<1x8xf32>
    vector.transfer_write %w, %t[%c0, %c0] {in_bounds = [true, false]}
      : vector<1x8xf32>, tensor<5x6xf32>
    ```
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect"];
}

#endif // MOE_CONVERSION_PASSES_TD
