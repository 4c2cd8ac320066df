//===- ExpandMath.cpp - Functions that LLVM has no code for ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of integer powers, squares are multiplied up for the bits of the exponent: as
// many as it has if it is constant, else all of its type, in a loop. Scalars
// and vectors alike.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/LegalizeForLLVM/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::moe {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "moe/Conversion/LegalizeForLLVM/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

/// Powers of one base, whose type has a product.
class PowerBuilder {
public:
  PowerBuilder(ImplicitLocOpBuilder &b, Value base) : b(b), base(base) {}

  /// base to the power of `exponent`, which is not negative.
  Value ofConstant(APInt exponent);
  Value ofValue(Value exponent);

private:
  Value multiply(Value lhs, Value rhs) {
    if (isa<FloatType>(getElementTypeOrSelf(base)))
      return arith::MulFOp::create(b, lhs, rhs);
    return arith::MulIOp::create(b, lhs, rhs);
  }

  ImplicitLocOpBuilder &b;
  Value base;
};

} // namespace

/// A constant of `type`, the same in all lanes.
static Value splat(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar = isa<FloatType>(element)
                         ? TypedAttr(b.getFloatAttr(element, double(value)))
                         : TypedAttr(b.getIntegerAttr(element, value));
  if (auto shaped = dyn_cast<ShapedType>(type))
    scalar = SplatElementsAttr::get(shaped, Attribute(scalar));
  return arith::ConstantOp::create(b, type, scalar);
}

Value PowerBuilder::ofConstant(APInt exponent) {
  Value result, square = base;
  for (; !exponent.isZero(); exponent.lshrInPlace(1)) {
    if (exponent[0])
      result = result ? multiply(result, square) : square;
    if (exponent.ugt(1))
      square = multiply(square, square);
  }
  return result ? result : splat(b, base.getType(), 1);
}

Value PowerBuilder::ofValue(Value exponent) {
  Value first = arith::ConstantIndexOp::create(b, 0);
  Value step = arith::ConstantIndexOp::create(b, 1);
  Type type = exponent.getType();
  Value bits = arith::ConstantIndexOp::create(
      b, getElementTypeOrSelf(type).getIntOrFloatBitWidth());
  Value one = splat(b, type, 1), zero = splat(b, type, 0);
  auto loop = scf::ForOp::create(
      b, first, bits, step,
      ValueRange{splat(b, base.getType(), 1), base, exponent});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value result = loop.getRegionIterArg(0), square = loop.getRegionIterArg(1),
        rest = loop.getRegionIterArg(2);
  Value odd = arith::CmpIOp::create(b, CmpIPredicate::ne,
                                    arith::AndIOp::create(b, rest, one), zero);
  result = arith::SelectOp::create(b, odd, multiply(result, square), result);
  scf::YieldOp::create(b, ValueRange{result, multiply(square, square),
                                     arith::ShRUIOp::create(b, rest, one)});
  return loop.getResult(0);
}

/// Of a negative exponent the inverse of the power of its magnitude.
static void expand(IRRewriter &rewriter, math::FPowIOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Value base = op.getLhs(), exponent = op.getRhs();
  Type type = base.getType(), wide = type;
  if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() < 32) {
    wide = b.getF32Type();
    if (auto shaped = dyn_cast<ShapedType>(type))
      wide = shaped.clone(wide);
    base = arith::ExtFOp::create(b, wide, base);
  }
  PowerBuilder powers(b, base);
  Value one = splat(b, wide, 1), result;
  APInt constant;
  if (matchPattern(exponent, m_ConstantInt(&constant))) {
    result = powers.ofConstant(constant.abs());
    if (constant.isNegative())
      result = arith::DivFOp::create(b, one, result);
  } else {
    Value zero = splat(b, exponent.getType(), 0);
    Value negative =
        arith::CmpIOp::create(b, CmpIPredicate::slt, exponent, zero);
    Value opposite = arith::SubIOp::create(b, zero, exponent);
    result = powers.ofValue(
        arith::SelectOp::create(b, negative, opposite, exponent));
    Value inverse = arith::DivFOp::create(b, one, result);
    result = arith::SelectOp::create(b, negative, inverse, result);
  }
  if (type != wide)
    result = arith::TruncFOp::create(b, type, result);
  rewriter.replaceOp(op, result);
}

/// Of a negative exponent 1 or -1 where that is the base, else 0.
static void expand(IRRewriter &rewriter, math::IPowIOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Value base = op.getLhs(), exponent = op.getRhs();
  Type type = base.getType();
  PowerBuilder powers(b, base);
  APInt constant;
  if (matchPattern(exponent, m_ConstantInt(&constant)) &&
      !constant.isNegative()) {
    rewriter.replaceOp(op, powers.ofConstant(constant));
    return;
  }
  Value zero = splat(b, type, 0), one = splat(b, type, 1);
  Value negative = arith::CmpIOp::create(b, CmpIPredicate::slt, exponent, zero);
  // The magnitude has the parity, and all powers of a unit are units.
  Value opposite = arith::SubIOp::create(b, zero, exponent);
  Value result =
      powers.ofValue(arith::SelectOp::create(b, negative, opposite, exponent));
  Value minusOne = splat(b, type, -1);
  Value unit = arith::OrIOp::create(
      b, arith::CmpIOp::create(b, CmpIPredicate::eq, base, one),
      arith::CmpIOp::create(b, CmpIPredicate::eq, base, minusOne));
  Value inverse = arith::SelectOp::create(b, unit, result, zero);
  rewriter.replaceOpWithNewOp<arith::SelectOp>(op, negative, inverse, result);
}

static Value splat(ImplicitLocOpBuilder &b, Type type, const APFloat &value) {
  TypedAttr scalar = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    scalar = SplatElementsAttr::get(shaped, Attribute(scalar));
  return arith::ConstantOp::create(b, type, scalar);
}

static const llvm::fltSemantics &semanticsOf(Value value) {
  return cast<FloatType>(getElementTypeOrSelf(value)).getFloatSemantics();
}

static void expand(IRRewriter &rewriter, math::IsInfOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Value magnitude = math::AbsFOp::create(b, op.getOperand());
  rewriter.replaceOpWithNewOp<arith::CmpFOp>(
      op, CmpFPredicate::OEQ, magnitude,
      splat(b, magnitude.getType(), APFloat::getInf(semanticsOf(magnitude))));
}

/// Neither zero, subnormal, infinite nor NaN.
static void expand(IRRewriter &rewriter, math::IsNormalOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Value magnitude = math::AbsFOp::create(b, op.getOperand());
  const llvm::fltSemantics &semantics = semanticsOf(magnitude);
  Value least =
      splat(b, magnitude.getType(), APFloat::getSmallestNormalized(semantics));
  Value infinity = splat(b, magnitude.getType(), APFloat::getInf(semantics));
  rewriter.replaceOpWithNewOp<arith::AndIOp>(
      op, arith::CmpFOp::create(b, CmpFPredicate::OGE, magnitude, least),
      arith::CmpFOp::create(b, CmpFPredicate::OLT, magnitude, infinity));
}

static void expand(IRRewriter &rewriter, math::ClampFOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Value above = arith::MaximumFOp::create(b, op.getValue(), op.getMin(),
                                          op.getFastmath());
  rewriter.replaceOpWithNewOp<arith::MinimumFOp>(op, above, op.getMax(),
                                                 op.getFastmath());
}

/// The remainder as C's fmod has it, which is exact: the divisor times powers
/// of two is subtracted, from the largest that is not above the dividend on.
/// Each of these products is a number of the type, and so is each difference.
/// NaN for an infinite dividend and for a divisor of 0.
static void expand(IRRewriter &rewriter, arith::RemFOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Type type = op.getType(), wide = type;
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (type.getIntOrFloatBitWidth() < 32) {
    wide = b.getF32Type();
    lhs = arith::ExtFOp::create(b, wide, lhs);
    rhs = arith::ExtFOp::create(b, wide, rhs);
  }
  const llvm::fltSemantics &semantics = semanticsOf(lhs);
  auto number = [&](const APFloat &value) { return splat(b, wide, value); };
  Value zero = splat(b, wide, 0), one = splat(b, wide, 1);
  Value half = arith::DivFOp::create(b, one, splat(b, wide, 2));
  Value dividend = math::AbsFOp::create(b, lhs);
  Value divisor = math::AbsFOp::create(b, rhs);
  // Both are false of a NaN.
  Value isFinite = arith::CmpFOp::create(b, CmpFPredicate::OLT, dividend,
                                         number(APFloat::getInf(semantics)));
  Value isDivisor = arith::CmpFOp::create(b, CmpFPredicate::OGT, divisor, zero);
  Value isDefined = arith::AndIOp::create(b, isFinite, isDivisor);
  dividend = arith::SelectOp::create(b, isDefined, dividend, zero);
  divisor = arith::SelectOp::create(b, isDefined, divisor, one);

  Value bound = arith::MulFOp::create(b, dividend, half);
  auto grow = scf::WhileOp::create(
      b, TypeRange(wide), divisor,
      [&](OpBuilder &nested, Location loc, ValueRange multiple) {
        Value below = arith::CmpFOp::create(nested, loc, CmpFPredicate::OLE,
                                            multiple[0], bound);
        scf::ConditionOp::create(nested, loc, below, multiple);
      },
      [&](OpBuilder &nested, Location loc, ValueRange multiple) {
        Value twice =
            arith::AddFOp::create(nested, loc, multiple[0], multiple[0]);
        scf::YieldOp::create(nested, loc, twice);
      });
  auto shrink = scf::WhileOp::create(
      b, TypeRange{wide, wide}, ValueRange{dividend, grow.getResult(0)},
      [&](OpBuilder &nested, Location loc, ValueRange carried) {
        Value rest = carried[0], multiple = carried[1];
        Value fits = arith::CmpFOp::create(nested, loc, CmpFPredicate::OGE,
                                           rest, multiple);
        Value less = arith::SubFOp::create(nested, loc, rest, multiple);
        rest = arith::SelectOp::create(nested, loc, fits, less, rest);
        Value more = arith::CmpFOp::create(nested, loc, CmpFPredicate::OGT,
                                           multiple, divisor);
        scf::ConditionOp::create(nested, loc, more, ValueRange{rest, multiple});
      },
      [&](OpBuilder &nested, Location loc, ValueRange carried) {
        Value next = arith::MulFOp::create(nested, loc, carried[1], half);
        scf::YieldOp::create(nested, loc, ValueRange{carried[0], next});
      });
  Value result = math::CopySignOp::create(b, shrink.getResult(0), lhs);
  result = arith::SelectOp::create(b, isDefined, result,
                                   number(APFloat::getNaN(semantics)));
  if (type != wide)
    result = arith::TruncFOp::create(b, type, result);
  rewriter.replaceOp(op, result);
}

template <typename OpTy>
static bool expandIf(IRRewriter &rewriter, Operation *op) {
  auto function = dyn_cast<OpTy>(op);
  if (function)
    expand(rewriter, function);
  return bool(function);
}

template <typename... OpTys>
static void expandAnyOf(IRRewriter &rewriter, Operation *op) {
  (void)(expandIf<OpTys>(rewriter, op) || ...);
}

namespace {
struct ExpandMathPass : moe::impl::ExpandMathPassBase<ExpandMathPass> {
  using Base::Base;

  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](Operation *op) {
      rewriter.setInsertionPoint(op);
      auto remainder = dyn_cast<arith::RemFOp>(op);
      if (remainder && remainders && isa<FloatType>(remainder.getType()))
        return expand(rewriter, remainder);
      expandAnyOf<math::FPowIOp, math::IPowIOp, math::IsInfOp, math::IsNormalOp,
                  math::ClampFOp>(rewriter, op);
    });
  }
};
} // namespace
