//===- Masks.cpp - Which values are zero by choice ------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Follows constants from where the program chooses them through scalar
// operations, which are evaluated by their own folders.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/Masks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/RowFlow.h"

using namespace mlir;
using namespace mlir::moe;

/// More constants of a value than this are not told apart.
static constexpr size_t kMaxConstants = 8;

bool MaskAnalysis::Choice::hasZero() const {
  return chosen && llvm::any_of(constants, isZero);
}

void MaskAnalysis::Choice::add(TypedAttr constant) {
  if (constant && constants.size() < kMaxConstants &&
      !llvm::is_contained(constants, constant))
    constants.push_back(constant);
}

bool MaskAnalysis::isMask(Value tensor) { return of(tensor).hasZero(); }

bool MaskAnalysis::isNearMask(Value tensor) {
  Choice choice = of(tensor);
  if (choice.hasZero())
    return false;
  auto op = matchElementwise(tensor.getDefiningOp());
  return (choice.chosen && !choice.constants.empty()) ||
         (op && isa<math::FloorOp, math::CeilOp, math::RoundOp,
                    math::RoundEvenOp, math::TruncOp>(op->scalar));
}

MaskAnalysis::Choice MaskAnalysis::of(Value tensor) {
  auto found = known.find(tensor);
  if (found != known.end())
    return found->second;
  Choice choice = compute(tensor);
  known[tensor] = choice;
  return choice;
}

/// A loop that writes at positions that are data scatters: what it does not
/// write stays the constant it starts from.
static bool isScatter(scf::ForOp loop) {
  WalkResult walk = loop.getBody()->walk([&](Operation *op) {
    SmallVector<Value> positions;
    if (auto insert = dyn_cast<tensor::InsertOp>(op))
      positions.assign(insert.getIndices().begin(), insert.getIndices().end());
    else if (auto slice = dyn_cast<tensor::InsertSliceOp>(op))
      positions.assign(slice.getOffsets().begin(), slice.getOffsets().end());
    for (size_t i = 0; i < positions.size() && i < 64; ++i) {
      Operation *source = positions[i].getDefiningOp();
      if (isa_and_nonnull<tensor::ExtractOp>(source))
        return WalkResult::interrupt();
      if (source && source->getNumRegions() == 0)
        positions.append(source->operand_begin(), source->operand_end());
    }
    return WalkResult::advance();
  });
  return walk.wasInterrupted();
}

MaskAnalysis::Choice MaskAnalysis::compute(Value tensor) {
  Choice result;
  if (TypedAttr splat = getSplat(tensor)) {
    result.add(splat);
    return result;
  }
  Operation *op = tensor.getDefiningOp();
  // What one tensor's elements are is what the elements of that are.
  SmallVector<Value> moved = getMovedTensors(op);
  if (moved.size() == 1)
    return of(moved.front());
  if (auto elementwise = matchElementwise(op))
    return ofElementwise(*elementwise);
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op)) {
    if (generic.getNumReductionLoops() == 0 && generic.getNumDpsInits() == 1)
      return ofBody(op);
    return ofReduction(op);
  }
  auto loop = dyn_cast_or_null<scf::ForOp>(op);
  if (loop && isScatter(loop)) {
    unsigned number = cast<OpResult>(tensor).getResultNumber();
    if (TypedAttr start = getSplat(loop.getInitArgs()[number])) {
      result.add(start);
      result.chosen = true;
    }
    return result;
  }
  // A truth value is a choice wherever it comes from.
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (type && type.getElementType().isInteger(1)) {
    result.add(IntegerAttr::get(type.getElementType(), 0));
    result.add(IntegerAttr::get(type.getElementType(), 1));
    result.chosen = true;
  }
  return result;
}

/// Whether what is neither greater nor less is all that is left: select(x > c,
/// a, select(x < c, b, rest)) takes `rest` where x equals c, by coincidence.
static bool isRestOfSign(const Elementwise &outer, const Elementwise &inner) {
  auto compare = [](const Elementwise &select) {
    Value condition = select.operands[0].tensor;
    return matchElementwise(condition ? condition.getDefiningOp() : nullptr);
  };
  auto first = compare(outer), second = compare(inner);
  if (!first || !second)
    return false;
  auto a = dyn_cast<arith::CmpFOp>(first->scalar);
  auto b = dyn_cast<arith::CmpFOp>(second->scalar);
  return a && b && a.getPredicate() != b.getPredicate() &&
         first->operands[0].tensor == second->operands[0].tensor &&
         first->operands[1].constant == second->operands[1].constant;
}

/// Of `scalar`, whose operands are of `choices`.
MaskAnalysis::Choice MaskAnalysis::ofScalar(Operation *scalar,
                                            ArrayRef<Choice> choices) {
  Choice result;
  Type type = scalar->getResult(0).getType();
  auto add = [&](TypedAttr constant) { result.add(constant); };
  // Hardly any number is NaN.
  if (auto compare = dyn_cast<arith::CmpFOp>(scalar);
      compare && (compare.getPredicate() == arith::CmpFPredicate::ORD ||
                  compare.getPredicate() == arith::CmpFPredicate::UNO))
    return result;
  if (isa<arith::CmpFOp, arith::CmpIOp>(scalar)) {
    add(IntegerAttr::get(type, 0));
    add(IntegerAttr::get(type, 1));
    result.chosen = true;
    return result;
  }
  if (isa<arith::SelectOp>(scalar)) {
    result.chosen = choices[0].chosen;
    for (const Choice &branch : choices.drop_front())
      if (result.chosen)
        llvm::for_each(branch.constants, add);
    return result;
  }
  result.chosen = llvm::any_of(choices, [](auto &c) { return c.chosen; });
  auto zero = [&] {
    return cast<TypedAttr>(Builder(type.getContext()).getZeroAttr(type));
  };
  // Zero times anything, anything above zero or zero.
  if (isa<arith::MulFOp, arith::MulIOp, arith::AndIOp>(scalar) &&
      llvm::any_of(choices, [](auto &c) { return c.hasZero(); }))
    add(zero());
  if (isa<arith::DivFOp>(scalar) && choices[0].hasZero())
    add(zero());
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(scalar) &&
      llvm::any_of(choices, [](auto &c) {
        return !c.chosen && c.constants.size() == 1 && isZero(c.constants[0]);
      })) {
    add(zero());
    result.chosen = true;
  }
  if (choices.empty() || choices.size() > 2 ||
      llvm::any_of(choices, [](auto &c) { return c.constants.empty(); }))
    return result;
  auto fold = [&](ArrayRef<Attribute> operands) {
    SmallVector<OpFoldResult> folded;
    if (succeeded(scalar->fold(operands, folded)) && folded.size() == 1)
      add(dyn_cast_or_null<TypedAttr>(dyn_cast<Attribute>(folded[0])));
  };
  for (TypedAttr a : choices[0].constants) {
    if (choices.size() == 1)
      fold({a});
    else
      for (TypedAttr b : choices[1].constants)
        fold({a, b});
  }
  return result;
}

static bool isOne(TypedAttr constant) {
  auto number = dyn_cast_or_null<FloatAttr>(constant);
  return number && number.getValue().isExactlyValue(1.0);
}

/// What is subtracted from a mask and added again, as a gate does whose
/// gradient goes straight through: 0 - s + s is 0, and 1 - s + s is 1 where s
/// is at least a half.
static Value getStraightThrough(const Elementwise &op) {
  if (!isa<arith::AddFOp>(op.scalar))
    return nullptr;
  for (unsigned side : {0, 1}) {
    const ScalarOperand &difference = op.operands[side];
    const ScalarOperand &added = op.operands[1 - side];
    auto inner = matchElementwise(
        difference.tensor ? difference.tensor.getDefiningOp() : nullptr);
    if (!inner || !added.tensor || !isa<arith::SubFOp>(inner->scalar) ||
        inner->operands[1].tensor != added.tensor ||
        difference.map != added.map ||
        inner->operands[1].map != inner->operands[0].map ||
        inner->operands[1].map != inner->generic.getIndexingMapsArray().back())
      continue;
    return inner->operands[0].tensor;
  }
  return nullptr;
}

/// Whether no element of `tensor` is less than 0 or more than 1: a sigmoid.
static bool isSigmoid(Value tensor) {
  auto quotient = matchElementwise(tensor.getDefiningOp());
  if (!quotient || !isa<arith::DivFOp>(quotient->scalar) ||
      !isOne(quotient->operands[0].constant) || !quotient->operands[1].tensor)
    return false;
  auto sum = matchElementwise(quotient->operands[1].tensor.getDefiningOp());
  if (!sum || !isa<arith::AddFOp>(sum->scalar))
    return false;
  return llvm::any_of(ArrayRef<unsigned>{0, 1}, [&](unsigned side) {
    auto power =
        matchElementwise(sum->operands[1 - side].tensor
                             ? sum->operands[1 - side].tensor.getDefiningOp()
                             : nullptr);
    return isOne(sum->operands[side].constant) && power &&
           isa<math::ExpOp>(power->scalar);
  });
}

MaskAnalysis::Choice MaskAnalysis::ofElementwise(const Elementwise &op) {
  if (Value hard = getStraightThrough(op))
    if (Choice choice = of(hard); choice.hasZero())
      return choice;
  // A gate that is rounded is 0 or 1.
  if (isa<math::RoundOp, math::RoundEvenOp>(op.scalar) &&
      op.operands[0].tensor && isSigmoid(op.operands[0].tensor)) {
    Choice result;
    Type type = op.scalar->getResult(0).getType();
    for (double number : {0.0, 1.0})
      result.add(FloatAttr::get(type, number));
    result.chosen = true;
    return result;
  }
  SmallVector<Choice> choices;
  for (const ScalarOperand &operand : op.operands) {
    Choice choice;
    if (operand.constant)
      choice.add(operand.constant);
    else if (operand.tensor && !isa<arith::CmpFOp, arith::CmpIOp>(op.scalar))
      choice = of(operand.tensor);
    choices.push_back(choice);
  }
  if (isa<arith::SelectOp>(op.scalar)) {
    Value rest = op.operands[2].tensor;
    auto inner = matchElementwise(rest ? rest.getDefiningOp() : nullptr);
    if (inner && isa<arith::SelectOp>(inner->scalar) &&
        isRestOfSign(op, *inner))
      choices[2] = {};
  }
  return ofScalar(op.scalar, choices);
}

/// A body of several scalar operations.
MaskAnalysis::Choice MaskAnalysis::ofBody(Operation *op) {
  auto generic = cast<linalg::GenericOp>(op);
  llvm::SmallDenseMap<Value, Choice> scalars;
  auto get = [&](Value value) {
    Choice choice = scalars.lookup(value);
    Attribute constant;
    if (choice.constants.empty() && matchPattern(value, m_Constant(&constant)))
      choice.add(dyn_cast<TypedAttr>(constant));
    return choice;
  };
  for (OpOperand *input : generic.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()))
      scalars[generic.getMatchingBlockArgument(input)] = of(input->get());
  for (Operation &nested : generic.getBody()->without_terminator()) {
    if (nested.getNumResults() != 1 || nested.getNumRegions() > 0)
      continue;
    // Elements of another tensor, at positions of whatever kind.
    if (auto extract = dyn_cast<tensor::ExtractOp>(nested)) {
      scalars[extract] = of(extract.getTensor());
      continue;
    }
    SmallVector<Choice> choices =
        llvm::map_to_vector<2>(nested.getOperands(), get);
    scalars[nested.getResult(0)] = ofScalar(&nested, choices);
  }
  return get(generic.getBody()->getTerminator()->getOperand(0));
}

/// Rows of nothing but a constant: their sum, product and maximum.
MaskAnalysis::Choice MaskAnalysis::ofReduction(Operation *op) {
  Choice result;
  if (auto sum = matchSum(op)) {
    for (OpOperand *factor : sum->factors) {
      Choice choice = of(factor->get());
      if (choice.hasZero() && result.constants.empty()) {
        result.chosen = true;
        result.add(*llvm::find_if(choice.constants, isZero));
      }
    }
    return result;
  }
  auto generic = cast<linalg::GenericOp>(op);
  Block *body = generic.getBody();
  if (generic.getNumDpsInputs() == 1 && generic.getNumDpsInits() == 1 &&
      generic.getNumReductionLoops() > 0 && body->getOperations().size() == 2 &&
      isa<arith::AddIOp, arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp,
          arith::MaxUIOp, arith::OrIOp>(body->front())) {
    Choice choice = of(generic.getDpsInputs().front());
    if (choice.hasZero()) {
      result.chosen = true;
      result.add(*llvm::find_if(choice.constants, isZero));
    }
    return result;
  }
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (type && op->getNumResults() == 1 && type.getElementType().isInteger(1)) {
    result.add(IntegerAttr::get(type.getElementType(), 0));
    result.add(IntegerAttr::get(type.getElementType(), 1));
    result.chosen = true;
  }
  return result;
}
