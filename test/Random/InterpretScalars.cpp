//===- InterpretScalars.cpp - Operations on one number --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In f64, and rounded once: for f32 and shorter types that is the sum, product,
// quotient or root rounded correctly.
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::moe;

static unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

static uint64_t unsignedOf(Type type, Number number) {
  unsigned width = widthOf(type);
  return width == 64 ? number.i : number.i & ((uint64_t(1) << width) - 1);
}

Number moe::roundTo(Type type, Number number) {
  if (auto kind = dyn_cast<FloatType>(type)) {
    if (type.isF64())
      return number;
    if (type.isF32()) {
      number.f = static_cast<float>(number.f);
      return number;
    }
    llvm::APFloat value(number.f);
    bool loses;
    value.convert(kind.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                  &loses);
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &loses);
    number.f = value.convertToDouble();
    return number;
  }
  unsigned width = widthOf(type);
  if (width == 1)
    number.i &= 1;
  else if (width < 64)
    number.i = llvm::SignExtend64(number.i, width);
  return number;
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return a != b;
  }
  return false;
}

static bool compare(arith::CmpIPredicate predicate, Type type, Number x,
                    Number y) {
  using P = arith::CmpIPredicate;
  // An i1 that is set is -1.
  int64_t a = x.i, b = y.i;
  if (widthOf(type) == 1)
    a = -a, b = -b;
  uint64_t u = unsignedOf(type, x), v = unsignedOf(type, y);
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return u < v;
  case P::ule:
    return u <= v;
  case P::ugt:
    return u > v;
  case P::uge:
    return u >= v;
  }
  return false;
}

/// NaN if one is; -0 is less than 0.
static double extreme(double a, double b, bool largest) {
  if (std::isnan(a) || std::isnan(b))
    return std::nan("");
  if (a == b)
    return std::signbit(a) == largest ? b : a;
  return (a < b) == largest ? b : a;
}

bool Interpreter::runScalar(Operation *op) {
  if (op->getNumResults() != 1)
    return false;
  Value result = op->getResult(0);
  Type type = result.getType();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto value = dyn_cast<FloatAttr>(constant.getValue()))
      numbers[result].f = value.getValueAsDouble();
    else if (auto value = dyn_cast<IntegerAttr>(constant.getValue()))
      numbers[result] = roundTo(type, whole(value.getValue().getSExtValue()));
    else
      runConstant(op, cast<ElementsAttr>(constant.getValue()));
    return true;
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<Attribute> operands, folded;
    for (Value operand : op->getOperands())
      operands.push_back(
          IntegerAttr::get(operand.getType(), number(operand).i));
    if (failed(apply.getAffineMap().constantFold(operands, folded)))
      return false;
    numbers[result].i = cast<IntegerAttr>(folded.front()).getInt();
    return true;
  }
  if (auto select = dyn_cast<arith::SelectOp>(op);
      select && !isa<ShapedType>(select.getCondition().getType())) {
    Value chosen = number(select.getCondition()).i ? select.getTrueValue()
                                                   : select.getFalseValue();
    if (isa<ShapedType>(type))
      copy(chosen, result);
    else
      numbers[result] = number(chosen);
    return true;
  }
  if (!isa<arith::ArithDialect>(op->getDialect()) || isa<ShapedType>(type))
    return false;
  Type from = op->getOperand(0).getType();
  Number a = number(op->getOperand(0));
  Number b = op->getNumOperands() > 1 ? number(op->getOperand(1)) : Number();
  auto ua = [&] { return unsignedOf(from, a); };
  auto ub = [&] { return unsignedOf(from, b); };
  auto nonzero = [&](auto divide) {
    if (b.i == 0 || (b.i == -1 && a.i == INT64_MIN)) {
      fail(op, "division");
      return whole(0);
    }
    return whole(divide());
  };
  bool known = true;
  Number value =
      llvm::TypeSwitch<Operation *, Number>(op)
          .Case([&](arith::AddFOp) { return real(a.f + b.f); })
          .Case([&](arith::MulFOp) { return real(a.f * b.f); })
          .Case([&](arith::SubFOp) { return real(a.f - b.f); })
          .Case([&](arith::DivFOp) { return real(a.f / b.f); })
          .Case([&](arith::RemFOp) { return real(std::fmod(a.f, b.f)); })
          .Case([&](arith::NegFOp) { return real(-a.f); })
          .Case(
              [&](arith::MaximumFOp) { return real(extreme(a.f, b.f, true)); })
          .Case(
              [&](arith::MinimumFOp) { return real(extreme(a.f, b.f, false)); })
          .Case([&](arith::MaxNumFOp) { return real(std::fmax(a.f, b.f)); })
          .Case([&](arith::MinNumFOp) { return real(std::fmin(a.f, b.f)); })
          .Case([&](arith::CmpFOp cmp) {
            return whole(compare(cmp.getPredicate(), a.f, b.f));
          })
          .Case([&](arith::CmpIOp cmp) {
            return whole(compare(cmp.getPredicate(), from, a, b));
          })
          .Case([&](arith::AddIOp) { return whole(uint64_t(a.i) + b.i); })
          .Case([&](arith::SubIOp) { return whole(uint64_t(a.i) - b.i); })
          .Case([&](arith::MulIOp) { return whole(uint64_t(a.i) * b.i); })
          .Case([&](arith::DivSIOp) {
            return nonzero([&] { return a.i / b.i; });
          })
          .Case([&](arith::RemSIOp) {
            return nonzero([&] { return a.i % b.i; });
          })
          .Case([&](arith::DivUIOp) {
            return nonzero([&] { return ua() / ub(); });
          })
          .Case([&](arith::RemUIOp) {
            return nonzero([&] { return ua() % ub(); });
          })
          .Case([&](arith::AndIOp) { return whole(a.i & b.i); })
          .Case([&](arith::OrIOp) { return whole(a.i | b.i); })
          .Case([&](arith::XOrIOp) { return whole(a.i ^ b.i); })
          .Case([&](arith::ShLIOp) { return whole(uint64_t(a.i) << b.i); })
          .Case([&](arith::ShRSIOp) { return whole(a.i >> b.i); })
          .Case([&](arith::ShRUIOp) { return whole(ua() >> b.i); })
          .Case([&](arith::MaxSIOp) { return a.i < b.i ? b : a; })
          .Case([&](arith::MinSIOp) { return a.i < b.i ? a : b; })
          .Case([&](arith::MaxUIOp) { return ua() < ub() ? b : a; })
          .Case([&](arith::MinUIOp) { return ua() < ub() ? a : b; })
          .Case([&](arith::UIToFPOp) { return real(ua()); })
          .Case([&](arith::SIToFPOp) {
            return real(from.isInteger(1) ? -a.i : a.i);
          })
          .Case([&](arith::FPToSIOp) { return whole(a.f); })
          .Case([&](arith::FPToUIOp) { return whole(uint64_t(a.f)); })
          .Case([&](arith::ExtSIOp) {
            return whole(from.isInteger(1) ? -a.i : a.i);
          })
          .Case<arith::ExtUIOp, arith::IndexCastUIOp>(
              [&](auto) { return whole(ua()); })
          .Case<arith::ExtFOp, arith::TruncFOp, arith::TruncIOp,
                arith::IndexCastOp>([&](auto) { return a; })
          .Default([&](Operation *) {
            known = false;
            return Number();
          });
  if (known)
    numbers[result] = roundTo(type, value);
  return known;
}

bool Interpreter::runMath(Operation *op) {
  if (!isa<math::MathDialect>(op->getDialect()) ||
      isa<ShapedType>(op->getResult(0).getType()))
    return false;
  Number x = number(op->getOperand(0));
  bool known = true;
  double value =
      llvm::TypeSwitch<Operation *, double>(op)
          .Case([&](math::TanhOp) { return std::tanh(x.f); })
          .Case([&](math::ExpOp) { return std::exp(x.f); })
          .Case([&](math::LogOp) { return std::log(x.f); })
          .Case([&](math::SqrtOp) { return std::sqrt(x.f); })
          .Case([&](math::RsqrtOp) { return 1 / std::sqrt(x.f); })
          .Case([&](math::SinOp) { return std::sin(x.f); })
          .Case([&](math::CosOp) { return std::cos(x.f); })
          .Case([&](math::ErfOp) { return std::erf(x.f); })
          .Case([&](math::AbsFOp) { return std::fabs(x.f); })
          .Case([&](math::FloorOp) { return std::floor(x.f); })
          .Case([&](math::CeilOp) { return std::ceil(x.f); })
          .Case([&](math::RoundOp) { return std::round(x.f); })
          .Case([&](math::RoundEvenOp) { return std::nearbyint(x.f); })
          .Default([&](Operation *) {
            known = false;
            return 0.0;
          });
  if (known)
    numbers[op->getResult(0)] =
        roundTo(op->getResult(0).getType(), real(value));
  return known;
}
