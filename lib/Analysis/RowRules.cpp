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
    kinds[op.getResult()] = RowKind::Count;
  return success();
}

/// A new tensor of the given sizes, whose rows are those of `sources`.
LogicalResult RowAnalysis::visitShape(Operation *op, ValueRange sources,
                                      ArrayRef<OpFoldResult> sizes) {
  if (!all(sources, RowKind::Rows))
    return block(op, "combines rows with a tensor that has no rows");
  if (sizes.empty() || !isA(sizes.front(), RowKind::Count))
    return block(op, "makes a tensor with another number of rows");
  for (OpFoldResult size : sizes.drop_front())
    if (!isA(size, RowKind::Uniform))
      return block(op, "uses the number of rows as another dimension");
  return setRows(op, op->getResult(0));
}

/// A slice out of or into rows takes all of them.
LogicalResult RowAnalysis::visitSlice(OffsetSizeAndStrideOpInterface op,
                                      ValueRange tensors) {
  if (!isConstantIntValue(op.getMixedOffsets().front(), 0) ||
      !isConstantIntValue(op.getMixedStrides().front(), 1))
    return block(op, "takes some of the rows");
  SmallVector<OpFoldResult> others = op.getMixedOffsets();
  llvm::append_range(others, ArrayRef(op.getMixedStrides()).drop_front());
  for (OpFoldResult other : others)
    if (!isA(other, RowKind::Uniform))
      return block(op, "computes with the number of rows");
  return visitShape(op, tensors, op.getMixedSizes());
}

/// expand_shape and collapse_shape: the first of `groups` are the dimensions of
/// the tensor `wide` that correspond to dimension 0 of the other one.
LogicalResult RowAnalysis::visitReshape(Operation *op, Value source, Value wide,
                                        ArrayRef<ReassociationIndices> groups,
                                        ArrayRef<OpFoldResult> sizes) {
  if (groups.empty())
    return block(op, "reshapes the dimension of the rows");
  auto type = cast<RankedTensorType>(wide.getType());
  for (int64_t dim : ArrayRef(groups.front()).drop_front())
    if (type.getDimSize(dim) != 1)
      return block(op, "reshapes the dimension of the rows");
  if (!sizes.empty())
    return visitShape(op, source, sizes);
  return setRows(op, op->getResult(0));
}

LogicalResult RowAnalysis::visitPad(tensor::PadOp op) {
  if (kindOf(op.getSource()) != RowKind::Rows)
    return block(op, "computes with the number of rows");
  if (!isConstantIntValue(op.getMixedLowPad().front(), 0) ||
      !isConstantIntValue(op.getMixedHighPad().front(), 0))
    return block(op, "pads the dimension of the rows");
  for (Value size : op->getOperands().drop_front())
    if (kindOf(size) != RowKind::Uniform)
      return block(op, "computes with the number of rows");
  if (!op.getRegion().getArgument(0).use_empty())
    return block(op, "uses the position of a row");
  for (Operation &nested : op.getRegion().front())
    if (failed(visitUniform(&nested)))
      return failure();
  return setRows(op, op.getResult());
}

//===----------------------------------------------------------------------===//
// Structured operations
//===----------------------------------------------------------------------===//

/// One parallel loop runs over the rows: it alone indexes dimension 0 of each
/// tensor with rows, and nothing else.
LogicalResult RowAnalysis::visitLinalg(linalg::LinalgOp op) {
  std::optional<unsigned> rowDim;
  for (OpOperand &operand : op->getOpOperands()) {
    if (kindOf(operand.get()) != RowKind::Rows)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(0));
    if (!dim || (rowDim && *rowDim != dim.getPosition()))
      return block(op, "reads other rows");
    rowDim = dim.getPosition();
  }
  if (op.getIteratorTypesArray()[*rowDim] != utils::IteratorType::parallel)
    return block(op, "reduces over rows");
  for (OpOperand &operand : op->getOpOperands()) {
    RowKind kind = kindOf(operand.get());
    if (kind == RowKind::Count || kind == RowKind::OfCount)
      return block(op, "computes with the number of rows");
    if (kind == RowKind::Uniform && op.isDpsInit(&operand))
      return block(op, "writes rows into a tensor that has no rows");
    ArrayRef<AffineExpr> indices =
        op.getMatchingIndexingMap(&operand).getResults();
    if (kind == RowKind::Rows)
      indices = indices.drop_front();
    for (AffineExpr index : indices)
      if (index.isFunctionOfDim(*rowDim))
        return block(op, "uses the position of a row");
  }
  if (!op.hasPureTensorSemantics())
    return block(op, "has side effects or may fail");
  if (failed(visitElements(op, *rowDim)))
    return failure();
  for (Value value : op->getResults())
    if (failed(setRows(op, value)))
      return failure();
  return success();
}

LogicalResult RowAnalysis::visitElements(linalg::LinalgOp op, unsigned rowDim) {
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
