//===- ApproximateMath.cpp - Functions of f32 by polynomials --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's approximations are used where they are exact enough over the whole
// range, special values included. Its exponentials flush subnormal results or
// go wrong beyond a range, and its hyperbolic tangent is off by almost five
// units in the last place; these are written here, after Cephes.
//
//===----------------------------------------------------------------------===//

#include "DoubleMath.h"

#include "moe/Conversion/Passes.h"
#include "moe/Target/CPUTarget.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::moe {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Arithmetic on f32 scalars or vectors of the type of one operand.
class FloatBuilder {
public:
  FloatBuilder(Location loc, OpBuilder &builder, Type type, bool hasFMA)
      : b(loc, builder), type(type), hasFMA(hasFMA) {}

  Value constant(float value) { return splat(b.getF32FloatAttr(value), type); }
  Value integer(int32_t value) {
    return splat(b.getI32IntegerAttr(value), integerType());
  }
  Value add(Value lhs, Value rhs) { return arith::AddFOp::create(b, lhs, rhs); }
  Value multiply(Value lhs, Value rhs) {
    return arith::MulFOp::create(b, lhs, rhs);
  }
  /// lhs * rhs + addend, rounded once where the processor can.
  Value multiplyAdd(Value lhs, Value rhs, Value addend) {
    if (hasFMA)
      return math::FmaOp::create(b, lhs, rhs, addend);
    return add(multiply(lhs, rhs), addend);
  }
  /// Horner's rule, highest coefficient first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = constant(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = multiplyAdd(sum, x, constant(coefficient));
    return sum;
  }
  /// `x`, or the bound it exceeds; NaN exceeds none.
  Value clamp(Value x, float low, float high);
  /// 2 to the power of an integer in the range of normal numbers.
  Value powerOfTwo(Value exponent);
  Value exp(Value x);
  Value expm1(Value x);
  Value tanh(Value x);
  Value log10(Value x) {
    return multiply(math::LogOp::create(b, x), constant(0.434294482f));
  }

private:
  /// exp(r) - 1, and n in two halves, for x = n ln 2 + r.
  struct Reduced {
    Value expm1, half, rest;
  };
  Reduced reduce(Value x);
  Value splat(TypedAttr scalar, Type as) {
    if (auto shaped = dyn_cast<ShapedType>(as))
      scalar = SplatElementsAttr::get(shaped, scalar);
    return arith::ConstantOp::create(b, as, scalar);
  }
  Type integerType() {
    if (auto shaped = dyn_cast<ShapedType>(type))
      return shaped.clone(b.getI32Type());
    return b.getI32Type();
  }

  ImplicitLocOpBuilder b;
  Type type;
  bool hasFMA;
};
} // namespace

Value FloatBuilder::clamp(Value x, float low, float high) {
  Value lower = constant(low), upper = constant(high);
  Value below = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, lower);
  x = arith::SelectOp::create(b, below, lower, x);
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, upper);
  return arith::SelectOp::create(b, above, upper, x);
}

Value FloatBuilder::powerOfTwo(Value exponent) {
  Value biased = arith::AddIOp::create(b, exponent, integer(127));
  Value bits = arith::ShLIOp::create(b, biased, integer(23));
  return arith::BitcastOp::create(b, type, bits);
}

/// x = n ln 2 + r with |r| <= ln 2 / 2.
FloatBuilder::Reduced FloatBuilder::reduce(Value x) {
  // Beyond this range exp(x) is exactly 0 or infinity.
  x = clamp(x, -104.0f, 89.0f);
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; for
  // NaN those are of no consequence, where a conversion would be undefined.
  Value magic = constant(12582912.0f);
  Value shifted = multiplyAdd(x, constant(1.44269504f), magic);
  Value rounded = arith::SubFOp::create(b, shifted, magic);
  Value n = arith::SubIOp::create(
      b, arith::BitcastOp::create(b, integerType(), shifted),
      arith::BitcastOp::create(b, integerType(), magic));
  Value r = multiplyAdd(rounded, constant(-0.693359375f), x);
  r = multiplyAdd(rounded, constant(2.12194440e-4f), r);
  Value p =
      polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                     4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f});
  // 2^n itself may be out of range; each half is in it.
  Value half = arith::ShRSIOp::create(b, n, integer(1));
  return {multiplyAdd(p, multiply(r, r), r), half,
          arith::SubIOp::create(b, n, half)};
}

/// 2^n exp(r), where only the last product rounds.
Value FloatBuilder::exp(Value x) {
  Reduced parts = reduce(x);
  Value p = add(parts.expm1, constant(1.0f));
  return multiply(multiply(p, powerOfTwo(parts.half)), powerOfTwo(parts.rest));
}

/// 2^rest (2^half (exp(r) - 1) + 2^half - 2^-rest)
Value FloatBuilder::expm1(Value x) {
  Reduced parts = reduce(x);
  Value half = powerOfTwo(parts.half);
  Value inverse = powerOfTwo(arith::SubIOp::create(b, integer(0), parts.rest));
  Value offset = arith::SubFOp::create(b, half, inverse);
  Value result =
      multiply(multiplyAdd(parts.expm1, half, offset), powerOfTwo(parts.rest));
  // The sums above lose the sign of zero.
  return math::CopySignOp::create(b, result, x);
}

/// An odd polynomial near zero, 1 - 2 / (exp(2|x|) + 1) elsewhere.
Value FloatBuilder::tanh(Value x) {
  Value magnitude = math::AbsFOp::create(b, x);
  Value square = multiply(x, x);
  Value p = polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f,
                                -5.37397155531e-2f, 1.33314422036e-1f,
                                -3.33332819422e-1f});
  Value small = multiplyAdd(multiply(p, square), x, x);
  Value denominator = add(exp(add(magnitude, magnitude)), constant(1.0f));
  Value quotient = arith::DivFOp::create(b, constant(2.0f), denominator);
  Value large = arith::SubFOp::create(b, constant(1.0f), quotient);
  Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, magnitude,
                                        constant(0.625f));
  Value result = arith::SelectOp::create(b, isSmall, small, large);
  return math::CopySignOp::create(b, result, x);
}

namespace {
template <typename OpTy, Value (FloatBuilder::*function)(Value)>
struct Approximate : OpRewritePattern<OpTy> {
  Approximate(MLIRContext *context, bool hasFMA, PatternBenefit benefit)
      : OpRewritePattern<OpTy>(context, benefit), hasFMA(hasFMA) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not a function of f32");
    FloatBuilder builder(op.getLoc(), rewriter, op.getType(), hasFMA);
    rewriter.replaceOp(op, (builder.*function)(op.getOperand()));
    return success();
  }

  bool hasFMA;
};

/// An instruction of the GPU, where the model or a pass permits approximation.
template <typename OpTy> struct UseInstruction : OpRewritePattern<OpTy> {
  UseInstruction(MLIRContext *context, StringRef text, float scale)
      : OpRewritePattern<OpTy>(context, /*benefit=*/3), text(text),
        scale(scale) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    bool permitted =
        arith::bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::afn);
    if (!permitted || !op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "is to be exact, or not of f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value argument = op.getOperand();
    if (scale != 1.0f) {
      Value factor = arith::ConstantOp::create(b, b.getF32FloatAttr(scale));
      argument = arith::MulFOp::create(b, argument, factor);
    }
    rewriter.replaceOpWithNewOp<LLVM::InlineAsmOp>(
        op, op.getType(), argument, text, "=f,f", /*has_side_effects=*/false,
        /*is_align_stack=*/false, LLVM::TailCallKind::None,
        LLVM::AsmDialectAttr(), ArrayAttr());
    return success();
  }

  StringRef text;
  float scale;
};

} // namespace

/// Upstream's error function of -0 is +0.
static void keepSignOfZero(Operation *root) {
  root->walk([](math::ErfOp op) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    auto result = math::CopySignOp::create(builder, op.getLoc(), op.getResult(),
                                           op.getOperand());
    op.getResult().replaceAllUsesExcept(result, result);
  });
}

/// What upstream expresses by other functions, and kernels have nothing for.
static const SmallVector<StringRef> functionsWithoutInstruction = {
    "acosh", "asinh", "atanh", "cosh", "exp2",      "fpowi",
    "powf",  "round", "rsqrt", "sinh", "roundeven", "tan"};

namespace {
struct ApproximateMathPass
    : moe::impl::ApproximateMathPassBase<ApproximateMathPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    hasFMA = targetName == "gpu";
    hasLibrary = targetName != "gpu";
    if (hasLibrary) {
      llvm::Expected<CPUTarget> target = CPUTarget::fromName(targetName);
      if (!target)
        return emitError(UnknownLoc::get(context))
               << llvm::toString(target.takeError());
      hasFMA = target->hasFMA;
    }
    RewritePatternSet set(context);
    set.add<Approximate<math::ExpOp, &FloatBuilder::exp>,
            Approximate<math::ExpM1Op, &FloatBuilder::expm1>,
            Approximate<math::TanhOp, &FloatBuilder::tanh>>(context, hasFMA,
                                                            /*benefit=*/2);
    populateMathF32ExpansionPatterns(set, [](StringRef) { return true; });
    populateMathPolynomialApproximationPatterns(
        set, [this](StringRef name) { return usesUpstream(name); });
    if (hasLibrary)
      populateDoubleExpM1Pattern(set);
    if (!hasLibrary) {
      math::populateExpansionPatterns(set, functionsWithoutInstruction);
      populateDoubleMathPatterns(set);
      set.add<Approximate<math::Log10Op, &FloatBuilder::log10>>(context, hasFMA,
                                                                /*benefit=*/2);
      // exp(x) is 2 to the power of x / ln 2.
      set.add<UseInstruction<math::ExpOp>>(context, "ex2.approx.f32 $0, $1;",
                                           1.44269504f);
      set.add<UseInstruction<math::TanhOp>>(context, "tanh.approx.f32 $0, $1;",
                                            1.0f);
    }
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    if (hasFMA)
      keepSignOfZero(getOperation());
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }

private:
  bool usesUpstream(StringRef name) const {
    // The error function is made of fused multiply-adds throughout.
    if (name == math::ErfOp::getOperationName())
      return hasFMA;
    return !hasLibrary || name == math::Log1pOp::getOperationName();
  }

  bool hasFMA, hasLibrary;
  FrozenRewritePatternSet patterns;
};
} // namespace
