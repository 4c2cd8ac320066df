//===- RowRules.cpp - Which operations keep rows apart ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rule for each sort of operation: when it keeps rows apart, and what kinds
// its results are of.
//
//===----------------------------------------------------------------------===//

#include "RowAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Analysis/RowFlow.h"

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Operations on uniform values, scalars and whole tensors
//===----------------------------------------------------------------------===//

static bool isGuard(Operation *op) {
  return isa<cf::AssertOp>(op) && op->hasAttr(kGuardAttrName);
}

/// Whether `op`, its regions aside, can run where it would not have: on rows of
/// other experts, and again for each block of rows.
static bool mayRunMore(Operation *op) {
  // A guard checks the number of a weight.
  if (isGuard(op) || isa<ml_program::GlobalLoadOp, PickOp, ParameterOp>(op))
    return true;
  if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
    return true;
  if (!isMemoryEffectFree(op))
    return false;
  return op->getNumRegions() > 0 || isSpeculatable(op) ||
         op->hasTrait<OpTrait::IsTerminator>();
}

/// An operation without rows: uniform if it is given uniform values, else a
/// scalar computed from the number of rows.
LogicalResult RowAnalysis::visitUniform(Operation *op) {
  bool ofCount = !all(op->getOperands(), RowKind::Uniform);
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  for (Value value : captures)
    if (kindOf(value) != RowKind::Uniform)
      return block(op, kindOf(value) == RowKind::Rows
                           ? "may read any row"
                           : "computes with the number of rows");
  WalkResult walk = op->walk([&](Operation *nested) {
    if (mayRunMore(nested))
      return WalkResult::advance();
    (void)block(nested, isa<cf::AssertOp>(nested)
                            ? "may fail for rows of other experts"
                            : "has side effects or may fail");
    return WalkResult::interrupt();
  });
  if (walk.wasInterrupted())
    return failure();
  if (!ofCount)
    return success();
  for (Value value : op->getResults()) {
    if (op->getNumRegions() > 0 || !value.getType().isIntOrIndexOrFloat())
      return block(op, "computes with the number of rows");
    kinds[value] = RowKind::OfCount;
  }
  if (op->getNumResults() == 0 && !isGuard(op))
    return block(op, "computes with the number of rows");
  return success();
}

LogicalResult RowAnalysis::visitElementwise(Operation *op) {
  for (Value operand : op->getOperands()) {
    bool tensor = isa<TensorType>(operand.getType());
    if (kindOf(operand) != (tensor ? RowKind::Rows : RowKind::Uniform))
      return block(op, "combines rows with a tensor that has no rows");
  }
  if (!isPure(op))
    return block(op, "may fail for rows of other experts");
  for (Value value : op->getResults())
    if (failed(setRows(op, value)))
      return failure();
  return success();
}

LogicalResult RowAnalysis::visitDim(tensor::DimOp op) {
  std::optional<int64_t> index = op.getConstantIndex();
  if (!index)
    return block(op, "takes a dimension that is not a constant");
  if (*index == 0)
    kinds[op.getResult()] = RowKind::OfCount;
  return success();
}

//===----------------------------------------------------------------------===//
// Operations that say how they move rows
//===----------------------------------------------------------------------===//

/// Dimension 0 of each result runs along dimension 0 of what has rows, and
/// along nothing else.
LogicalResult RowAnalysis::visitFlow(Operation *op) {
  constexpr int64_t rows = 0;
  SmallVector<Labels> results;
  for (Value result : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      return block(op, "has side effects or may fail");
    results.push_back(Labels(type.getRank(), kInner));
    if (type.getRank() > 0)
      results.back().front() = rows;
  }
  RowFlow flow = getRowFlow(op, results);
  bool structured = isa<linalg::LinalgOp>(op);
  for (const Obstacle &obstacle : flow.obstacles)
    // What the body of a structured operation does is looked at more closely.
    if (llvm::is_contained(obstacle.labels, rows) &&
        (!structured || obstacle.kind == Obstacle::Mixes))
      return block(obstacle.op, obstacle.reason);
  if (!flow.isKnown)
    return block(op, "is not known to keep rows apart");
  for (const auto &[size, label] : flow.sizes) {
    auto value = dyn_cast<Value>(size);
    if (label == rows && !isRowCount(size))
      return block(op, "makes a tensor with another number of rows");
    if (label != rows && value && kindOf(value) != RowKind::Uniform)
      return block(op, "uses the number of rows as another dimension");
  }
  for (const auto &[value, labels] : flow.reads) {
    bool alongRows = llvm::is_contained(labels, rows);
    switch (kindOf(value)) {
    case RowKind::Uniform:
      if (alongRows)
        return block(op, "combines rows with a tensor that has no rows");
      break;
    case RowKind::OfCount:
      return block(op, "computes with the number of rows");
    case RowKind::Rows:
      if (labels.empty() || labels.front() != rows ||
          llvm::count(labels, rows) > 1)
        return block(op, "combines different rows");
      break;
    }
  }
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    for (Value init : destination.getDpsInits())
      if (kindOf(init) != RowKind::Rows)
        return block(op, "writes rows into a tensor that has no rows");
  if (structured && failed(visitElements(cast<linalg::LinalgOp>(op))))
    return failure();
  for (Value value : op->getResults())
    if (failed(setRows(op, value)))
      return failure();
  return success();
}

LogicalResult RowAnalysis::visitElements(linalg::LinalgOp op) {
  // The loop that runs over the rows, and no other one does.
  unsigned rowDim =
      op.getIndexingMapMatchingResult(op->getResult(0)).getDimPosition(0);
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  for (Value value : captures)
    if (kindOf(value) != RowKind::Uniform)
      return block(op, kindOf(value) == RowKind::Rows
                           ? "may read any row"
                           : "computes with the number of rows");
  for (OpOperand &operand : op->getOpOperands())
    kinds[op.getMatchingBlockArgument(&operand)] = kindOf(operand.get());
  WalkResult walk = op.getBlock()->walk<WalkOrder::PreOrder>([&](Operation *n) {
    return failed(visitElement(n, rowDim)) ? WalkResult::interrupt()
                                           : WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// An operation on elements: elements of the same row only meet each other, so
/// all that matters is where they come from and whether it can fail. What is
/// computed from an element of a row is of kind Rows.
LogicalResult RowAnalysis::visitElement(Operation *op, unsigned rowDim) {
  auto index = dyn_cast<linalg::IndexOp>(op);
  if (index && index.getDim() == rowDim)
    return block(op, "uses the position of a row");
  bool ofRow = !all(op->getOperands(), RowKind::Uniform);
  if (isa<scf::WhileOp>(op))
    return block(op, "may not end for rows of other experts");
  if (!mayRunMore(op) || (ofRow && (isGuard(op) || isa<tensor::ExtractOp>(op))))
    return block(op, "may fail for rows of other experts");
  // Inside a conditional on a row everything may be of the row.
  if (op->getNumRegions() > 0)
    ofRow = true;
  if (!ofRow)
    return success();
  for (Region &region : op->getRegions())
    for (Value argument : region.getArguments())
      kinds[argument] = RowKind::Rows;
  for (Value value : op->getResults())
    kinds[value] = RowKind::Rows;
  return success();
}
