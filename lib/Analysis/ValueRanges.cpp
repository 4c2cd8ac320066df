//===- ValueRanges.cpp - Between which numbers a tensor lies --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step back for each kind of operation; what is not known may be anything
// of its type. Only rounding that is monotone is believed.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/ValueRanges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/RowFlow.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::moe;

/// Bounds of the time spent on one tensor.
static constexpr unsigned kMaxDepth = 16;
static constexpr int64_t kMaxElements = 1 << 16;
/// Up to here a double holds every integer.
static constexpr double kExact = 9007199254740992.0;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static double fromInteger(const APInt &value, Type type) {
  if (value.getBitWidth() == 1)
    return value.getZExtValue();
  double number = type.isUnsignedInteger() ? value.roundToDouble(false)
                                           : value.roundToDouble(true);
  return std::abs(number) < kExact ? number : std::copysign(kInfinity, number);
}

static ValueRange64 ofConstant(Attribute constant) {
  double number;
  if (auto real = dyn_cast<FloatAttr>(constant))
    number = real.getValueAsDouble();
  else if (auto integer = dyn_cast<IntegerAttr>(constant))
    number = fromInteger(integer.getValue(), integer.getType());
  else
    return {-kInfinity, kInfinity, true};
  if (std::isnan(number))
    return {-kInfinity, -kInfinity, true};
  return {number, number, false};
}

static ValueRange64 join(ValueRange64 a, ValueRange64 b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high), a.nan || b.nan};
}

ValueRange64 RangeAnalysis::ofType(Type type) const {
  if (type.isInteger(1))
    return {0, 1, false};
  auto real = dyn_cast<FloatType>(type);
  if (!real)
    return {};
  if (!assumeFinite)
    return {-kInfinity, kInfinity, true};
  APFloat largest = APFloat::getLargest(real.getFloatSemantics());
  bool loses;
  largest.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
  double bound = largest.convertToDouble();
  return {-bound, bound, false};
}

ValueRange64 RangeAnalysis::add(ValueRange64 a, ValueRange64 b,
                                Type type) const {
  bool mayCancel = (a.low == -kInfinity && b.high == kInfinity) ||
                   (a.high == kInfinity && b.low == -kInfinity);
  bool nan = a.nan || b.nan || mayCancel;
  if (!type.isF32() && !type.isF64()) {
    bool lowest = a.high == -kInfinity || b.high == -kInfinity;
    return lowest ? ValueRange64{-kInfinity, -kInfinity, nan} : ofType(type);
  }
  auto sum = [&](double x, double y) {
    double exact = type.isF32() ? double(float(x) + float(y)) : x + y;
    // A sum of finite numbers is finite by assumption.
    if (assumeFinite && std::isfinite(x) && std::isfinite(y) &&
        std::isinf(exact))
      return std::copysign(ofType(type).high, exact);
    return exact;
  };
  ValueRange64 result = {sum(a.low, b.low), sum(a.high, b.high), nan};
  // Infinities of both signs: the sum is NaN, or that of other numbers.
  if (std::isnan(result.low))
    result.low = -kInfinity;
  if (std::isnan(result.high))
    result.high =
        a.high == -kInfinity || b.high == -kInfinity ? -kInfinity : kInfinity;
  return result;
}

ValueRange64 RangeAnalysis::sigmoid(ValueRange64 x) const {
  // Only what holds however exp is rounded.
  double low = x.low >= 0 ? 0.5 : 0;
  double high = x.high == -kInfinity ? 0 : x.high <= 0 ? 0.5 : 1;
  return {low, high, x.nan};
}

/// Whether the elements at the coordinates are not those that are inserted.
static bool isBeside(tensor::InsertSliceOp insert,
                     ArrayRef<std::optional<int64_t>> coordinates) {
  if (!insert.hasUnitStride() ||
      insert.getSourceType().getRank() != insert.getType().getRank())
    return false;
  for (auto [at, offset, size] : llvm::zip_equal(
           coordinates, insert.getStaticOffsets(), insert.getStaticSizes()))
    if (at && !ShapedType::isDynamic(offset) && !ShapedType::isDynamic(size) &&
        (*at < offset || *at >= offset + size))
      return true;
  return false;
}

ValueRange64
RangeAnalysis::compute(Value tensor,
                       ArrayRef<std::optional<int64_t>> coordinates,
                       unsigned depth) const {
  // Columns are inserted one after the other, however many there are.
  for (auto insert = tensor.getDefiningOp<tensor::InsertSliceOp>();
       insert && isBeside(insert, coordinates);
       insert = tensor.getDefiningOp<tensor::InsertSliceOp>())
    tensor = insert.getDest();
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  ValueRange64 any = ofType(getElementTypeOrSelf(tensor.getType()));
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements))) {
    if (elements.isSplat())
      return ofConstant(elements.getSplatValue<Attribute>());
    if (elements.getNumElements() == 0 ||
        elements.getNumElements() > kMaxElements)
      return any;
    std::optional<ValueRange64> hull;
    SmallVector<int64_t> strides = computeStrides(type.getShape());
    for (auto [position, element] :
         llvm::enumerate(elements.getValues<Attribute>())) {
      SmallVector<int64_t> at = delinearize(position, strides);
      if (llvm::all_of_zip(coordinates, at, [](auto known, int64_t actual) {
            return !known || *known == actual;
          }))
        hull = hull ? join(*hull, ofConstant(element)) : ofConstant(element);
    }
    return hull.value_or(any);
  }
  Operation *op = tensor.getDefiningOp();
  if (!op || !type || depth > kMaxDepth)
    return any;
  return TypeSwitch<Operation *, ValueRange64>(op)
      .Case([&](tensor::SplatOp splat) {
        Attribute constant;
        return matchPattern(splat.getInput(), m_Constant(&constant))
                   ? ofConstant(constant)
                   : any;
      })
      .Case([&](tensor::ConcatOp concat) {
        std::optional<int64_t> at = coordinates[concat.getDim()];
        std::optional<ValueRange64> hull;
        for (Value input : concat.getInputs()) {
          int64_t size = cast<RankedTensorType>(input.getType())
                             .getDimSize(concat.getDim());
          if (at && ShapedType::isDynamic(size))
            return any;
          SmallVector<std::optional<int64_t>> inside(coordinates);
          if (at) {
            if (*at < 0 || *at >= size) {
              *at -= size;
              continue;
            }
            inside[concat.getDim()] = *at;
            *at -= size;
          }
          ValueRange64 range = compute(input, inside, depth + 1);
          hull = hull ? join(*hull, range) : range;
        }
        return hull.value_or(any);
      })
      .Case([&](tensor::InsertSliceOp insert) {
        // Of the coordinates known, only whether they are inside is looked at.
        if (insert.getSourceType().getRank() != type.getRank() ||
            !insert.hasUnitStride())
          return any;
        SmallVector<std::optional<int64_t>> inside(type.getRank());
        bool covers = true;
        for (auto [dim, at] : llvm::enumerate(coordinates)) {
          int64_t offset = insert.getStaticOffsets()[dim];
          int64_t size = insert.getStaticSizes()[dim];
          bool constant =
              !ShapedType::isDynamic(offset) && !ShapedType::isDynamic(size);
          if (!at || !constant) {
            covers &= constant && offset == 0 && size == type.getDimSize(dim);
            continue;
          }
          inside[dim] = *at - offset;
        }
        ValueRange64 range = compute(insert.getSource(), inside, depth + 1);
        return covers ? range
                      : join(range,
                             compute(insert.getDest(), coordinates, depth + 1));
      })
      .Case([&](linalg::LinalgOp) { return ofBody(op, coordinates, depth); })
      .Default([&](Operation *) { return ofMoved(op, coordinates, depth); });
}

/// Of an operation that moves elements: those of all that it may have moved.
ValueRange64 RangeAnalysis::ofMoved(Operation *op, Coordinates coordinates,
                                    unsigned depth) const {
  ValueRange64 any = ofType(getElementTypeOrSelf(op->getResult(0).getType()));
  SmallVector<Value> moved = getMovedTensors(op);
  if (moved.empty() || op->getNumResults() != 1)
    return any;
  RowFlow flow = getRowFlow(op, getOwnLabels(op->getResult(0)));
  std::optional<ValueRange64> hull;
  for (const Read &read : flow.reads) {
    if (!llvm::is_contained(moved, read.value))
      continue;
    SmallVector<std::optional<int64_t>> at(read.labels.size());
    for (auto [mine, label] : llvm::zip_equal(at, read.labels))
      if (label != kInner)
        mine = coordinates[label];
    ValueRange64 range = compute(read.value, at, depth + 1);
    hull = hull ? join(*hull, range) : range;
  }
  return hull.value_or(any);
}

ValueRange64 RangeAnalysis::ofBody(Operation *op, Coordinates coordinates,
                                   unsigned depth) const {
  auto linalgOp = cast<linalg::LinalgOp>(op);
  ValueRange64 any = ofType(getElementTypeOrSelf(op->getResult(0).getType()));
  AffineMap result = linalgOp.getIndexingMapsArray().back();
  if (op->getNumResults() != 1 || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumLoops() != linalgOp.getNumParallelLoops() ||
      !result.isProjectedPermutation())
    return any;
  SmallVector<std::optional<int64_t>> loops(linalgOp.getNumLoops());
  for (auto [expr, at] : llvm::zip_equal(result.getResults(), coordinates))
    loops[cast<AffineDimExpr>(expr).getPosition()] = at;

  DenseMap<Value, ValueRange64> known;
  auto rangeOf = [&](Value value) -> ValueRange64 {
    Attribute constant;
    if (matchPattern(value, m_Constant(&constant)))
      return ofConstant(constant);
    auto found = known.find(value);
    return found == known.end() ? ofType(value.getType()) : found->second;
  };
  Block *body = linalgOp.getBlock();
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = body->getArgument(operand.getOperandNumber());
    if (argument.use_empty())
      continue;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      known[argument] = rangeOf(operand.get());
      continue;
    }
    SmallVector<std::optional<int64_t>> at;
    for (AffineExpr expr :
         linalgOp.getMatchingIndexingMap(&operand).getResults()) {
      std::optional<int64_t> position;
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        position = loops[dim.getPosition()];
      else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
        position = constant.getValue();
      at.push_back(position);
    }
    known[argument] = compute(operand.get(), at, depth + 1);
  }
  for (Operation &scalar : body->without_terminator()) {
    if (scalar.getNumResults() != 1)
      return any;
    if (auto index = dyn_cast<linalg::IndexOp>(scalar)) {
      if (std::optional<int64_t> at = loops[index.getDim()])
        known[index] = {double(*at), double(*at), false};
      continue;
    }
    SmallVector<ValueRange64> operands =
        llvm::map_to_vector(scalar.getOperands(), rangeOf);
    known[scalar.getResult(0)] = ofScalar(&scalar, operands);
  }
  return rangeOf(body->getTerminator()->getOperand(0));
}

/// Whether a predicate on a, b is sure to hold or not to; both for neither.
static ValueRange64 decide(bool always, bool never) {
  return {always ? 1.0 : 0.0, never ? 0.0 : 1.0, false};
}

static ValueRange64 compare(arith::CmpIPredicate predicate, ValueRange64 a,
                            ValueRange64 b) {
  // An infinite bound stands for integers that are not known exactly.
  bool same = a.low == a.high && b.low == b.high && a.low == b.low &&
              std::isfinite(a.low);
  bool apart = a.high < b.low || b.high < a.low;
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return decide(same, apart);
  case arith::CmpIPredicate::ne:
    return decide(apart, same);
  case arith::CmpIPredicate::slt:
    return decide(a.high < b.low, a.low >= b.high && std::isfinite(a.low));
  case arith::CmpIPredicate::sle:
    return decide(a.high <= b.low && std::isfinite(b.low), a.low > b.high);
  case arith::CmpIPredicate::sgt:
    return decide(a.low > b.high, a.high <= b.low && std::isfinite(b.low));
  case arith::CmpIPredicate::sge:
    return decide(a.low >= b.high && std::isfinite(a.low), a.high < b.low);
  default:
    return {0, 1, false};
  }
}

/// Of a comparison that is false where a number is NaN, only that it never
/// holds is looked for.
static ValueRange64 compare(arith::CmpFPredicate predicate, ValueRange64 a,
                            ValueRange64 b) {
  switch (predicate) {
  case arith::CmpFPredicate::OGT:
    return decide(false, a.high <= b.low);
  case arith::CmpFPredicate::OGE:
    return decide(false, a.high < b.low);
  case arith::CmpFPredicate::OLT:
    return decide(false, a.low >= b.high);
  case arith::CmpFPredicate::OLE:
    return decide(false, a.low > b.high);
  case arith::CmpFPredicate::OEQ:
    return decide(false, a.high < b.low || b.high < a.low);
  default:
    return {0, 1, false};
  }
}

ValueRange64 RangeAnalysis::ofScalar(Operation *op,
                                     ArrayRef<ValueRange64> operands) const {
  Type type = op->getResult(0).getType();
  ValueRange64 any = ofType(type);
  auto at = [&](unsigned i) { return operands[i]; };
  bool isBool =
      op->getNumOperands() && op->getOperand(0).getType().isInteger(1);
  return TypeSwitch<Operation *, ValueRange64>(op)
      .Case([&](arith::AddFOp) { return add(at(0), at(1), type); })
      .Case([&](arith::NegFOp) {
        return ValueRange64{-at(0).high, -at(0).low, at(0).nan};
      })
      .Case([&](arith::MaximumFOp) {
        return ValueRange64{std::max(at(0).low, at(1).low),
                            std::max(at(0).high, at(1).high),
                            at(0).nan || at(1).nan};
      })
      .Case([&](arith::MinimumFOp) {
        return ValueRange64{std::min(at(0).low, at(1).low),
                            std::min(at(0).high, at(1).high),
                            at(0).nan || at(1).nan};
      })
      .Case([&](arith::SelectOp) {
        if (!isBool)
          return any;
        if (at(0).low == 1)
          return at(1);
        return at(0).high == 0 ? at(2) : join(at(1), at(2));
      })
      .Case([&](arith::CmpFOp cmp) {
        return compare(cmp.getPredicate(), at(0), at(1));
      })
      .Case([&](arith::CmpIOp cmp) {
        return isBool ? any : compare(cmp.getPredicate(), at(0), at(1));
      })
      .Case([&](arith::AndIOp) {
        return isBool ? ValueRange64{std::min(at(0).low, at(1).low),
                                     std::min(at(0).high, at(1).high), false}
                      : any;
      })
      .Case([&](arith::OrIOp) {
        return isBool ? ValueRange64{std::max(at(0).low, at(1).low),
                                     std::max(at(0).high, at(1).high), false}
                      : any;
      })
      .Case([&](arith::MaxSIOp) {
        return isBool ? any
                      : ValueRange64{std::max(at(0).low, at(1).low),
                                     std::max(at(0).high, at(1).high), false};
      })
      .Case([&](arith::MinSIOp) {
        return isBool ? any
                      : ValueRange64{std::min(at(0).low, at(1).low),
                                     std::min(at(0).high, at(1).high), false};
      })
      .Case([&](arith::RemUIOp) {
        bool bounded = !isBool && at(1).low >= 1 && std::isfinite(at(1).high);
        return bounded ? ValueRange64{0, at(1).high - 1, false} : any;
      })
      .Case([&](arith::RemSIOp) {
        if (isBool || at(1).low < 1 || !std::isfinite(at(1).high))
          return any;
        double bound = at(1).high - 1;
        return ValueRange64{at(0).low >= 0 ? 0 : -bound, bound, false};
      })
      .Case<arith::ExtSIOp, arith::IndexCastOp>([&](Operation *) {
        // An index may have fewer bits than an integer.
        bool fits = std::abs(at(0).low) < 2147483648.0 &&
                    std::abs(at(0).high) < 2147483648.0;
        bool wide = type.isIndex() || type.getIntOrFloatBitWidth() >= 32 ||
                    isa<arith::ExtSIOp>(op);
        return !isBool && fits && wide ? at(0) : any;
      })
      .Case([&](arith::ExtUIOp) {
        return isBool || at(0).low >= 0 ? at(0) : any;
      })
      .Default([&](Operation *) { return any; });
}
