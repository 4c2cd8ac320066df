//===- Passes.td - Passes over mixtures of experts ---------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped by the phase that runs them, alphabetical inside a phase; those around
// bufferization are in BufferPasses.td, those of the phase regions in
// RegionPasses.td.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
#define MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"
include "moe/Dialect/MoE/Transforms/BufferPasses.td"
include "moe/Dialect/MoE/Transforms/RegionPasses.td"

//===----------------------------------------------------------------------===//
// masked, routed
//===----------------------------------------------------------------------===//

def AttachTargetPass : Pass<"moe-attach-target", "::mlir::ModuleOp"> {
  let summary = "Say what a module is compiled for";
  let description = [{
    Describes a processor, or with `chip` a GPU, in the module's
    `dlti.target_system_spec`. Fails if the chip is not known, or not to that
    version of PTX, and with `goes-on` if the module is compiled for something
    else already.

    ```mlir
    module attributes {dlti.target_system_spec = #dlti.target_system_spec<
      "CPU" = #dlti.target_device_spec<"vector_bits" = 512 : i32,
                                       "vector_registers" = 32 : i32,
                                       "fma" = true>>}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "Processor to generate code for: host, avx512, avx2 or sse">,
    Option<"chip", "chip", "std::string", "\"\"", "A GPU, such as sm_90a">,
    Option<"ptxVersion", "ptx", "unsigned", "0",
           "Version of PTX times ten; 0 is the newest">,
    Option<"kernels", "kernels", "std::string", "\"wgmma\"",
           "What kernels of experts may use: wgmma, mma or simt">,
    Option<"goesOn", "goes-on", "bool", "false",
           "Whether the module was compiled to some phase already">];
  let dependentDialects = ["::mlir::DLTIDialect"];
}

def CheckTypesPass : Pass<"moe-check-types"> {
  let summary = "Refuse types of numbers that there is no code for";
  let description = [{
    Fails at the first operation that has values of another type than f16, bf16,
    f32, f64, index and integers of 1 to 64 bits, or tensors of these. Other
    floating-point numbers of 8 bits may be moved, but not be computed with.
    Changes nothing.
  }];
}

def DecomposeAggregatesPass : Pass<"moe-decompose-aggregates"> {
  let summary = "Decompose linalg.softmax, tensor.gather and tensor.scatter";
  let description = [{
    ```mlir
    %p = linalg.softmax dimension(1) ins(%x : ...) outs(%y : ...)
    ==>
    four linalg.generic: maximum, exp of the difference, sum, quotient

    %y = tensor.gather %x[%i] gather_dims([0]) : ...
    ==>
    a linalg.generic of tensor.extract

    %y = tensor.scatter %x into %d[%i] scatter_dims([0]) unique : ...
    ==>
    a loop of tensor.insert_slice
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def DecomposeContractPass
    : Pass<"moe-decompose-contract", "::mlir::func::FuncOp"> {
  let summary = "Turn each moe.contract into linalg operations";
  let description = [{
    Each sum of a `moe.contract` becomes a contraction that starts from zero, and
    its region an elementwise operation on them: for a device that has no kernel
    for the whole.

    ```mlir
    %h = moe.contract rows(%x) weights(%w) with(%b) outs(%e) ... {...}
      ==>
    %s = linalg.generic ... ins(%x, %w) outs(%zeros)  // (m, n) += (m, k) * (n, k)
    %h = linalg.generic ... ins(%s, %b) outs(%e) {...}
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def DropSignsPass : Pass<"moe-drop-signs", "::mlir::ModuleOp"> {
  let summary = "Make integers signless, and bitcasts of tensors those of numbers";
  let description = [{
    Whether an integer has a sign says its type in the signature of a function and
    in a weight, for those who call the model. What computes says it itself.

    ```mlir
    func.func @main(%x: tensor<4xui8>) -> tensor<4xf32> {
      %0 = tensor.bitcast %x : tensor<4xui8> to tensor<4xi8>
      %1 = arith.uitofp %0 : tensor<4xi8> to tensor<4xf32>
    ==>
    func.func @main(%x: tensor<4xi8>) -> tensor<4xf32> {
      %1 = arith.uitofp %x : tensor<4xi8> to tensor<4xf32>
    ```

    A `tensor.bitcast` between other types is an `arith.bitcast` afterwards.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def GuardCastsPass : Pass<"moe-guard-casts"> {
  let summary = "check casts to more static types";
  let description = [{
    For models that nobody vouches for. A `tensor.cast` that makes a size static
    which is not known to be that is checked while running, and sees its operand
    through a slice of static size: what rewrites conclude from the cast holds
    for the slice, and not for the operand.

    ```mlir
    %y = tensor.cast %x : tensor<?x?xf32> to tensor<?x4xf32>
    ==>
    %c = arith.cmpi eq, %dim1, %c4 : index
    cf.assert %c, "tensor does not have the size of its type in dimension 1"
    %s = tensor.extract_slice %x[0, 0] [%dim0, 4] [1, 1]
       : tensor<?x?xf32> to tensor<?x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MarkConditionalsPass : Pass<"moe-mark-conditionals"> {
  let summary = "Remember in locations which conditionals are the model's";
  let description = [{
    Rewriting makes conditionals of its own, and statistics speak of those of the
    model. Its `scf.if` and `scf.index_switch` keep their location in a `FusedLoc`
    with metadata, which survives where operations are made anew. So does an
    `arith.select` between tensors by a scalar, which upstream makes of an `scf.if`
    that chooses between values in front of it.

    Left out are conditionals that decide for single elements: those in the body
    of a structured operation, and those in a loop that handle no whole tensor.

    ```mlir
    scf.if %c { ... } loc("model.mlir":3:8)
    ==>
    scf.if %c { ... } loc(fused<unit>["model.mlir":3:8])
    ```
  }];
}

def PromoteStatePass : Pass<"moe-promote-state", "::mlir::ModuleOp"> {
  let summary = "Make the mutable globals of a function arguments and results";
  let description = [{
    Calls are inlined, so that it is known which value a load of a state gives.
    Each mutable global that a function uses becomes an argument that is given
    away and a result, behind all others; loops and conditionals carry what is
    stored in them.

    ```mlir
    ml_program.global private mutable @count(dense<0> : tensor<i64>) : tensor<i64>
    func.func @main(%x: tensor<i64>) {
      %old = ml_program.global_load @count : tensor<i64>
      %new = tosa.add %old, %x
      ml_program.global_store @count = %new : tensor<i64>
      return
    }
    ==>
    module attributes {moe.state = {main = [["count", memref<i64>, dense<0> : tensor<i64>]]}} {
    func.func @main(%x: tensor<i64>, %old: tensor<i64> {moe.donated}) -> tensor<i64> {
      %new = tosa.add %old, %x
      return %new : tensor<i64>
    }
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
}

def PruneExpertsPass : Pass<"moe-prune-experts"> {
  let summary = "Drop experts that no token ever goes to";
  let description = [{
    An expert is removed from each `moe.dispatch` if its routing can be seen
    never to select it: its column of a mask is false, no row names its number,
    its score never exceeds the threshold, or as many experts as are selected
    (or groups as are kept) always come before it. NaN and minus infinity come
    last, so that a bias of minus infinity alone excludes only experts whose
    number is at least k. A remark names each expert and the reason.

    ```mlir
    %mask = arith.constant dense<[[true, false], [true, false]]>
    %r = moe.route %mask : (tensor<2x2xi1>) -> !moe.routing<2>
    %rows = moe.dispatch %x by %r : ... { body 0 }, { body 1 }
    ```
    ==>
    ```mlir
    %kept = tensor.extract_slice %mask[0, 0] [2, 1] [1, 1] : ...
    %r = moe.route %kept : (tensor<2x1xi1>) -> !moe.routing<1>
    %rows = moe.dispatch %x by %r : ... { body 0 }
    ```

    In the body of a family lists of weights are shortened; other uses of the
    expert's number get the number it had. Where no expert is left the packed
    rows are empty.
  }];
  let options = [Option<"assumeFinite", "assume-finite", "bool", "false",
                        "Numbers are finite that the program does not make "
                        "infinite">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SelectToIfPass : Pass<"moe-select-to-if", "func::FuncOp"> {
  let summary = "Branch where one condition selects between costly tensors";
  let description = [{
    A select between whole tensors by one condition becomes an `scf.if`, if a
    contraction, a convolution, a dispatch or a loop is computed for one of its
    sides alone. `moe-sink-into-branches` then moves it there. Other selects cost
    less than a branch: they are fused, and a device need not ask its host.

    The condition is a scalar, or a tensor that is one element, perhaps broadcast.
    Those that are the mask of a single row were raised before, if they could be.
    Bodies of experts are left alone.

    ```mlir
    %y = linalg.generic ... ins(%c, %a, %b : i1, tensor<?x4xf32>, tensor<?x4xf32>)
         { arith.select }
    ==>
    %y = scf.if %c -> tensor<?x4xf32> {
      scf.yield %a : tensor<?x4xf32>
    } else {
      scf.yield %b : tensor<?x4xf32>
    }
    ```

    Selects by the same condition become one branch, where their order allows it.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SinkIntoBranchesPass : Pass<"moe-sink-into-branches", "func::FuncOp"> {
  let summary = "Compute what one side of a conditional needs on that side";
  let description = [{
    Control-flow sinking for `scf.if` and `scf.index_switch`: an operation without
    effects whose results only one region uses moves there. What may fail, such
    as an assertion, has an effect.

    Nothing enters a loop, a dispatch or the body of a structured operation, where
    it would run more often. Inside a loop only tensors move: a loop over single
    elements is left as it is.

    ```mlir
    %a = linalg.matmul ...
    %y = scf.if %c -> tensor<?x4xf32> {
      scf.yield %a : tensor<?x4xf32>
    } else { ... }
    ==>
    %y = scf.if %c -> tensor<?x4xf32> {
      %a = linalg.matmul ...
      scf.yield %a : tensor<?x4xf32>
    } else { ... }
    ```
  }];
}

//===----------------------------------------------------------------------===//
// grouped
//===----------------------------------------------------------------------===//

def DecomposeGatePass : Pass<"moe-decompose-gate", "func::FuncOp"> {
  let summary = "Compute mask and weights of moe.gate with linalg";
  let description = [{
    Replaces each `moe.gate` by linalg operations that compute its mask and its
    weights, and a `moe.route` of them:

    ```mlir
    %r = moe.gate %scores softmax top_k(2) normalize
       : (tensor<?x8xf32>) -> !moe.routing<8>
    ```
    ==>
    ```mlir
    %values = ...                                  // softmax of each row
    %keys = linalg.generic ...                     // i64, distinct in a row
    %bounds = scf.for %token = ...                 // the second largest keys
    %mask = linalg.generic ...                     // key >= bound
    %weights = linalg.generic ...
    %r = moe.route %mask, %weights
       : (tensor<?x8xi1>, tensor<?x8xf32>) -> !moe.routing<8>
    ```

    Numbers that belong to a row are computed by a loop over rows or, with
    `parallel`, by a linalg operation that computes each on its own.
  }];
  let options = [Option<"parallel", "parallel", "bool", "false",
                        "No loops over tokens, where that is possible">];
  let dependentDialects = [
    "arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect",
    "scf::SCFDialect", "tensor::TensorDialect"
  ];
}

def DefineEmptyTensorsPass : Pass<"moe-define-empty-tensors"> {
  let summary = "Fill a tensor.empty with zeros if its content can be read";
  let description = [{
    For models that nobody vouches for: what is read before it is written is
    zero, not what memory happens to hold.

    ```mlir
    %e = tensor.empty() : tensor<4xf32>
    return %e : tensor<4xf32>
    ==>
    %e = tensor.empty() : tensor<4xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %zeros : tensor<4xf32>
    ```

    A tensor of which structured operations write every element is left alone,
    and so is one of which only the sizes are asked for.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def GuardAccessesPass : Pass<"moe-guard-accesses"> {
  let summary = "check accesses that are not known to be in bounds";
  let description = [{
    For models that nobody vouches for. In front of each operation on tensors
    whose operands can be wrong, a `cf.assert` (marked `moe.guard`) checks them
    while running: indices, slices, sizes of new tensors, shapes of operands
    that have to agree, numbers of parameters. What can be seen to hold is not
    checked. Integer divisions and shifts are checked, conversions to integers
    saturate, and flags that promise something (`nsw`, `exact`, `nnan`) are
    dropped, since a compiler may conclude from them that a check is not needed.
    Operations of the tensor and linalg dialects whose accesses cannot be
    checked are refused.

    The number of a `moe.pick` or `moe.parameter` is checked in any model, by
    this pass alone; other errors of moe operations, such as a token tensor with
    another number of rows than the routing, where they are lowered.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"numbersOnly", "numbers-only", "bool", /*default=*/"false",
           "check what is an error in a trusted model as well: numbers of "
           "moe.pick and moe.parameter">
  ];
}

def ProtectArgumentsPass : Pass<"moe-protect-arguments", "func::FuncOp"> {
  let summary = "Keep a public function from writing into its arguments";
  let description = [{
    Whoever calls a public function has the tensors that it passes afterwards as
    before. Each tensor argument is marked as not writable, so that
    bufferization copies what would be computed in its place:

    ```mlir
    func.func @main(%x: tensor<4xf32>)
    ==>
    func.func @main(%x: tensor<4xf32> {bufferization.writable = false})
    ```

    One that is `moe.donated` may be written to.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def WidenAccumulatorsPass : Pass<"moe-widen-accumulators"> {
  let summary = "Sum up in f32 what is bf16 or f16, and round once";
  let description = [{
    The accumulator of a sum or of a product of short floats becomes f32: that of
    a structured operation with a reduction (contractions, convolutions, sums of
    rows) and what a loop carries and adds to (scatters). The result is rounded
    once, at the end, and products that are added are not rounded at all.

    ```mlir
    %c = linalg.matmul ins(%a, %b : tensor<?x?xbf16>, tensor<?x?xbf16>)
                       outs(%zeros : tensor<?x?xbf16>) -> tensor<?x?xbf16>
    ==>
    %wide = linalg.generic ... outs(%zeros32 : tensor<?x?xf32>) { extf, mulf, addf }
    %c = linalg.generic ins(%wide : tensor<?x?xf32>) ... { arith.truncf }
    ```

    What is compared, stored elsewhere or passed through other functions on the
    way is left as it is written.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// In no phase, or after each
//===----------------------------------------------------------------------===//

def RollLayersPass : Pass<"moe-roll-layers", "::mlir::func::FuncOp"> {
  let summary = "Make a loop of layers that are alike";
  let description = [{
    Operations that repeat at least four times, one behind the other, become a
    loop: each time they read what they made themselves, what the time before
    made, what is the same for all, or a weight of their own. The time to compile
    a model then does not grow with the number of its layers.

    ```mlir
    %w0 = ml_program.global_load_const @layers.0.weight : tensor<8x8xf32>
    ...
    %y0 = linalg.matmul ins(%x, %w0 : ...) ...
    %y1 = linalg.matmul ins(%y0, %w1 : ...) ...
    ...
    ==>
    %y = scf.for %layer = %c0 to %c4 step %c1 iter_args(%z = %x) {
      %w = moe.pick %layer [%w0, %w1, %w2, %w3] : tensor<8x8xf32>
      %next = linalg.matmul ins(%z, %w : ...) ...
      scf.yield %next
    }
    ```

    Each time holds an expert or a contraction. Only what the last one makes, and
    what each hands to the next, may be read behind the loop. Statistics go on to
    name each layer.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::moe::MoEDialect",
                           "::mlir::scf::SCFDialect"];
}

def ReportRowIndependencePass : Pass<"moe-report-row-independence"> {
  let summary = "say which expert bodies are row-wise, and why others are not";
  let description = [{
    Emits a remark for each body of a `moe.dispatch`: at the dispatch if each
    row of its results depends on the same row of its arguments only, otherwise
    at the operation that prevents it, with the reason. Only a row-wise body is
    split into blocks of rows. The input is not changed.
  }];
}

def VerifyContractPass : Pass<"moe-verify-contract", "::mlir::ModuleOp"> {
  let summary = "Check what a phase promises";
  let description = [{
    Fails, with one error, at the first operation, type or attribute that must
    not be left after the phase. Changes nothing.

    | phase            | what may be left                                        |
    |------------------|---------------------------------------------------------|
    | import, routed   | func, moe, linalg, tensor, arith, math, scf, ub, ml_program, cf.assert, affine.apply, .min and .max; ranked tensors |
    | grouped          | the same without `moe.gate`                             |
    | regions          | nothing of the moe dialect; memref and bufferization in place of ml_program |
    | tiled            | vector as well                                          |
    | buffers          | no tensor; identity layout at the boundary              |
    | machine          | llvm                                                    |

    On the road to a device, `buffers` may hold operations of the gpu dialect,
    and `machine` kernels: gpu.module of llvm and nvvm, or gpu.binary.
  }];
  let options = [Option<"phase", "phase", "std::string", "\"routed\"",
                        "The phase whose contract to check">,
                 Option<"device", "device", "bool", "false",
                        "Whether it is the road to a device">];
}

//===----------------------------------------------------------------------===//
// machine
//===----------------------------------------------------------------------===//

def DropNamesPass : Pass<"moe-drop-names", "::mlir::ModuleOp"> {
  let summary = "Drop the names of arguments and results";
  let description = [{
    Before functions of tensors become functions of addresses, of which several
    stand for one tensor.

    ```mlir
    func.func @main(%x: memref<?xf32> {moe.name = "x"})
    ==>
    func.func @main(%x: memref<?xf32>)
    ```
  }];
}

#endif // MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
