//===- DoubleMath.cpp - Functions of f64 in arithmetic --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arguments are reduced to where a few terms of a Taylor series are exact to
// the last place; all other functions are made of exponential, logarithm, sine
// and arc tangent.
//
//===----------------------------------------------------------------------===//

#include "DoubleMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;
using namespace mlir::moe;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();
static constexpr double pi = 3.14159265358979323846;
// The logarithm of 2, and what its double is short of.
static constexpr double ln2 = 0.69314718055994530942;
static constexpr double ln2Rest = 2.319046813846299558e-17;
// Adding it leaves an integer in the low bits.
static constexpr double magic = 6755399441055744.0;

namespace {

/// Arithmetic on f64 scalars or vectors of the type of one operand.
class DoubleBuilder {
public:
  DoubleBuilder(ImplicitLocOpBuilder &b, Type type) : b(b), type(type) {}

  Value exp(Value x);
  Value expm1(Value x);
  Value log(Value x);
  Value log2(Value x);
  Value log10(Value x);
  Value log1p(Value x);
  Value sin(Value x);
  Value cos(Value x);
  Value tan(Value x);
  Value atan(Value x);
  Value atan2(Value y, Value x);
  Value asin(Value x) { return atan2(x, coordinate(x)); }
  Value acos(Value x) { return atan2(coordinate(x), x); }
  Value sinh(Value x);
  Value cosh(Value x);
  Value tanh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value erf(Value x);
  Value erfc(Value x);
  Value cbrt(Value x);

private:
  Value constant(double value) { return splat(b.getF64FloatAttr(value), type); }
  Value integer(int64_t value) {
    return splat(b.getI64IntegerAttr(value), integerType());
  }
  Value splat(TypedAttr scalar, Type as) {
    if (auto shaped = dyn_cast<ShapedType>(as))
      scalar = SplatElementsAttr::get(shaped, scalar);
    return arith::ConstantOp::create(b, as, scalar);
  }
  Type integerType() {
    if (auto shaped = dyn_cast<ShapedType>(type))
      return shaped.clone(b.getI64Type());
    return b.getI64Type();
  }
  Value bits(Value x) { return arith::BitcastOp::create(b, integerType(), x); }
  Value number(Value bits) { return arith::BitcastOp::create(b, type, bits); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value add(Value x, double y) { return add(x, constant(y)); }
  Value subtract(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value subtract(double x, Value y) { return subtract(constant(x), y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value multiply(Value x, double y) { return multiply(x, constant(y)); }
  Value divide(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value divide(double x, Value y) { return divide(constant(x), y); }
  Value root(Value x) { return math::SqrtOp::create(b, x); }
  Value magnitude(Value x) { return math::AbsFOp::create(b, x); }
  Value withSign(Value x, Value of) {
    return math::CopySignOp::create(b, x, of);
  }
  Value multiplyAdd(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value multiplyAdd(Value x, double y, Value z) {
    return multiplyAdd(x, constant(y), z);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value compare(CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value above(Value x, double y) {
    return compare(CmpFPredicate::OGT, x, constant(y));
  }
  Value equals(Value x, double y) {
    return compare(CmpFPredicate::OEQ, x, constant(y));
  }
  /// The sum of coefficient(k) x^k for k from 0 to `degree`.
  Value series(Value x, int degree, function_ref<double(int)> coefficient);
  /// 2 to the power of an integer in the range of normal numbers.
  Value powerOfTwo(Value exponent);

  /// exp(r) - 1, and n in two halves, for x = n ln 2 + r.
  struct Exponential {
    Value expm1, half, rest;
  };
  Exponential reduceExponential(Value x);
  /// x = 2^exponent m with the logarithm of m.
  struct Logarithm {
    Value exponent, ofMantissa;
  };
  Logarithm reduceLogarithm(Value x);
  /// The logarithm `value` of a positive `x`, or that of any other number.
  Value ofPositive(Value x, Value value);
  /// Sine and cosine of x - n pi / 2, and n.
  struct Angle {
    Value sine, cosine, quadrant;
  };
  Angle reduceAngle(Value x);
  Value isOdd(Value quadrant);
  Value ofAngle(Value even, Value odd, Value quadrant);
  /// Of a number between 0 and 1.
  Value atanOfUnit(Value x);
  /// The other side of a triangle with the longest of 1.
  Value coordinate(Value x) {
    return root(multiply(subtract(1, x), add(x, 1)));
  }
  /// Of a number that is not negative.
  Value erfcOfPositive(Value x);

  ImplicitLocOpBuilder &b;
  Type type;
};

} // namespace

static double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

Value DoubleBuilder::series(Value x, int degree,
                            function_ref<double(int)> coefficient) {
  Value sum = constant(coefficient(degree));
  while (--degree >= 0)
    sum = multiplyAdd(sum, x, constant(coefficient(degree)));
  return sum;
}

Value DoubleBuilder::powerOfTwo(Value exponent) {
  Value biased = arith::AddIOp::create(b, exponent, integer(1023));
  return number(arith::ShLIOp::create(b, biased, integer(52)));
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

DoubleBuilder::Exponential DoubleBuilder::reduceExponential(Value x) {
  // Beyond this range exp(x) is exactly 0 or infinity; NaN stays.
  x = select(above(x, 710), constant(710), x);
  x = select(compare(CmpFPredicate::OLT, x, constant(-746)), constant(-746), x);
  Value shifted = multiplyAdd(x, 1 / ln2, constant(magic));
  Value rounded = subtract(shifted, constant(magic));
  Value n = arith::SubIOp::create(b, bits(shifted), bits(constant(magic)));
  Value r = multiplyAdd(rounded, -ln2Rest, multiplyAdd(rounded, -ln2, x));
  Value p = series(r, 11, [](int k) { return 1 / factorial(k + 2); });
  // 2^n itself may be out of range; each half is in it.
  Value half = arith::ShRSIOp::create(b, n, integer(1));
  return {multiplyAdd(p, multiply(r, r), r), half,
          arith::SubIOp::create(b, n, half)};
}

Value DoubleBuilder::exp(Value x) {
  Exponential parts = reduceExponential(x);
  return multiply(multiply(add(parts.expm1, 1), powerOfTwo(parts.half)),
                  powerOfTwo(parts.rest));
}

/// 2^rest (2^half (exp(r) - 1) + 2^half - 2^-rest)
Value DoubleBuilder::expm1(Value x) {
  Exponential parts = reduceExponential(x);
  Value half = powerOfTwo(parts.half);
  Value inverse = powerOfTwo(arith::SubIOp::create(b, integer(0), parts.rest));
  Value sum = multiplyAdd(parts.expm1, half, subtract(half, inverse));
  return withSign(multiply(sum, powerOfTwo(parts.rest)), x);
}

/// With e = exp(|x|) - 1: (e + e / (e + 1)) / 2, and where that is out of range
/// exp(|x| / 2)^2 / 2.
Value DoubleBuilder::sinh(Value x) {
  Value size = magnitude(x), e = expm1(size);
  Value near = multiply(add(e, divide(e, add(e, 1))), 0.5);
  Value half = exp(multiply(size, 0.5));
  Value far = multiply(multiply(half, 0.5), half);
  return withSign(select(above(size, 100), far, near), x);
}

Value DoubleBuilder::cosh(Value x) {
  Value half = exp(multiply(magnitude(x), 0.5));
  Value square = multiply(multiply(half, 0.5), half);
  return add(square, divide(0.25, square));
}

Value DoubleBuilder::tanh(Value x) {
  Value size = magnitude(x);
  Value e = expm1(multiply(size, 2));
  Value result = divide(e, add(e, 2));
  return withSign(select(above(size, 20), constant(1), result), x);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// With s = (m - 1) / (m + 1): log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), for m
/// between the roots of 1/2 and of 2.
DoubleBuilder::Logarithm DoubleBuilder::reduceLogarithm(Value x) {
  Value subnormal = compare(CmpFPredicate::OLT, x, constant(0x1p-1022));
  x = select(subnormal, multiply(x, 0x1p54), x);
  Value offset = select(subnormal, constant(-54), constant(0));
  Value low = bits(constant(0.70710678118654752440));
  Value exponent = arith::ShRSIOp::create(
      b, arith::SubIOp::create(b, bits(x), low), integer(52));
  Value m = number(arith::SubIOp::create(
      b, bits(x), arith::ShLIOp::create(b, exponent, integer(52))));
  Value s = divide(add(m, -1), add(m, 1));
  Value square = multiply(s, s);
  Value p = series(square, 10, [](int k) { return 2.0 / (2 * k + 3); });
  Value n = arith::SIToFPOp::create(b, type, exponent);
  return {add(n, offset), multiplyAdd(multiply(s, square), p, multiply(s, 2))};
}

Value DoubleBuilder::ofPositive(Value x, Value value) {
  Value other = select(equals(x, 0), constant(-infinity), constant(notANumber));
  value = select(above(x, 0), value, other);
  return select(equals(x, infinity), x, value);
}

Value DoubleBuilder::log(Value x) {
  auto [n, ofMantissa] = reduceLogarithm(x);
  return ofPositive(x,
                    multiplyAdd(n, ln2, multiplyAdd(n, ln2Rest, ofMantissa)));
}

Value DoubleBuilder::log2(Value x) {
  auto [n, ofMantissa] = reduceLogarithm(x);
  return ofPositive(x, multiplyAdd(ofMantissa, 1 / ln2, n));
}

Value DoubleBuilder::log10(Value x) {
  return multiply(log(x), 0.43429448190325182765);
}

/// What 1 + x loses of x is made up for by a factor.
Value DoubleBuilder::log1p(Value x) {
  Value sum = add(x, 1);
  Value result = multiply(log(sum), divide(x, add(sum, -1)));
  result = select(equals(sum, 1), x, result);
  return select(equals(x, infinity), x, result);
}

Value DoubleBuilder::asinh(Value x) {
  Value size = magnitude(x), square = multiply(x, x);
  Value near = log1p(add(size, divide(square, add(root(add(square, 1)), 1))));
  Value far = add(log(size), ln2);
  return withSign(select(above(size, 0x1p100), far, near), x);
}

Value DoubleBuilder::acosh(Value x) {
  Value t = add(x, -1);
  Value near = log1p(add(t, root(multiply(t, add(t, 2)))));
  Value far = add(log(x), ln2);
  return select(above(x, 0x1p100), far, near);
}

Value DoubleBuilder::atanh(Value x) {
  Value size = magnitude(x);
  Value quotient = divide(multiply(size, 2), subtract(1, size));
  return withSign(multiply(log1p(quotient), 0.5), x);
}

/// A step of Newton's after the third of a logarithm.
Value DoubleBuilder::cbrt(Value x) {
  Value size = magnitude(x);
  Value y = exp(multiply(log(size), 1.0 / 3));
  Value square = multiply(y, y);
  Value excess = subtract(multiply(square, y), size);
  Value better = subtract(y, divide(excess, multiply(square, 3)));
  Value ordinary = arith::AndIOp::create(
      b, above(size, 0), compare(CmpFPredicate::OLT, size, constant(infinity)));
  return withSign(select(ordinary, better, size), x);
}

//===----------------------------------------------------------------------===//
// Angles
//===----------------------------------------------------------------------===//

DoubleBuilder::Angle DoubleBuilder::reduceAngle(Value x) {
  Value shifted = multiplyAdd(x, 2 / pi, constant(magic));
  Value n = subtract(shifted, constant(magic));
  Value r = x;
  // Half of pi in three numbers.
  for (double part : {1.5707963267948965580, 6.1232339957367658862e-17,
                      -1.4973849048591698e-33})
    r = multiplyAdd(n, -part, r);
  Value square = multiply(r, r);
  auto sign = [](int k) { return k % 2 ? -1.0 : 1.0; };
  Value p =
      series(square, 7, [&](int k) { return -sign(k) / factorial(2 * k + 3); });
  Value sine = multiplyAdd(multiply(r, square), p, r);
  Value cosine =
      series(square, 9, [&](int k) { return sign(k) / factorial(2 * k); });
  return {sine, cosine, bits(shifted)};
}

Value DoubleBuilder::isOdd(Value quadrant) {
  Value last = arith::AndIOp::create(b, quadrant, integer(1));
  return arith::CmpIOp::create(b, CmpIPredicate::ne, last, integer(0));
}

/// The sign changes with the second bit.
Value DoubleBuilder::ofAngle(Value even, Value odd, Value quadrant) {
  Value result = select(isOdd(quadrant), odd, even);
  Value second = arith::AndIOp::create(b, quadrant, integer(2));
  Value flip = arith::ShLIOp::create(b, second, integer(62));
  return number(arith::XOrIOp::create(b, bits(result), flip));
}

Value DoubleBuilder::sin(Value x) {
  Angle angle = reduceAngle(x);
  Value result = ofAngle(angle.sine, angle.cosine, angle.quadrant);
  return select(equals(x, 0), x, result);
}

Value DoubleBuilder::cos(Value x) {
  Angle angle = reduceAngle(x);
  Value next = arith::AddIOp::create(b, angle.quadrant, integer(1));
  return ofAngle(angle.sine, angle.cosine, next);
}

Value DoubleBuilder::tan(Value x) {
  auto [sine, cosine, quadrant] = reduceAngle(x);
  Value odd = isOdd(quadrant);
  Value opposite = subtract(0, cosine);
  Value result = divide(select(odd, opposite, sine), select(odd, sine, cosine));
  return select(equals(x, 0), x, result);
}

/// Above tan(pi / 8) from pi / 4 on.
Value DoubleBuilder::atanOfUnit(Value x) {
  Value large = above(x, 0.41421356237309504880);
  Value z = select(large, divide(add(x, -1), add(x, 1)), x);
  Value square = multiply(z, z);
  Value p = series(square, 20,
                   [](int k) { return (k % 2 ? 1.0 : -1.0) / (2 * k + 3); });
  Value result = multiplyAdd(multiply(z, square), p, z);
  return select(large, add(result, pi / 4), result);
}

Value DoubleBuilder::atan(Value x) {
  Value size = magnitude(x);
  Value steep = above(size, 1);
  Value result = atanOfUnit(select(steep, divide(1, size), size));
  return withSign(select(steep, subtract(pi / 2, result), result), x);
}

/// Of the smaller coordinate by the larger one, and mirrored from there.
Value DoubleBuilder::atan2(Value y, Value x) {
  Value height = magnitude(y), width = magnitude(x);
  Value steep = compare(CmpFPredicate::OGT, height, width);
  Value quotient =
      divide(select(steep, width, height), select(steep, height, width));
  // Neither 0 / 0 nor a quotient of infinities.
  Value same = compare(CmpFPredicate::OEQ, height, width);
  Value ofSame = select(equals(width, 0), constant(0), constant(1));
  Value result = atanOfUnit(select(same, ofSame, quotient));
  result = select(steep, subtract(pi / 2, result), result);
  Value negative =
      arith::CmpIOp::create(b, CmpIPredicate::slt, bits(x), integer(0));
  result = select(negative, subtract(pi, result), result);
  Value any = compare(CmpFPredicate::UNO, x, y);
  return select(any, add(x, y), withSign(result, y));
}

//===----------------------------------------------------------------------===//
// Error functions
//===----------------------------------------------------------------------===//

/// erfc(x) exp(x^2) (1 + 2x) is smooth in (x - 4) / (x + 4): Chebyshev's
/// interpolation of it at 64 points, up to degree 25.
Value DoubleBuilder::erfcOfPositive(Value x) {
  static const double coefficients[] = {
      1.2329951186255526,      -0.1396211168405625,     0.015379652102619604,
      0.0680970542546904,      -0.10103906603630056,    0.09373283499843826,
      -0.06633036581218697,    0.03716751553592911,     -0.016197734059799265,
      0.005031969992669933,    -0.0007577732613730956,  -0.0001992567757633648,
      0.0001506214900124047,   -2.4398944545280832e-05, -1.1221287012353486e-05,
      5.709206053072183e-06,   2.919733377963012e-07,   -8.249198427508354e-07,
      7.746992727017941e-08,   1.1009737295274889e-07,  -2.05606492756992e-08,
      -1.4709550868669278e-08, 3.1695881915648173e-09,  1.7903326159489847e-09,
      -2.659599690242689e-10,  -1.374652989001164e-10};
  Value t = divide(add(x, -4), add(x, 4));
  Value p = series(t, std::size(coefficients) - 1,
                   [](int k) { return coefficients[k]; });
  // What the square is rounded by counts as well.
  Value square = multiply(x, x);
  Value lost = multiplyAdd(x, x, subtract(0, square));
  Value e = exp(subtract(0, square));
  Value factor = divide(p, add(multiply(x, 2), 1));
  return multiply(factor, subtract(e, multiply(e, lost)));
}

Value DoubleBuilder::erfc(Value x) {
  // Beyond it is zero, and the square is finite before.
  Value size = magnitude(x);
  size = select(above(size, 28), constant(28), size);
  Value result = erfcOfPositive(size);
  Value negative = compare(CmpFPredicate::OLT, x, constant(0));
  return select(negative, subtract(2, result), result);
}

Value DoubleBuilder::erf(Value x) {
  Value square = multiply(x, x);
  Value near = multiply(x, series(square, 18, [](int k) {
                          return (k % 2 ? -1 : 1) * 1.12837916709551257390 /
                                 (factorial(k) * (2 * k + 1));
                        }));
  Value size = magnitude(x);
  Value far = subtract(1, erfc(size));
  return withSign(select(above(size, 1), far, near), x);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// `build` makes the value of an operation from its operands.
template <typename OpTy> struct ComputeInDouble : OpRewritePattern<OpTy> {
  using Build = Value (*)(DoubleBuilder &, ValueRange);

  ComputeInDouble(MLIRContext *context, Build build)
      : OpRewritePattern<OpTy>(context, /*benefit=*/2), build(build) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not a function of f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    DoubleBuilder builder(b, op.getType());
    rewriter.replaceOp(op, build(builder, op->getOperands()));
    return success();
  }

  Build build;
};
} // namespace

template <typename OpTy, Value (DoubleBuilder::*function)(Value)>
static void addUnary(RewritePatternSet &patterns) {
  patterns.add<ComputeInDouble<OpTy>>(
      patterns.getContext(), +[](DoubleBuilder &b, ValueRange operands) {
        return (b.*function)(operands.front());
      });
}

void mlir::moe::populateDoubleExpM1Pattern(RewritePatternSet &patterns) {
  addUnary<math::ExpM1Op, &DoubleBuilder::expm1>(patterns);
}

void mlir::moe::populateDoubleMathPatterns(RewritePatternSet &patterns) {
  populateDoubleExpM1Pattern(patterns);
  addUnary<math::ExpOp, &DoubleBuilder::exp>(patterns);
  addUnary<math::LogOp, &DoubleBuilder::log>(patterns);
  addUnary<math::Log2Op, &DoubleBuilder::log2>(patterns);
  addUnary<math::Log10Op, &DoubleBuilder::log10>(patterns);
  addUnary<math::Log1pOp, &DoubleBuilder::log1p>(patterns);
  addUnary<math::SinOp, &DoubleBuilder::sin>(patterns);
  addUnary<math::CosOp, &DoubleBuilder::cos>(patterns);
  addUnary<math::TanOp, &DoubleBuilder::tan>(patterns);
  addUnary<math::AtanOp, &DoubleBuilder::atan>(patterns);
  addUnary<math::AsinOp, &DoubleBuilder::asin>(patterns);
  addUnary<math::AcosOp, &DoubleBuilder::acos>(patterns);
  addUnary<math::SinhOp, &DoubleBuilder::sinh>(patterns);
  addUnary<math::CoshOp, &DoubleBuilder::cosh>(patterns);
  addUnary<math::TanhOp, &DoubleBuilder::tanh>(patterns);
  addUnary<math::AsinhOp, &DoubleBuilder::asinh>(patterns);
  addUnary<math::AcoshOp, &DoubleBuilder::acosh>(patterns);
  addUnary<math::AtanhOp, &DoubleBuilder::atanh>(patterns);
  addUnary<math::ErfOp, &DoubleBuilder::erf>(patterns);
  addUnary<math::ErfcOp, &DoubleBuilder::erfc>(patterns);
  addUnary<math::CbrtOp, &DoubleBuilder::cbrt>(patterns);
  patterns.add<ComputeInDouble<math::Atan2Op>>(
      patterns.getContext(), +[](DoubleBuilder &b, ValueRange operands) {
        return b.atan2(operands[0], operands[1]);
      });
}
