//===- FamilyStages.cpp - A family's body in stages -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing here knows what an expert computes: a stage ends where a contraction
// needs whole rows, and before that whatever operations there are become the
// epilogue of a kernel.
//
//===----------------------------------------------------------------------===//

#include "FamilyStages.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::moe;

/// The kernels have two accumulators at most for an element.
static constexpr size_t maxContractions = 2;

FamilyStages::FamilyStages(DispatchOp op)
    : op(op), body(&op.getExperts().front().front()) {}

static bool isPerElement(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == op.getNumLoops() &&
         op.getNumDpsInits() == 1 &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

static int64_t rankOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

bool FamilyStages::isToken(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == body &&
         llvm::is_contained(op.getTokenArguments(op.getExperts().front()),
                            value);
}

ParameterOp FamilyStages::parameterOf(Value weight) const {
  Region &region = op.getExperts().front();
  auto parameter = weight.getDefiningOp<ParameterOp>();
  if (!parameter)
    return nullptr;
  OperandRange numbers = parameter.getNumbers();
  bool byExpert = numbers.back() == op.getExpertArgument(region) &&
                  llvm::all_of(numbers.drop_back(), [&](Value number) {
                    return !region.isAncestor(number.getParentRegion());
                  });
  return byExpert ? parameter : nullptr;
}

//===----------------------------------------------------------------------===//
// Finding stages
//===----------------------------------------------------------------------===//

std::string FamilyStages::analyze() {
  auto yield = cast<YieldOp>(body->getTerminator());
  for (Value result : yield.getResults()) {
    if (rankOf(result) != 2)
      return "a result is not a matrix";
    if (isToken(result))
      return "a result is a token operand";
    kept.insert(result);
  }
  // Rows must be whole where they are contracted.
  for (auto linalg : body->getOps<linalg::LinalgOp>()) {
    if (isPerElement(linalg))
      continue;
    Value lhs, rhs;
    if (std::string why = findContraction(linalg, lhs, rhs); !why.empty())
      return why;
    if (!isToken(lhs))
      kept.insert(lhs);
  }
  while (true) {
    std::string why = planStages();
    if (!toKeep)
      return why;
    kept.insert(toKeep);
  }
}

std::string FamilyStages::planStages() {
  plan.clear();
  owners.clear();
  toKeep = nullptr;
  SmallVector<Value> inOrder(kept.begin(), kept.end());
  llvm::sort(inOrder, [](Value a, Value b) {
    return a.getDefiningOp() && b.getDefiningOp() &&
           a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
  });
  for (Value value : inOrder) {
    auto linalg = value.getDefiningOp<linalg::LinalgOp>();
    if (!linalg || linalg->getBlock() != body || rankOf(value) != 2 ||
        ShapedType::isDynamic(columnsOf(value)))
      return "a row is not computed by linalg, or not of a fixed width";
    FamilyStage stage;
    stage.result = value;
    stage.columns = columnsOf(value);
    std::string why = isPerElement(linalg) ? collectElementwise(linalg, stage)
                                           : collectContraction(linalg, stage);
    if (!why.empty() || toKeep)
      return why;
    plan.push_back(std::move(stage));
  }
  return "";
}

std::string FamilyStages::addOperand(Value value, EpilogueIndex index,
                                     FamilyStage &stage) {
  Type element = getElementTypeOrSelf(value.getType());
  if (!element.isIntOrFloat())
    return "an operand has elements of another kind than numbers";
  for (auto &[known, operand] : stage.operands)
    if (known == value && operand.index == index)
      return "";
  stage.operands.push_back({value, {element, index}});
  return "";
}

std::string FamilyStages::collect(Value value, FamilyStage &stage) {
  if (rankOf(value) == 2 && (isToken(value) || kept.contains(value))) {
    if (columnsOf(value) != stage.columns)
      return "rows of different widths are combined";
    return addOperand(value,
                      isToken(value) ? EpilogueIndex::GatheredElement
                                     : EpilogueIndex::Element,
                      stage);
  }
  auto linalg = value.getDefiningOp<linalg::LinalgOp>();
  if (!linalg || linalg->getBlock() != body)
    return "a row is computed by other operations than linalg's";
  return isPerElement(linalg) ? collectElementwise(linalg, stage)
                              : collectContraction(linalg, stage);
}

std::string FamilyStages::findContraction(linalg::LinalgOp op, Value &lhs,
                                          Value &rhs) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !linalg::isaContractionOpInterface(op) ||
      !dims->batch.empty() || dims->m.size() != 1 || dims->n.size() != 1 ||
      dims->k.size() != 1)
    return "an operation is neither elementwise nor a product of two matrices";
  unsigned m = dims->m[0], n = dims->n[0], k = dims->k[0];
  auto hasDims = [&](OpOperand *operand, unsigned first, unsigned second) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    return map.isProjectedPermutation() && map.getNumResults() == 2 &&
           map.getDimPosition(0) == first && map.getDimPosition(1) == second;
  };
  OpOperand *left = op.getDpsInputOperand(0), *right = op.getDpsInputOperand(1);
  if (!hasDims(left, m, k))
    std::swap(left, right), std::swap(m, n);
  if (!hasDims(left, m, k) || !hasDims(right, n, k) ||
      !hasDims(op.getDpsInitOperand(0), m, n))
    return "a product is not of rows with weights [columns, depth]";
  lhs = left->get();
  rhs = right->get();
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(lhs.getType()));
  if (!element || element.getWidth() > 32 ||
      element != getElementTypeOrSelf(rhs.getType()) ||
      !getElementTypeOrSelf(op->getResult(0).getType()).isF32())
    return "a product is not of f32, bf16 or f16 summed up in f32";
  if (!parameterOf(rhs))
    return "a product is with other weights than the expert's parameters";
  return "";
}

std::string FamilyStages::collectContraction(linalg::LinalgOp linalg,
                                             FamilyStage &stage) {
  Value result = linalg->getResult(0);
  auto [owner, isNew] = owners.try_emplace(linalg, stage.result);
  // Another kernel computes it, or the one at hand has no room for it.
  if (!isNew && owner->second != stage.result) {
    toKeep = result;
    return "";
  }
  if (llvm::is_contained(stage.contractions, linalg))
    return "";
  Value lhs, rhs;
  if (std::string why = findContraction(linalg, lhs, rhs); !why.empty())
    return why;
  if (columnsOf(result) != stage.columns)
    return "rows of different widths are combined";
  if (!stage.contractions.empty() &&
      (lhs != stage.lhs || stage.contractions.size() == maxContractions)) {
    toKeep = result;
    return "";
  }
  stage.contractions.push_back(linalg);
  stage.lhs = lhs;
  stage.rhs.push_back(rhs);
  stage.depth = columnsOf(lhs);
  if (ShapedType::isDynamic(stage.depth))
    return "rows of no fixed width are contracted";
  return collect(linalg.getDpsInitOperand(0)->get(), stage);
}

std::string FamilyStages::collectElementwise(linalg::LinalgOp linalg,
                                             FamilyStage &stage) {
  for (Operation &inner : linalg.getBlock()->without_terminator())
    if (inner.getNumRegions() || isa<linalg::IndexOp, tensor::ExtractOp>(inner))
      return "an element is computed from other elements, or by loops";
  for (OpOperand &operand : linalg->getOpOperands()) {
    BlockArgument argument = linalg.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    Value value = operand.get();
    AffineMap map = linalg.getMatchingIndexingMap(&operand);
    std::string why;
    if (map.getNumResults() == 0) {
      if (!matchPattern(value, m_Constant()))
        why = "a number is computed while running";
    } else if (map.isIdentity()) {
      why = collect(value, stage);
    } else if (map.getNumResults() == 1 && map.getNumDims() == 2 &&
               map.isProjectedPermutation()) {
      Region &region = op.getExperts().front();
      if (map.getDimPosition(0) == 1 && parameterOf(value))
        why = addOperand(value, EpilogueIndex::Column, stage);
      else if (map.getDimPosition(0) == 0 &&
               value == op.getWeightsArgument(region))
        why = addOperand(value, EpilogueIndex::Row, stage);
      else
        why = "a vector is neither a parameter of the expert nor the weights";
    } else {
      why = "an operand is permuted";
    }
    if (!why.empty() || toKeep)
      return why;
  }
  for (Operation &inner : linalg.getBlock()->without_terminator())
    for (Value used : inner.getOperands())
      if (used.getParentBlock() != linalg.getBlock() &&
          !matchPattern(used, m_Constant()))
        return "a number is computed while running";
  return "";
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static Value cloneConstant(ImplicitLocOpBuilder &b, Value value) {
  return b.clone(*value.getDefiningOp())->getResult(0);
}

/// A result of 16 bits hides what a division or a function loses by being
/// approximate, and exact ones would take longer than the product.
static void allowApproximation(Operation *op, const FamilyStage &stage) {
  auto result =
      dyn_cast<FloatType>(getElementTypeOrSelf(stage.result.getType()));
  auto approximable = dyn_cast<arith::ArithFastMathInterface>(op);
  if (!approximable || !result || result.getWidth() > 16 ||
      !isa<arith::DivFOp, math::ExpOp, math::TanhOp>(op))
    return;
  auto flags = approximable.getFastMathFlagsAttr();
  op->setAttr(approximable.getFastMathAttrName(),
              arith::FastMathFlagsAttr::get(
                  op->getContext(),
                  (flags ? flags.getValue() : arith::FastMathFlags::none) |
                      arith::FastMathFlags::afn));
}

Value FamilyStages::emitElement(ImplicitLocOpBuilder &b,
                                const FamilyStage &stage,
                                ValueRange accumulators,
                                ValueRange operands) const {
  return emit(b, stage.result, stage, accumulators, operands);
}

Value FamilyStages::emit(ImplicitLocOpBuilder &b, Value value,
                         const FamilyStage &stage, ValueRange accumulators,
                         ValueRange operands) const {
  auto operandOf = [&](Value source, EpilogueIndex index) {
    for (auto [known, element] : llvm::zip_equal(stage.operands, operands))
      if (known.first == source && known.second.index == index)
        return element;
    llvm_unreachable("an operand was not collected");
  };
  if (isToken(value))
    return operandOf(value, EpilogueIndex::GatheredElement);
  // The result of the stage itself is kept, but computed here.
  if (value != stage.result && kept.contains(value))
    return operandOf(value, EpilogueIndex::Element);

  auto linalg = value.getDefiningOp<linalg::LinalgOp>();
  auto contraction = llvm::find(stage.contractions, linalg);
  if (contraction != stage.contractions.end()) {
    Value sum = accumulators[contraction - stage.contractions.begin()];
    Value init = emit(b, linalg.getDpsInitOperand(0)->get(), stage,
                      accumulators, operands);
    if (matchPattern(init, m_PosZeroFloat()))
      return sum;
    return arith::AddFOp::create(b, sum, init);
  }

  IRMapping mapping;
  for (OpOperand &operand : linalg->getOpOperands()) {
    BlockArgument argument = linalg.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    AffineMap map = linalg.getMatchingIndexingMap(&operand);
    Value source = operand.get();
    if (map.getNumResults() == 0)
      mapping.map(argument, cloneConstant(b, source));
    else if (map.isIdentity())
      mapping.map(argument, emit(b, source, stage, accumulators, operands));
    else
      mapping.map(argument, operandOf(source, map.getDimPosition(0) == 1
                                                  ? EpilogueIndex::Column
                                                  : EpilogueIndex::Row));
  }
  Block *block = linalg.getBlock();
  for (Operation &inner : block->without_terminator()) {
    for (Value used : inner.getOperands())
      if (used.getParentBlock() != block && !mapping.contains(used))
        mapping.map(used, cloneConstant(b, used));
    allowApproximation(b.clone(inner, mapping), stage);
  }
  Value yielded = block->getTerminator()->getOperand(0);
  if (yielded.getParentBlock() != block && !mapping.contains(yielded))
    return cloneConstant(b, yielded);
  return mapping.lookup(yielded);
}
