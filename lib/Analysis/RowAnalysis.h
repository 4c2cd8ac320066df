//===- RowAnalysis.h - The data flow behind row independence ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A forward data flow over the body of an expert. Each value gets a kind; an
// operation that is given anything but uniform values must be one of those that
// are known to keep rows apart.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_ANALYSIS_ROWANALYSIS_H
#define MOE_LIB_ANALYSIS_ROWANALYSIS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Extents.h"
#include "moe/Analysis/RowIndependence.h"

namespace mlir::moe {

enum class RowKind {
  /// The same for all rows and any number of rows.
  Uniform,
  /// A scalar that depends on the number of rows.
  OfCount,
  /// A tensor with one row for each row of the arguments; inside the body of a
  /// structured operation, an element of such a tensor.
  Rows
};

class RowAnalysis {
public:
  RowIndependence run(DispatchOp dispatch, Region &body);

private:
  LogicalResult visitBlock(Block &block);
  LogicalResult visit(Operation *op);
  LogicalResult visitUniform(Operation *op);
  LogicalResult visitFlow(Operation *op);
  LogicalResult visitElements(linalg::LinalgOp op);
  LogicalResult visitElement(Operation *op, unsigned rowDim);
  LogicalResult visitElementwise(Operation *op);
  LogicalResult visitDim(tensor::DimOp op);
  LogicalResult visitIf(scf::IfOp op);
  LogicalResult visitFor(scf::ForOp op);
  LogicalResult visitWhile(scf::WhileOp op);
  LogicalResult visitSwitch(scf::IndexSwitchOp op);

  RowKind kindOf(Value value) const {
    return kinds.lookup_or(value, RowKind::Uniform);
  }
  bool isRowCount(OpFoldResult size) const;
  bool all(ValueRange values, RowKind kind) const;
  LogicalResult setRows(Operation *op, Value value);
  void copyKinds(ValueRange from, ValueRange to);
  LogicalResult join(Operation *op, ValueRange from, ValueRange to,
                     bool *changed = nullptr);
  LogicalResult block(Operation *op, const Twine &reason);

  llvm::DenseMap<Value, RowKind> kinds;
  /// The number of rows.
  std::optional<Extent> count;
  RowIndependence result;
};

} // namespace mlir::moe

#endif // MOE_LIB_ANALYSIS_ROWANALYSIS_H
