//===- Passes.td - Passes over mixtures of experts ---------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped by the phase that runs them, alphabetical inside a phase.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
#define MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// routed
//===----------------------------------------------------------------------===//

def DecomposeAggregatesPass : Pass<"moe-decompose-aggregates"> {
  let summary = "Decompose linalg.softmax";
  let description = [{
    ```mlir
    %p = linalg.softmax dimension(1) ins(%x : ...) outs(%y : ...)
    ==>
    four linalg.generic: maximum, exp of the difference, sum, quotient
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
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

//===----------------------------------------------------------------------===//
// regions
//===----------------------------------------------------------------------===//

def AnnotateDispatchesPass
    : Pass<"moe-annotate-dispatches", "::mlir::ModuleOp"> {
  let summary = "Number dispatches and record which bodies are row-wise";
  let description = [{
    Puts `moe.number` and `moe.row_wise` on each dispatch. With `counters`, also
    inserts calls that count floating-point operations and the weights read,
    and describes the dispatches in the module's `moe.dispatches`.
  }];
  let options = [Option<"counters", "counters", "bool", "false",
                        "Count what the dispatches do while running">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// In no phase, or after each
//===----------------------------------------------------------------------===//

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
    | import, routed   | func, moe, linalg, tensor, arith, math, scf, ub, ml_program, cf.assert; ranked tensors |
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

#endif // MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
