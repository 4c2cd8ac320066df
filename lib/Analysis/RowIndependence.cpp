//===- RowIndependence.cpp - Are the rows of an expert independent? -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A forward data flow over the body of an expert. Each value gets a kind; an
// operation that is given anything but uniform values must be one of those
// below, which are known to keep rows apart.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/RowIndependence.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
enum class Kind {
  /// The same for all rows and any number of rows.
  Uniform,
  /// The number of rows, exactly.
  Count,
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
  LogicalResult visitLinalg(linalg::LinalgOp op);
  LogicalResult visitElements(linalg::LinalgOp op, unsigned rowDim);
  LogicalResult visitElement(Operation *op, unsigned rowDim);
  LogicalResult visitElementwise(Operation *op);
  LogicalResult visitShape(Operation *op, ValueRange sources,
                           ArrayRef<OpFoldResult> sizes);
  LogicalResult visitSlice(OffsetSizeAndStrideOpInterface op,
                           ValueRange tensors);
  LogicalResult visitReshape(Operation *op, Value source, Value wide,
                             ReassociationIndices rows,
                             ArrayRef<OpFoldResult> sizes);
  LogicalResult visitPad(tensor::PadOp op);
  LogicalResult visitDim(tensor::DimOp op);
  LogicalResult visitIf(scf::IfOp op);
  LogicalResult visitFor(scf::ForOp op);
  LogicalResult visitWhile(scf::WhileOp op);
  LogicalResult visitSwitch(scf::IndexSwitchOp op);

  Kind kindOf(Value value) const {
    return kinds.lookup_or(value, Kind::Uniform);
  }
  bool isA(OpFoldResult size, Kind kind) const;
  bool all(ValueRange values, Kind kind) const;
  LogicalResult setRows(Operation *op, Value value);
  void copyKinds(ValueRange from, ValueRange to);
  LogicalResult join(Operation *op, ValueRange from, ValueRange to,
                     bool *changed = nullptr);
  LogicalResult block(Operation *op, const Twine &reason);

  llvm::DenseMap<Value, Kind> kinds;
  RowIndependence result;
};
} // namespace

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

LogicalResult RowAnalysis::block(Operation *op, const Twine &reason) {
  result = {false, op, reason.str()};
  return failure();
}

bool RowAnalysis::isA(OpFoldResult size, Kind kind) const {
  auto value = dyn_cast<Value>(size);
  return (value ? kindOf(value) : Kind::Uniform) == kind;
}

bool RowAnalysis::all(ValueRange values, Kind kind) const {
  return llvm::all_of(values, [&](Value v) { return kindOf(v) == kind; });
}

LogicalResult RowAnalysis::setRows(Operation *op, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() < 1 || !type.isDynamicDim(0))
    return block(op, "fixes the number of rows");
  kinds[value] = Kind::Rows;
  return success();
}

void RowAnalysis::copyKinds(ValueRange from, ValueRange to) {
  for (auto [source, target] : llvm::zip_equal(from, to))
    kinds[target] = kindOf(source);
}

/// Makes the kinds of `to` hold for values of `from` as well.
LogicalResult RowAnalysis::join(Operation *op, ValueRange from, ValueRange to,
                                bool *changed) {
  for (auto [source, target] : llvm::zip_equal(from, to)) {
    Kind a = kindOf(source), b = kindOf(target);
    if (a == b)
      continue;
    if (a == Kind::Rows || b == Kind::Rows)
      return block(op, "is sometimes a tensor of rows and sometimes not");
    if (changed && b != Kind::OfCount)
      *changed = true;
    kinds[target] = Kind::OfCount;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Operations on uniform values, scalars and whole tensors
//===----------------------------------------------------------------------===//

static bool isGuard(Operation *op) {
  return isa<cf::AssertOp>(op) && op->hasAttr(kGuardAttrName);
}

/// Whether `op`, its regions aside, can run where it would not have: on rows of
/// other experts, and again for each block of rows.
static bool mayRunMore(Operation *op) {
  if (isGuard(op) || isa<ml_program::GlobalLoadOp>(op))
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
  bool ofCount = !all(op->getOperands(), Kind::Uniform);
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  for (Value value : captures)
    if (kindOf(value) != Kind::Uniform)
      return block(op, kindOf(value) == Kind::Rows
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
    kinds[value] = Kind::OfCount;
  }
  if (op->getNumResults() == 0 && !isGuard(op))
    return block(op, "computes with the number of rows");
  return success();
}

LogicalResult RowAnalysis::visitElementwise(Operation *op) {
  for (Value operand : op->getOperands()) {
    bool tensor = isa<TensorType>(operand.getType());
    if (kindOf(operand) != (tensor ? Kind::Rows : Kind::Uniform))
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
    kinds[op.getResult()] = Kind::Count;
  return success();
}

/// A new tensor of the given sizes, whose rows are those of `sources`.
LogicalResult RowAnalysis::visitShape(Operation *op, ValueRange sources,
                                      ArrayRef<OpFoldResult> sizes) {
  if (!all(sources, Kind::Rows))
    return block(op, "combines rows with a tensor that has no rows");
  if (sizes.empty() || !isA(sizes.front(), Kind::Count))
    return block(op, "makes a tensor with another number of rows");
  for (OpFoldResult size : sizes.drop_front())
    if (!isA(size, Kind::Uniform))
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
    if (!isA(other, Kind::Uniform))
      return block(op, "computes with the number of rows");
  return visitShape(op, tensors, op.getMixedSizes());
}

static ReassociationIndices rowGroup(ArrayRef<ReassociationIndices> groups) {
  return groups.empty() ? ReassociationIndices() : groups.front();
}

/// expand_shape and collapse_shape: `rows` are the dimensions of the tensor
/// `wide` that correspond to dimension 0 of the other one.
LogicalResult RowAnalysis::visitReshape(Operation *op, Value source, Value wide,
                                        ReassociationIndices rows,
                                        ArrayRef<OpFoldResult> sizes) {
  if (rows.empty())
    return block(op, "reshapes the dimension of the rows");
  auto type = cast<RankedTensorType>(wide.getType());
  for (int64_t dim : ArrayRef(rows).drop_front())
    if (type.getDimSize(dim) != 1)
      return block(op, "reshapes the dimension of the rows");
  if (!sizes.empty())
    return visitShape(op, source, sizes);
  return setRows(op, op->getResult(0));
}

LogicalResult RowAnalysis::visitPad(tensor::PadOp op) {
  if (kindOf(op.getSource()) != Kind::Rows)
    return block(op, "computes with the number of rows");
  if (!isConstantIntValue(op.getMixedLowPad().front(), 0) ||
      !isConstantIntValue(op.getMixedHighPad().front(), 0))
    return block(op, "pads the dimension of the rows");
  for (Value size : op->getOperands().drop_front())
    if (kindOf(size) != Kind::Uniform)
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
    if (kindOf(operand.get()) != Kind::Rows)
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
    Kind kind = kindOf(operand.get());
    if (kind == Kind::Count || kind == Kind::OfCount)
      return block(op, "computes with the number of rows");
    if (kind == Kind::Uniform && op.isDpsInit(&operand))
      return block(op, "writes rows into a tensor that has no rows");
    ArrayRef<AffineExpr> indices =
        op.getMatchingIndexingMap(&operand).getResults();
    if (kind == Kind::Rows)
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
    if (kindOf(value) != Kind::Uniform)
      return block(op, kindOf(value) == Kind::Rows
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
  bool ofRow = !all(op->getOperands(), Kind::Uniform);
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
      kinds[argument] = Kind::Rows;
  for (Value value : op->getResults())
    kinds[value] = Kind::Rows;
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult RowAnalysis::visitIf(scf::IfOp op) {
  if (kindOf(op.getCondition()) != Kind::Uniform)
    return block(op, "branches on the number of rows");
  if (failed(visitBlock(*op.thenBlock())))
    return failure();
  if (!op.elseBlock())
    return success();
  if (failed(visitBlock(*op.elseBlock())))
    return failure();
  copyKinds(op.thenYield().getOperands(), op.getResults());
  return join(op, op.elseYield().getOperands(), op.getResults());
}

LogicalResult RowAnalysis::visitSwitch(scf::IndexSwitchOp op) {
  if (kindOf(op.getArg()) != Kind::Uniform)
    return block(op, "branches on the number of rows");
  if (failed(visitBlock(op.getDefaultBlock())))
    return failure();
  copyKinds(op.getDefaultBlock().getTerminator()->getOperands(),
            op.getResults());
  for (Region &region : op.getCaseRegions()) {
    if (failed(visitBlock(region.front())) ||
        failed(join(op, region.front().getTerminator()->getOperands(),
                    op.getResults())))
      return failure();
  }
  return success();
}

LogicalResult RowAnalysis::visitFor(scf::ForOp op) {
  for (Value bound : {op.getLowerBound(), op.getUpperBound(), op.getStep()})
    if (kindOf(bound) != Kind::Uniform)
      return block(op, "loops over rows");
  copyKinds(op.getInitArgs(), op.getRegionIterArgs());
  for (bool changed = true; changed;) {
    changed = false;
    if (failed(visitBlock(*op.getBody())) ||
        failed(
            join(op, op.getYieldedValues(), op.getRegionIterArgs(), &changed)))
      return failure();
  }
  copyKinds(op.getRegionIterArgs(), op.getResults());
  return success();
}

LogicalResult RowAnalysis::visitWhile(scf::WhileOp op) {
  copyKinds(op.getInits(), op.getBeforeArguments());
  for (bool changed = true; changed;) {
    changed = false;
    if (failed(visitBlock(*op.getBeforeBody())))
      return failure();
    scf::ConditionOp condition = op.getConditionOp();
    if (kindOf(condition.getCondition()) != Kind::Uniform)
      return block(op, "branches on the number of rows");
    copyKinds(condition.getArgs(), op.getAfterArguments());
    if (failed(visitBlock(*op.getAfterBody())) ||
        failed(join(op, op.getYieldOp().getOperands(), op.getBeforeArguments(),
                    &changed)))
      return failure();
  }
  copyKinds(op.getConditionOp().getArgs(), op.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Driver
//===----------------------------------------------------------------------===//

LogicalResult RowAnalysis::visitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(visit(&op)))
      return failure();
  return success();
}

static bool readsRows(Operation *op, function_ref<bool(Value)> isRows) {
  if (llvm::any_of(op->getOperands(), isRows))
    return true;
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  return llvm::any_of(captures, isRows);
}

LogicalResult RowAnalysis::visit(Operation *op) {
  auto notUniform = [&](Value v) { return kindOf(v) != Kind::Uniform; };
  if (!readsRows(op, notUniform))
    return visitUniform(op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tensor::EmptyOp op) {
        return visitShape(op, {}, op.getMixedSizes());
      })
      .Case([&](tensor::DimOp op) { return visitDim(op); })
      .Case([&](tensor::ExtractSliceOp op) {
        return visitSlice(op, op.getSource());
      })
      .Case([&](tensor::InsertSliceOp op) {
        return visitSlice(op, {op.getSource(), op.getDest()});
      })
      .Case([&](tensor::ExpandShapeOp op) {
        return visitReshape(op, op.getSrc(), op.getResult(),
                            rowGroup(op.getReassociationIndices()),
                            op.getMixedOutputShape());
      })
      .Case([&](tensor::CollapseShapeOp op) {
        return visitReshape(op, op.getSrc(), op.getSrc(),
                            rowGroup(op.getReassociationIndices()), {});
      })
      .Case([&](tensor::PadOp op) { return visitPad(op); })
      .Case([&](tensor::ExtractOp op) { return block(op, "reads one row"); })
      .Case<tensor::CastOp, tensor::BitcastOp>(
          [&](auto op) { return setRows(op, op.getResult()); })
      .Case([&](tensor::ConcatOp op) -> LogicalResult {
        if (op.getDim() == 0 || !all(op.getInputs(), Kind::Rows))
          return block(op, "concatenates along the dimension of the rows");
        return setRows(op, op.getResult());
      })
      .Case([&](linalg::SoftmaxOp op) -> LogicalResult {
        if (op.getDimension() == 0)
          return block(op, "reduces over rows");
        if (!all(op->getOperands(), Kind::Rows) || op->getNumResults() != 1)
          return block(op, "combines rows with a tensor that has no rows");
        return setRows(op, op->getResult(0));
      })
      .Case([&](scf::IfOp op) { return visitIf(op); })
      .Case([&](scf::ForOp op) { return visitFor(op); })
      .Case([&](scf::WhileOp op) { return visitWhile(op); })
      .Case([&](scf::IndexSwitchOp op) { return visitSwitch(op); })
      .Default([&](Operation *op) -> LogicalResult {
        auto isRows = [&](Value v) { return kindOf(v) == Kind::Rows; };
        if (!llvm::any_of(op->getOperands(), isRows))
          return visitUniform(op);
        if (auto structured = dyn_cast<linalg::LinalgOp>(op))
          return visitLinalg(structured);
        if (OpTrait::hasElementwiseMappableTraits(op))
          return visitElementwise(op);
        return block(op, "is not known to keep rows apart");
      });
}

RowIndependence RowAnalysis::run(DispatchOp dispatch, Region &body) {
  for (Value rows : dispatch.getTokenArguments(body))
    kinds[rows] = Kind::Rows;
  if (Value weights = dispatch.getWeightsArgument(body))
    kinds[weights] = Kind::Rows;
  if (failed(visitBlock(body.front())))
    return result;
  Operation *yield = body.front().getTerminator();
  if (!all(yield->getOperands(), Kind::Rows))
    (void)block(yield, "has a result whose rows are not those of the expert");
  return result;
}

RowIndependence moe::analyzeRowIndependence(DispatchOp dispatch, Region &body) {
  return RowAnalysis().run(dispatch, body);
}
