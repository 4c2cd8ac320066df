//===- RegionPasses.td - Passes of the phase regions -------*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_REGIONPASSES_TD
#define MOE_DIALECT_MOE_TRANSFORMS_REGIONPASSES_TD

include "mlir/Pass/PassBase.td"

def AnnotateDispatchesPass
    : Pass<"moe-annotate-dispatches", "::mlir::ModuleOp"> {
  let summary = "Number dispatches and record which bodies are row-wise";
  let description = [{
    Puts `moe.number` and `moe.row_wise` on each dispatch. With `counters`, also
    inserts calls that count runs, tokens, evaluations, floating-point operations
    and the weights read, and describes the dispatches in the module's
    `moe.dispatches`.
  }];
  let options = [Option<"counters", "counters", "bool", "false",
                        "Count what the dispatches do while running">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"];
}

def EvaluateAllExpertsPass
    : Pass<"moe-evaluate-all-experts", "::mlir::func::FuncOp"> {
  let summary = "Run every body on all tokens, then select";
  let description = [{
    The dense form. Bodies run by a routing of every token to every expert; the
    dispatch by the routing of the model then takes its rows from what they
    yield. A body that is not row-wise, or that can end the run, runs on its own
    rows as before.

    ```mlir
    %rows = moe.dispatch %x by %r : ... { ^each(%e: index, %mine: ...): ... }
    ==>
    %everywhere = moe.route %true : (tensor<?x8xi1>) -> !moe.routing<8>
    %all = moe.dispatch %x by %everywhere : ... { ^each(%e: index, %mine: ...): ... }
    %rows = moe.dispatch %numbers by %r : ... {
    ^each(%e: index, %tokens: tensor<?xindex>):
      // row %e * N + %tokens[i] of %all
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"];
}

def GroupProductsPass
    : Pass<"moe-group-products", "::mlir::func::FuncOp"> {
  let summary = "Make products outside of experts those of one expert";
  let description = [{
    For a device, where products of an expert are kernels that take tiles: one of
    rows with weights `[columns, depth]` is a dispatch of all rows to one expert.
    A remark says why another product of some size is left as it is.

    ```mlir
    %y = linalg.matmul ... ins(%x, %w : tensor<?x64xbf16>, tensor<96x64xbf16>) ...
    ==>
    %r = moe.route_all %n : !moe.routing<1>
    %y = moe.dispatch %x by %r : ... {
    ^each(%e: index, %mine: tensor<?x64xbf16>):
      %0 = linalg.matmul ... ins(%mine, %w : ...) ...
      moe.yield %0 : tensor<?x96xf32>
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::moe::MoEDialect",
    "::mlir::tensor::TensorDialect"];
}

def OutlineExpertsPass : Pass<"moe-outline-experts", "::mlir::ModuleOp"> {
  let summary = "Make the bodies of unlike experts functions";
  let description = [{
    Each body becomes a private function `moe_expert_<dispatch>_<expert>`, given
    the rows, what the body captures, and where its rows are put. The dispatch
    becomes one of a family, whose body chooses among calls. A function is what
    is compiled when it is first called, and what is bufferized by itself. What
    costs nothing in another place, as constants, weights and slices do, is
    repeated in it.

    ```mlir
    %rows = moe.dispatch %x by %r : ... { ^expert0(%mine: ...): ... }, ...
    ==>
    %rows = moe.dispatch %x by %r : ... {
    ^each(%e: index, %mine: tensor<?x8xf32>):
      %out = tensor.empty(%n) : tensor<?x8xf32>
      %y = moe.call %e of [@moe_expert_0_0, ...](%mine) outs(%out) : ...
      moe.yield %y : tensor<?x8xf32>
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::func::FuncDialect",
    "::mlir::tensor::TensorDialect"];
}

def CountConditionalsPass
    : Pass<"moe-count-conditionals", "::mlir::ModuleOp"> {
  let summary = "Count how often each side of the model's conditionals runs";
  let description = [{
    Numbers the conditionals that `moe-mark-conditionals` has marked, describes
    them in the module's `moe.conditionals`, and puts a call of the runtime's
    counter at the beginning of each region.

    ```mlir
    %y = scf.if %c -> tensor<?x4xf32> {
      %a = ...
    ==>
    %y = scf.if %c -> tensor<?x4xf32> {
      func.call @moe_rt_branch(%number, %then) : (i64, i64) -> ()
      %a = ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect"];
}

def FormContractionsPass
    : Pass<"moe-form-contractions", "::mlir::func::FuncOp"> {
  let summary = "Cut the bodies of families into moe.contract";
  let description = [{
    The body of a family whose rows are independent becomes one `moe.contract`
    after the other: one or two products of the rows with weights of the expert,
    and whatever is done to each element of the sums until rows must be whole
    again. Nothing here knows what an expert computes. A body that has another
    form stays, with a remark that says why.

    ```mlir
    %g = linalg.matmul ...(%mine, %gate)
    %u = linalg.matmul ...(%mine, %up)
    %h = linalg.generic ... ins(%g, %u) ...
      ==>
    %h = moe.contract rows(%mine) weights(%gate, %up) outs(%e) maps [] ... {
    ^bb0(%g: f32, %u: f32):
      ...
    }
    ```
  }];
  let dependentDialects = ["::mlir::moe::MoEDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // MOE_DIALECT_MOE_TRANSFORMS_REGIONPASSES_TD
