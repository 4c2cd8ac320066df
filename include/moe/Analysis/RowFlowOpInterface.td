//===- RowFlowOpInterface.td - How an operation moves rows ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ROWFLOWOPINTERFACE_TD
#define MOE_ANALYSIS_ROWFLOWOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def RowFlowOpInterface : OpInterface<"RowFlowOpInterface"> {
  let description = [{
    An operation on tensors that says along which dimensions of what it reads
    the dimensions of its results run, and that can be written anew for rows of
    another number. Whatever follows rows asks this interface, so that an
    operation is taught in one place.
  }];
  let cppNamespace = "::mlir::moe";
  let methods = [
    InterfaceMethod<[{
        Follows rows from the results, dimensions of which are labelled so, to
        what is read. A result without labels is not asked for, unless it has no
        dimensions. Called by `getRowFlow` of RowFlow.h, which also answers for
        operations without the interface.
      }],
      "::mlir::moe::RowFlow", "getRowFlow",
      (ins "::llvm::ArrayRef<::mlir::moe::Labels>":$results)>,
    InterfaceMethod<[{
        Writes the operation for the rows that `rebuilder` gives: each result is
        [rows, the kept dimensions...], without rows if no label is one of rows.
        What obstacles name is not asked for along its labels.
      }],
      "::llvm::SmallVector<::mlir::Value>", "rebuildRows",
      (ins "::mlir::moe::RowRebuilder &":$rebuilder,
           "::llvm::ArrayRef<::mlir::moe::Labels>":$results)>,
    InterfaceMethod<[{
        The tensors whose elements the elements of the result are, unchanged, if
        it has no others: those of a slice, a reshape, a concatenation. Nothing
        for an operation that computes.
      }],
      "::llvm::SmallVector<::mlir::Value>", "getMovedTensors", (ins), [{}],
      [{ return {}; }]>
  ];
}

#endif // MOE_ANALYSIS_ROWFLOWOPINTERFACE_TD
