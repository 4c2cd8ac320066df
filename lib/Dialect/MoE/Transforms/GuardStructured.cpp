//===- GuardStructured.cpp - Check operands of loops and scalars -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structured operations take the lengths of their loops from some operand, and
// trust the others. Scalar operations can be undefined, and what is undefined
// cannot be compared with a bound afterwards: the comparison is undefined too.
//
//===----------------------------------------------------------------------===//

#include "AccessChecks.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/AffineExprVisitor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Structured operations
//===----------------------------------------------------------------------===//

namespace {
/// The least and the greatest value of an index expression.
struct Interval {
  Value low, high;
};

class StructuredChecks {
public:
  explicit StructuredChecks(linalg::LinalgOp op)
      : op(op), checks(op), lengths(op.getNumLoops()) {}

  LogicalResult run();

private:
  LogicalResult checkOperand(OpOperand &operand);
  LogicalResult checkIndex(AffineExpr index, OpFoldResult size,
                           const Twine &where);
  FailureOr<Interval> evaluate(AffineExpr index);
  FailureOr<Interval> evaluateBinary(AffineBinaryOpExpr index);

  linalg::LinalgOp op;
  AccessChecks checks;
  /// The length of each loop.
  SmallVector<OpFoldResult> lengths;
};
} // namespace

FailureOr<Interval> StructuredChecks::evaluateBinary(AffineBinaryOpExpr index) {
  FailureOr<Interval> left = evaluate(index.getLHS());
  if (failed(left))
    return failure();
  ImplicitLocOpBuilder &b = checks.b;
  if (index.getKind() == AffineExprKind::Add) {
    FailureOr<Interval> right = evaluate(index.getRHS());
    if (failed(right))
      return failure();
    return Interval{b.createOrFold<arith::AddIOp>(left->low, right->low),
                    b.createOrFold<arith::AddIOp>(left->high, right->high)};
  }
  // Small factors do not make the length of a tensor wrap around.
  auto factor = dyn_cast<AffineConstantExpr>(index.getRHS());
  if (!factor || std::abs(factor.getValue()) > (1 << 14))
    return failure();
  Value by = checks.constant(factor.getValue());
  if (index.getKind() == AffineExprKind::Mul) {
    Interval scaled = {b.createOrFold<arith::MulIOp>(left->low, by),
                       b.createOrFold<arith::MulIOp>(left->high, by)};
    if (factor.getValue() < 0)
      std::swap(scaled.low, scaled.high);
    return scaled;
  }
  if (factor.getValue() < 1)
    return failure();
  if (index.getKind() == AffineExprKind::Mod)
    return Interval{checks.constant(0), checks.constant(factor.getValue() - 1)};
  if (index.getKind() == AffineExprKind::FloorDiv)
    return Interval{b.createOrFold<arith::FloorDivSIOp>(left->low, by),
                    b.createOrFold<arith::FloorDivSIOp>(left->high, by)};
  return Interval{b.createOrFold<arith::CeilDivSIOp>(left->low, by),
                  b.createOrFold<arith::CeilDivSIOp>(left->high, by)};
}

FailureOr<Interval> StructuredChecks::evaluate(AffineExpr index) {
  if (auto constant = dyn_cast<AffineConstantExpr>(index)) {
    Value value = checks.constant(constant.getValue());
    return Interval{value, value};
  }
  if (auto dim = dyn_cast<AffineDimExpr>(index)) {
    Value length = checks.materialize(lengths[dim.getPosition()]);
    return Interval{checks.constant(0), checks.b.createOrFold<arith::SubIOp>(
                                            length, checks.constant(1))};
  }
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(index))
    return evaluateBinary(binary);
  return failure();
}

/// `index` is not a loop on its own; `requireShape` is for those.
LogicalResult StructuredChecks::checkIndex(AffineExpr index, OpFoldResult size,
                                           const Twine &where) {
  FailureOr<Interval> range = evaluate(index);
  if (failed(range))
    return op.emitOpError("has an index that cannot be checked while running, "
                          "so that only a trusted model may have it");
  ImplicitLocOpBuilder &b = checks.b;
  Value fits = b.createOrFold<arith::AndIOp>(
      checks.compare(CmpIPredicate::sge, getAsOpFoldResult(range->low),
                     b.getIndexAttr(0)),
      checks.compare(CmpIPredicate::slt, getAsOpFoldResult(range->high), size));
  // A loop without iterations reads nothing.
  for (auto [dim, length] : llvm::enumerate(lengths))
    if (index.isFunctionOfDim(dim))
      fits = b.createOrFold<arith::OrIOp>(
          fits, checks.compare(CmpIPredicate::eq, length, b.getIndexAttr(0)));
  checks.require(fits, "loops go out of bounds of " + where);
  return success();
}

static bool isDynamicDim(Type type, int64_t dim) {
  return cast<RankedTensorType>(type).isDynamicDim(dim);
}

LogicalResult StructuredChecks::run() {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, index] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(index)) {
        OpFoldResult &length = lengths[loop.getPosition()];
        // A constant, where some operand has one.
        if (!length ||
            (isa<Value>(length) && !isDynamicDim(operand.get().getType(), dim)))
          length = checks.size(operand.get(), dim);
      }
  if (llvm::is_contained(lengths, OpFoldResult()))
    return op.emitOpError("has a loop whose length cannot be checked");
  for (OpOperand &operand : op->getOpOperands())
    if (failed(checkOperand(operand)))
      return failure();
  return success();
}

LogicalResult StructuredChecks::checkOperand(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto where = [&](int64_t dim) {
    return ("dimension " + Twine(dim) + " of operand " +
            Twine(operand.getOperandNumber()))
        .str();
  };
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, index] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(index);
    sizes.push_back(loop ? lengths[loop.getPosition()] : OpFoldResult());
    if (!loop &&
        failed(checkIndex(index, checks.size(operand.get(), dim), where(dim))))
      return failure();
  }
  if (!sizes.empty())
    checks.requireShape(operand, sizes, [&](int64_t dim) {
      return where(dim) + " disagrees in size with the other operands";
    });
  return success();
}

LogicalResult moe::checkStructuredAccesses(linalg::LinalgOp op) {
  return StructuredChecks(op).run();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

static bool isDivision(Operation *op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::CeilDivSIOp,
             arith::CeilDivUIOp, arith::FloorDivSIOp, arith::RemSIOp,
             arith::RemUIOp>(op);
}

static bool isSignedDivision(Operation *op) {
  return isa<arith::DivSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp,
             arith::RemSIOp>(op);
}

static bool isShift(Operation *op) {
  return isa<arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp>(op);
}

bool moe::hasUndefinedCases(Operation *op) {
  if (isa<arith::FPToSIOp, arith::FPToUIOp, math::IPowIOp>(op))
    return true;
  if (!isDivision(op) && !isShift(op))
    return false;
  APInt by;
  if (!matchPattern(op->getOperand(1), m_ConstantInt(&by)))
    return true;
  return isShift(op) ? by.uge(by.getBitWidth())
                     : by.isZero() || (isSignedDivision(op) && by.isAllOnes());
}

static unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

static Value integer(ImplicitLocOpBuilder &b, Type type, const APInt &value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

static void checkDivision(AccessChecks &checks, Operation *op) {
  ImplicitLocOpBuilder &b = checks.b;
  Value dividend = op->getOperand(0), divisor = op->getOperand(1);
  Type type = divisor.getType();
  unsigned width = widthOf(type);
  Value zero = integer(b, type, APInt(width, 0));
  checks.require(arith::CmpIOp::create(b, CmpIPredicate::ne, divisor, zero),
                 "division by zero");
  if (!isSignedDivision(op))
    return;
  Value smallest = integer(b, type, APInt::getSignedMinValue(width));
  Value minusOne = integer(b, type, APInt::getAllOnes(width));
  Value fits = arith::OrIOp::create(
      b, arith::CmpIOp::create(b, CmpIPredicate::ne, dividend, smallest),
      arith::CmpIOp::create(b, CmpIPredicate::ne, divisor, minusOne));
  checks.require(fits, "division overflows");
}

static void checkShift(AccessChecks &checks, Operation *op) {
  Value by = op->getOperand(1);
  unsigned width = widthOf(by.getType());
  Value limit = integer(checks.b, by.getType(), APInt(width, width));
  checks.require(arith::CmpIOp::create(checks.b, CmpIPredicate::ult, by, limit),
                 "shift by more than the bits of a number");
}

/// base ** exponent divides by the base where the exponent is negative.
static void checkPower(AccessChecks &checks, math::IPowIOp op) {
  ImplicitLocOpBuilder &b = checks.b;
  Type type = op.getType();
  Value zero = integer(b, type, APInt(widthOf(type), 0));
  Value fits = arith::OrIOp::create(
      b, arith::CmpIOp::create(b, CmpIPredicate::ne, op.getLhs(), zero),
      arith::CmpIOp::create(b, CmpIPredicate::sge, op.getRhs(), zero));
  checks.require(fits, "division by zero");
}

/// A number that no integer of the type is near becomes the nearest one that is
/// a floating-point number as well, NaN becomes 0.
static void clampConversion(AccessChecks &checks, Operation *op) {
  ImplicitLocOpBuilder &b = checks.b;
  Value value = op->getOperand(0);
  auto from = cast<FloatType>(value.getType());
  unsigned width = widthOf(op->getResult(0).getType());
  bool isSigned = isa<arith::FPToSIOp>(op);
  const llvm::fltSemantics &semantics = from.getFloatSemantics();
  auto bound = [&](APInt limit) -> Value {
    APFloat number = APFloat::getZero(semantics);
    // Towards zero, so that it is inside.
    (void)number.convertFromAPInt(limit, isSigned, APFloat::rmTowardZero);
    return arith::ConstantOp::create(b, FloatAttr::get(from, number));
  };
  Value low =
      bound(isSigned ? APInt::getSignedMinValue(width) : APInt::getZero(width));
  Value high = bound(isSigned ? APInt::getSignedMaxValue(width)
                              : APInt::getMaxValue(width));
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(from, 0.0));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  value = arith::SelectOp::create(b, isNaN, zero, value);
  value = arith::MinimumFOp::create(b, arith::MaximumFOp::create(b, value, low),
                                    high);
  op->setOperand(0, value);
}

void moe::checkArithmetic(Operation *op) {
  if (!hasUndefinedCases(op))
    return;
  AccessChecks checks(op);
  if (isDivision(op))
    checkDivision(checks, op);
  else if (isShift(op))
    checkShift(checks, op);
  else if (auto power = dyn_cast<math::IPowIOp>(op))
    checkPower(checks, power);
  else
    clampConversion(checks, op);
}

void moe::dropPromises(Operation *op) {
  if (auto flags = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op))
    op->setAttr(flags.getIntegerOverflowAttrName(),
                arith::IntegerOverflowFlagsAttr::get(
                    op->getContext(), arith::IntegerOverflowFlags::none));
  auto flags = dyn_cast<arith::ArithFastMathInterface>(op);
  arith::FastMathFlagsAttr promised =
      flags ? flags.getFastMathFlagsAttr() : arith::FastMathFlagsAttr();
  if (promised)
    op->setAttr(flags.getFastMathAttrName(),
                arith::FastMathFlagsAttr::get(
                    op->getContext(),
                    promised.getValue() & ~(arith::FastMathFlags::nnan |
                                            arith::FastMathFlags::ninf)));
  if (isDivision(op) || isShift(op))
    op->removeAttr("isExact");
}
