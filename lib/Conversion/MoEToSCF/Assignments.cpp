//===- Assignments.cpp - What a moe.route describes -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Assignments.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToSCF/Assignments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Loops.h"

using namespace mlir;
using namespace mlir::moe;

Assignments::Assignments(RouteOp op, Value choice, Value weights)
    : choice(choice), weights(weights), mask(op.isMask()),
      experts(op.getRouting().getType().getExperts()),
      columns(cast<RankedTensorType>(choice.getType()).getDimSize(1)),
      most(op.getMostPerToken()) {}

Value Assignments::numTokens(ImplicitLocOpBuilder &b) const {
  return tensor::DimOp::create(b, choice, constantIndex(b, 0));
}

void Assignments::checkWeights(ImplicitLocOpBuilder &b) const {
  auto type = cast<RankedTensorType>(choice.getType());
  if (weights && type.isDynamicDim(0))
    assertEqual(b, tensor::DimOp::create(b, weights, constantIndex(b, 0)),
                numTokens(b),
                "moe.route: the number of rows of the weights differs from the "
                "number of tokens");
}

void Assignments::checkMost(ImplicitLocOpBuilder &b, Value count) const {
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, count,
                                     constantIndex(b, most));
  cf::AssertOp::create(
      b, fits,
      ("moe.route: a token has more than " + Twine(most) + " assignments")
          .str());
}

SmallVector<Value> Assignments::visit(
    ImplicitLocOpBuilder &b, ValueRange inits,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, Value, Value,
                                    ValueRange)>
        update) const {
  auto perColumn = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                       ValueRange carried) -> SmallVector<Value> {
    std::pair<Value, Value> choice = expertAt(b, token, column);
    auto chosen = scf::IfOp::create(
        b, choice.second,
        [&](OpBuilder &nested, Location loc) {
          ImplicitLocOpBuilder inner(loc, nested);
          scf::YieldOp::create(
              inner, update(inner, token, column, choice.first, carried));
        },
        [&](OpBuilder &nested, Location loc) {
          scf::YieldOp::create(nested, loc, carried);
        });
    return SmallVector<Value>(chosen.getResults());
  };
  return forEach(b, constantIndex(b, 0), numTokens(b), inits,
                 [&](ImplicitLocOpBuilder &b, Value token, ValueRange carried) {
                   return forEach(b, constantIndex(b, 0),
                                  constantIndex(b, columns), carried,
                                  [&](ImplicitLocOpBuilder &b, Value column,
                                      ValueRange carried) {
                                    return perColumn(b, token, column, carried);
                                  });
                 });
}

Value Assignments::weightAt(ImplicitLocOpBuilder &b, Value token,
                            Value column) const {
  Type f32 = b.getF32Type();
  if (!weights)
    return arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  Value weight = extractAt(b, weights, {token, column});
  auto type = cast<FloatType>(weight.getType());
  if (type.getWidth() < 32)
    return arith::ExtFOp::create(b, f32, weight);
  if (type.getWidth() > 32)
    return arith::TruncFOp::create(b, f32, weight);
  return weight;
}

std::pair<Value, Value> Assignments::expertAt(ImplicitLocOpBuilder &b,
                                              Value token, Value column) const {
  Value element = extractAt(b, choice, {token, column});
  if (mask)
    return {column, element};
  Value expert = element;
  if (!element.getType().isIndex())
    expert = arith::IndexCastOp::create(b, b.getIndexType(), element);
  // Unsigned: a negative number is out of range as well.
  Value valid = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, expert,
                                      constantIndex(b, experts));
  return {expert, valid};
}
