//===- DecomposeGate.cpp - moe.gate in terms of linalg ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Replaces moe.gate by the tensors it stands for, a mask and weights, and a
// moe.route of them. The steps are those of the description of moe.gate.
//
// Experts are ranked by integers: the bits of a value, mapped so that integers
// order as the values do, above the number of the expert counted from the back.
// No two experts of a token have the same, so the k-th largest splits them into
// k and E - k for every bit pattern, NaN and equal values included, and finding
// it takes k maxima over a row: no sorting, no state but one number per token.
//
//===----------------------------------------------------------------------===//

#include "TokenTensors.h"

#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::moe {
#define GEN_PASS_DEF_DECOMPOSEGATEPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Builds the decomposition of one gate at the builder's insertion point.
class GateDecomposition : TokenTensors {
public:
  GateDecomposition(ImplicitLocOpBuilder &builder, GateOp gate, bool parallel);

  /// The mask and the weights of the gate.
  std::pair<Value, Value> build();

private:
  // The steps of moe.gate.
  Value applyScoreFunction();
  Value selectByThreshold(Value values);
  Value selectByRank(Value values);
  Value limitToGroups(Value keys);
  Value limitToCapacity(Value mask);
  Value makeWeights(Value mask, Value values);

  Value softmax(Value mask);
  Value sigmoid();
  Value capacity();
  Value largestBelow(ImplicitLocOpBuilder &b, Value keys, ValueRange row,
                     Value bound);
  Value selectLargest(Value keys, int64_t count);

  // Scalars, for payloads.
  Value widen(ImplicitLocOpBuilder &b, Value value);
  Value constant(ImplicitLocOpBuilder &b, double value);
  Value rank(ImplicitLocOpBuilder &b, ValueRange valueAndBias);
  Value makeKey(ImplicitLocOpBuilder &b, Value value, Value number,
                int64_t count);
  Value valueOfKey(ImplicitLocOpBuilder &b, Value key);
  Value changeOrder(ImplicitLocOpBuilder &b, Value bits);

  SmallVector<IndexedTensor> withBias(Value values);

  TypedAttr smallestKey() {
    return b.getIntegerAttr(keyType,
                            APInt::getSignedMinValue(keyType.getWidth()));
  }
  GateOp gate;
  Value scores;
  int64_t experts;
  /// The type of all arithmetic, and of the numbers that order experts.
  FloatType compute;
  IntegerType keyType;
};
} // namespace

GateDecomposition::GateDecomposition(ImplicitLocOpBuilder &builder, GateOp gate,
                                     bool parallel)
    : TokenTensors(builder, gate.getScores(), parallel), gate(gate),
      scores(gate.getScores()), experts(gate.getNumExperts()) {
  auto element = cast<FloatType>(getElementTypeOrSelf(scores));
  compute = element.getWidth() > 32 ? element : b.getF32Type();
  keyType = b.getIntegerType(2 * compute.getWidth());
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value GateDecomposition::widen(ImplicitLocOpBuilder &b, Value value) {
  if (value.getType() == compute)
    return value;
  return arith::ExtFOp::create(b, compute, value);
}

Value GateDecomposition::constant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getFloatAttr(compute, value));
}

/// What experts are ranked by: the value, plus the bias if there is one.
Value GateDecomposition::rank(ImplicitLocOpBuilder &b,
                              ValueRange valueAndBias) {
  Value value = widen(b, valueAndBias[0]);
  if (!gate.getBias())
    return value;
  return arith::AddFOp::create(b, value, widen(b, valueAndBias[1]));
}

/// Between the bits of a number and the integer that orders like the number:
/// the bits of negative numbers grow with their magnitude.
Value GateDecomposition::changeOrder(ImplicitLocOpBuilder &b, Value bits) {
  unsigned width = compute.getWidth();
  Value shift =
      arith::ConstantOp::create(b, b.getIntegerAttr(bits.getType(), width - 1));
  Value magnitude = arith::ConstantOp::create(
      b, b.getIntegerAttr(bits.getType(), APInt::getSignedMaxValue(width)));
  Value sign = arith::ShRSIOp::create(b, bits, shift);
  return arith::XOrIOp::create(b, bits,
                               arith::AndIOp::create(b, sign, magnitude));
}

/// An integer that is the larger, the larger `value` is, and for equal values
/// the smaller `number` (an index below `count`) is.
Value GateDecomposition::makeKey(ImplicitLocOpBuilder &b, Value value,
                                 Value number, int64_t count) {
  unsigned width = compute.getWidth();
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value lowest = constant(b, -std::numeric_limits<double>::infinity());
  value = arith::SelectOp::create(b, isNaN, lowest, value);
  // -0 + 0 is +0: the two zeros are equal values.
  value = arith::AddFOp::create(b, value, constant(b, 0.0));
  Value bits = arith::BitcastOp::create(b, b.getIntegerType(width), value);
  Value high = arith::ExtSIOp::create(b, keyType, changeOrder(b, bits));
  Value shift = arith::ConstantOp::create(b, b.getIntegerAttr(keyType, width));
  high = arith::ShLIOp::create(b, high, shift);
  Value last = arith::ConstantIndexOp::create(b, count - 1);
  Value low = arith::IndexCastOp::create(
      b, keyType, arith::SubIOp::create(b, last, number));
  return arith::OrIOp::create(b, high, low);
}

/// The value that a key was made from, minus infinity for NaN.
Value GateDecomposition::valueOfKey(ImplicitLocOpBuilder &b, Value key) {
  unsigned width = compute.getWidth();
  Value shift = arith::ConstantOp::create(b, b.getIntegerAttr(keyType, width));
  Value order = arith::TruncIOp::create(b, b.getIntegerType(width),
                                        arith::ShRSIOp::create(b, key, shift));
  return arith::BitcastOp::create(b, compute, changeOrder(b, order));
}

SmallVector<IndexedTensor> GateDecomposition::withBias(Value values) {
  SmallVector<IndexedTensor> ins = {each(values)};
  if (gate.getBias())
    ins.push_back({gate.getBias(), {1}});
  return ins;
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// Over the experts of `mask`, or over all if it is null. A NaN in a row makes
/// its sum NaN and with it the row.
Value GateDecomposition::softmax(Value mask) {
  double lowest = -std::numeric_limits<double>::infinity();
  SmallVector<IndexedTensor> ins = {each(scores)};
  if (mask)
    ins.push_back(each(mask));
  Value largest = reduceRows(
      ins, {}, b.getFloatAttr(compute, lowest),
      [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        Value score = widen(b, e[0]);
        if (mask)
          score = arith::SelectOp::create(b, e[1], score, constant(b, lowest));
        return arith::MaximumFOp::create(b, score, e.back());
      });
  ins[0] = perToken(largest);
  Value powers = update(
      scores, ins, compute,
      [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        Value difference = arith::SubFOp::create(b, widen(b, e[0]), e[1]);
        Value power = math::ExpOp::create(b, difference);
        if (mask)
          power = arith::SelectOp::create(b, e[2], power, constant(b, 0.0));
        return power;
      });
  Value sum = reduceRows({each(powers)}, {}, b.getFloatAttr(compute, 0.0),
                         [](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
                           return arith::AddFOp::create(b, e[0], e[1]);
                         });
  return update(powers, {perToken(sum)}, compute,
                [](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
                  return arith::DivFOp::create(b, e[0], e[1]);
                });
}

Value GateDecomposition::sigmoid() {
  return update(
      scores, {}, compute, [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        Value power =
            math::ExpOp::create(b, arith::NegFOp::create(b, widen(b, e[0])));
        Value one = constant(b, 1.0);
        return arith::DivFOp::create(b, one,
                                     arith::AddFOp::create(b, one, power));
      });
}

Value GateDecomposition::applyScoreFunction() {
  switch (gate.getFunction()) {
  case ScoreFunction::identity:
    return scores;
  case ScoreFunction::softmax:
    return softmax(/*mask=*/Value());
  case ScoreFunction::sigmoid:
    return sigmoid();
  }
  llvm_unreachable("unknown score function");
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

Value GateDecomposition::selectByThreshold(Value values) {
  return map(withBias(values), {experts}, b.getI1Type(),
             [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
               Value bound =
                   constant(b, gate.getThreshold()->convertToDouble());
               return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                            rank(b, e), bound);
             });
}

/// The largest key of a row, or of its keys below `bound` if there is one.
Value GateDecomposition::largestBelow(ImplicitLocOpBuilder &b, Value keys,
                                      ValueRange row, Value bound) {
  return reduceRow(b, each(keys), row, smallestKey(),
                   [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
                     Value key = e[0];
                     if (bound) {
                       Value below = arith::CmpIOp::create(
                           b, arith::CmpIPredicate::slt, key, bound);
                       Value none = arith::ConstantOp::create(b, smallestKey());
                       key = arith::SelectOp::create(b, below, key, none);
                     }
                     return arith::MaxSIOp::create(b, key, e[1]);
                   });
}

/// The smallest of the `count` largest keys of each row.
Value GateDecomposition::selectLargest(Value keys, int64_t count) {
  bool all = count == cast<RankedTensorType>(keys.getType()).getDimSize(1);
  auto largest =
      b.getIntegerAttr(keyType, APInt::getSignedMaxValue(keyType.getWidth()));
  return forEachRow({}, keyType, [&](ImplicitLocOpBuilder &b, ValueRange row) {
    if (all)
      return arith::ConstantOp::create(b, smallestKey()).getResult();
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value rounds = arith::ConstantIndexOp::create(b, count);
    Value first = arith::ConstantOp::create(b, largest);
    auto body = [&](OpBuilder &nested, Location loc, Value, ValueRange bound) {
      ImplicitLocOpBuilder inner(loc, nested);
      scf::YieldOp::create(inner,
                           largestBelow(inner, keys, row, bound.front()));
    };
    return scf::ForOp::create(b, zero, rounds, one, first, body).getResult(0);
  });
}

/// Keys outside the best groups become the smallest integer, which no expert
/// has. The largest key of a group ranks groups by `max` as it is: of equal
/// values, the lower group has the lower expert.
Value GateDecomposition::limitToGroups(Value keys) {
  if (!gate.getGroups() || gate.getGroups() == gate.getGroupsKept())
    return keys;
  int64_t groups = *gate.getGroups();
  auto type = cast<RankedTensorType>(keys.getType());
  auto splitType = RankedTensorType::get(
      {type.getDimSize(0), groups, experts / groups}, keyType);
  SmallVector<ReassociationIndices> dims = {{0}, {1, 2}};
  SmallVector<OpFoldResult> sizes = {tokens, b.getIndexAttr(groups),
                                     b.getIndexAttr(experts / groups)};
  Value split = tensor::ExpandShapeOp::create(b, splitType, keys, dims, sizes);
  bool sum = *gate.getGroupScore() == GroupScore::top2_sum;
  Value best = forEachRow(
      {groups}, keyType, [&](ImplicitLocOpBuilder &b, ValueRange row) {
        Value first = largestBelow(b, split, row, /*bound=*/Value());
        if (!sum)
          return first;
        Value second = largestBelow(b, split, row, first);
        Value score = arith::AddFOp::create(b, valueOfKey(b, first),
                                            valueOfKey(b, second));
        return makeKey(b, score, row[1], groups);
      });
  Value bound = selectLargest(best, *gate.getGroupsKept());
  Value limited =
      generic({each(best), perToken(bound)}, split,
              [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
                Value kept = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                                   e[0], e[1]);
                Value none = arith::ConstantOp::create(b, smallestKey());
                return arith::SelectOp::create(b, kept, e[2], none);
              });
  return tensor::CollapseShapeOp::create(b, type, limited, dims);
}

Value GateDecomposition::selectByRank(Value values) {
  Value keys = map(withBias(values), {experts}, keyType,
                   [&](ImplicitLocOpBuilder &b, ValueRange e) {
                     Value number = linalg::IndexOp::create(b, 1);
                     return makeKey(b, rank(b, e), number, experts);
                   });
  keys = limitToGroups(keys);
  Value bound = selectLargest(keys, *gate.getSelectedPerToken());
  return map({each(keys), perToken(bound)}, {experts}, b.getI1Type(),
             [](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
               return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, e[0],
                                            e[1]);
             });
}

/// How many tokens an expert takes, or null. Never more than there are, so that
/// the conversion to an integer is defined.
Value GateDecomposition::capacity() {
  if (gate.getCapacity())
    return arith::ConstantOp::create(b,
                                     b.getI64IntegerAttr(*gate.getCapacity()));
  if (!gate.getCapacityFactor() || gate.getSelectedPerToken() == 0)
    return Value();
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  };
  Value count = arith::IndexCastOp::create(
      b, b.getI64Type(),
      getValueOrCreateConstantIndexOp(b, b.getLoc(), tokens));
  Value all = arith::SIToFPOp::create(b, b.getF64Type(), count);
  Value share = arith::MulFOp::create(
      b, number(gate.getCapacityFactor()->convertToDouble()), all);
  share = arith::MulFOp::create(b, share, number(*gate.getSelectedPerToken()));
  share = arith::DivFOp::create(b, share, number(experts));
  share = arith::MinimumFOp::create(b, math::CeilOp::create(b, share), all);
  return arith::FPToSIOp::create(b, b.getI64Type(), share);
}

/// First come, first served.
Value GateDecomposition::limitToCapacity(Value mask) {
  Value limit = capacity();
  if (!limit)
    return mask;
  if (parallel)
    return keepFirst(mask, limit);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value last = getValueOrCreateConstantIndexOp(b, b.getLoc(), tokens);
  Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  Value taken = tensor::EmptyOp::create(b, {experts}, b.getI64Type());
  taken = linalg::FillOp::create(b, none, taken).getResult(0);
  auto loop = scf::ForOp::create(b, zero, last, one, ValueRange{mask, taken});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  mask = loop.getRegionIterArg(0);
  taken = loop.getRegionIterArg(1);

  SmallVector<OpFoldResult> offsets = {loop.getInductionVar(),
                                       b.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1),
                                     b.getIndexAttr(experts)};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  Value row = tensor::ExtractSliceOp::create(
      b, RankedTensorType::get({experts}, b.getI1Type()), mask, offsets, sizes,
      strides);
  taken = generic(
      {each(row)}, taken, [](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        return arith::AddIOp::create(
            b, e[1], arith::ExtUIOp::create(b, b.getI64Type(), e[0]));
      });
  row = generic(
      {each(taken)}, row, [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        Value fits =
            arith::CmpIOp::create(b, arith::CmpIPredicate::sle, e[0], limit);
        return arith::AndIOp::create(b, e[1], fits);
      });
  mask = tensor::InsertSliceOp::create(b, row, mask, offsets, sizes, strides);
  scf::YieldOp::create(b, ValueRange{mask, taken});
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Value GateDecomposition::makeWeights(Value mask, Value values) {
  WeightSource source = gate.getWeights().value_or(WeightSource::score);
  if (source == WeightSource::softmax)
    values = softmax(mask);
  if (source == WeightSource::sigmoid &&
      gate.getFunction() != ScoreFunction::sigmoid)
    values = sigmoid();
  auto weight = [&](ImplicitLocOpBuilder &b, Value value) {
    return source == WeightSource::one ? constant(b, 1.0) : widen(b, value);
  };
  SmallVector<IndexedTensor> ins = {each(mask)};
  if (gate.getNormalize()) {
    Value sum =
        reduceRows({each(values), each(mask)}, {}, b.getFloatAttr(compute, 0.0),
                   [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
                     Value chosen = arith::SelectOp::create(
                         b, e[1], weight(b, e[0]), constant(b, 0.0));
                     return arith::AddFOp::create(b, chosen, e[2]);
                   });
    ins.push_back(perToken(sum));
  }
  return update(
      values, ins, b.getF32Type(),
      [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
        Value result = weight(b, e[0]);
        if (gate.getNormalize()) {
          Value sum = e[2];
          if (gate.getEpsilon())
            sum = arith::AddFOp::create(
                b, sum, constant(b, gate.getEpsilon()->convertToDouble()));
          result = arith::DivFOp::create(b, result, sum);
        }
        if (gate.getScale())
          result = arith::MulFOp::create(
              b, result, constant(b, gate.getScale()->convertToDouble()));
        if (compute != b.getF32Type())
          result = arith::TruncFOp::create(b, b.getF32Type(), result);
        Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0));
        return arith::SelectOp::create(b, e[1], result, zero);
      });
}

std::pair<Value, Value> GateDecomposition::build() {
  Value values = applyScoreFunction();
  Value mask =
      gate.getThreshold() ? selectByThreshold(values) : selectByRank(values);
  mask = limitToCapacity(mask);
  return {mask, makeWeights(mask, values)};
}

namespace {
struct DecomposeGatePass : moe::impl::DecomposeGatePassBase<DecomposeGatePass> {
  using Base::Base;

  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](GateOp gate) {
      ImplicitLocOpBuilder builder(gate.getLoc(), rewriter);
      builder.setInsertionPoint(gate);
      std::optional<int64_t> selected = gate.getSelectedPerToken();
      auto [mask, weights] = GateDecomposition(builder, gate, parallel).build();
      rewriter.setInsertionPoint(gate);
      // Elsewhere nothing depends on it that would make up for the check.
      IntegerAttr most;
      if (parallel && selected)
        most = builder.getI64IntegerAttr(*selected);
      rewriter.replaceOpWithNewOp<RouteOp>(gate, gate.getType(), mask, weights,
                                           most);
    });
  }
};
} // namespace
