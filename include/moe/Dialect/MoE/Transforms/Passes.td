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
// Reports
//===----------------------------------------------------------------------===//

def ReportRowIndependence : Pass<"moe-report-row-independence"> {
  let summary = "say which expert bodies are row-wise, and why others are not";
  let description = [{
    Emits a remark for each body of a `moe.dispatch`: at the dispatch if each
    row of its results depends on the same row of its arguments only, otherwise
    at the operation that prevents it, with the reason. Only a row-wise body is
    split into blocks of rows. The input is not changed.
  }];
}

def DecomposeGate : Pass<"moe-decompose-gate", "func::FuncOp"> {
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
  }];
  let dependentDialects = [
    "arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect",
    "scf::SCFDialect", "tensor::TensorDialect"
  ];
}

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

def AnnotateDispatchesPass
    : Pass<"moe-annotate-dispatches", "::mlir::ModuleOp"> {
  let summary = "Number dispatches and record which bodies are row-wise";
  let description = [{
    Puts `moe.number` and `moe.row_wise` on each dispatch. With `count`, also
    inserts calls that count floating-point operations and the weights read,
    and describes the dispatches in the module's `moe.dispatches`.
  }];
  let options = [Option<"count", "count", "bool", "false",
                        "Count what the dispatches do while running">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"];
}

#endif // MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
