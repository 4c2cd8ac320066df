//===- RowIndependence.cpp - Are the rows of an expert independent? -------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order in which operations are visited, through branches and loops, and
// which operation is judged by which rule.
//
//===----------------------------------------------------------------------===//

#include "RowAnalysis.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Analysis/RowFlow.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

LogicalResult RowAnalysis::block(Operation *op, const Twine &reason) {
  result = {false, op, reason.str()};
  return failure();
}

bool RowAnalysis::isRowCount(OpFoldResult size) const {
  return count && getExtent(size) == *count;
}

bool RowAnalysis::all(ValueRange values, RowKind kind) const {
  return llvm::all_of(values, [&](Value v) { return kindOf(v) == kind; });
}

LogicalResult RowAnalysis::setRows(Operation *op, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() < 1 || !type.isDynamicDim(0))
    return block(op, "fixes the number of rows");
  kinds[value] = RowKind::Rows;
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
    RowKind a = kindOf(source), b = kindOf(target);
    if (a == b)
      continue;
    if (a == RowKind::Rows || b == RowKind::Rows)
      return block(op, "is sometimes a tensor of rows and sometimes not");
    if (changed && b != RowKind::OfCount)
      *changed = true;
    kinds[target] = RowKind::OfCount;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult RowAnalysis::visitIf(scf::IfOp op) {
  if (kindOf(op.getCondition()) != RowKind::Uniform)
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
  if (kindOf(op.getArg()) != RowKind::Uniform)
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
    if (kindOf(bound) != RowKind::Uniform)
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
    if (kindOf(condition.getCondition()) != RowKind::Uniform)
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
  auto notUniform = [&](Value v) { return kindOf(v) != RowKind::Uniform; };
  if (!readsRows(op, notUniform))
    return visitUniform(op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tensor::DimOp op) { return visitDim(op); })
      .Case([&](tensor::ExtractOp op) { return block(op, "reads one row"); })
      .Case([&](scf::IfOp op) { return visitIf(op); })
      .Case([&](scf::ForOp op) { return visitFor(op); })
      .Case([&](scf::WhileOp op) { return visitWhile(op); })
      .Case([&](scf::IndexSwitchOp op) { return visitSwitch(op); })
      .Default([&](Operation *op) -> LogicalResult {
        auto isRows = [&](Value v) { return kindOf(v) == RowKind::Rows; };
        if (!isa<tensor::EmptyOp>(op) &&
            !llvm::any_of(op->getOperands(), isRows))
          return visitUniform(op);
        if (isa<RowFlowOpInterface>(op))
          return visitFlow(op);
        if (OpTrait::hasElementwiseMappableTraits(op))
          return visitElementwise(op);
        return block(op, "is not known to keep rows apart");
      });
}

RowIndependence RowAnalysis::run(DispatchOp dispatch, Region &body) {
  for (Value rows : dispatch.getTokenArguments(body))
    kinds[rows] = RowKind::Rows;
  if (Value weights = dispatch.getWeightsArgument(body))
    kinds[weights] = RowKind::Rows;
  count = getRowExtent(dispatch, body);
  if (failed(visitBlock(body.front())))
    return result;
  Operation *yield = body.front().getTerminator();
  if (!all(yield->getOperands(), RowKind::Rows))
    (void)block(yield, "has a result whose rows are not those of the expert");
  return result;
}

RowIndependence moe::analyzeRowIndependence(DispatchOp dispatch, Region &body) {
  return RowAnalysis().run(dispatch, body);
}
