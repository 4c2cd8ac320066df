//===- RouteAll.cpp - Every token to every expert -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A routing whose tensors follow from the number of tokens, on every device,
// and that number itself.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

/// So many that times the number of experts they are a number of 64 bits.
static constexpr int64_t mostTokens = int64_t(1) << 40;

namespace {

struct ConvertRouteAll : OpConversionPattern<RouteAllOp> {
  ConvertRouteAll(const TypeConverter &converter, MLIRContext *context,
                  bool withSlots)
      : OpConversionPattern(converter, context), withSlots(withSlots) {}

  LogicalResult
  matchAndRewrite(RouteAllOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    int64_t experts = op.getRouting().getType().getExperts();
    Value tokens = adaptor.getTokens();
    // Unsigned: a negative number is out of range as well.
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, tokens,
                                       constantIndex(b, mostTokens));
    cf::AssertOp::create(b, fits,
                         "moe.route_all: the number of tokens is negative or "
                         "more than 2^40");
    Value total = arith::MulIOp::create(b, tokens, constantIndex(b, experts));
    Type index = b.getIndexType();
    auto firstOf = [&](ImplicitLocOpBuilder &b, Value expert) -> Value {
      return arith::MulIOp::create(b, expert, tokens);
    };
    Value offsets = generate(b, {b.getIndexAttr(experts + 1)}, index,
                             [&](ImplicitLocOpBuilder &b, ValueRange at) {
                               return firstOf(b, at[0]);
                             });
    Value ids =
        generate(b, {b.getIndexAttr(experts), tokens}, index,
                 [](ImplicitLocOpBuilder &, ValueRange at) { return at[1]; });
    ids = tensor::CollapseShapeOp::create(
        b, ids, ArrayRef<ReassociationIndices>{{0, 1}});
    Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
    Value weights = tensor::EmptyOp::create(b, ArrayRef<OpFoldResult>{total},
                                            b.getF32Type());
    SmallVector<Value> values{tokens, total, offsets, ids,
                              fill(b, weights, one)};
    if (withSlots)
      values.push_back(
          generate(b, {tokens, b.getIndexAttr(experts)}, index,
                   [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                     return arith::AddIOp::create(b, firstOf(b, at[1]), at[0]);
                   }));
    SmallVector<Type> types;
    if (failed(
            getTypeConverter()->convertType(op.getRouting().getType(), types)))
      return failure();
    for (auto [value, type] : llvm::zip_equal(values, types))
      if (value.getType() != type)
        value = tensor::CastOp::create(b, type, value);
    rewriter.replaceOpWithMultiple(op, {values});
    return success();
  }

  bool withSlots;
};

struct ConvertNumTokens : OpConversionPattern<NumTokensOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(NumTokensOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOp(op, PlainRouting(adaptor.getRouting()).numTokens);
    return success();
  }
};

} // namespace

void mlir::moe::populateRouteAllPatterns(const TypeConverter &converter,
                                         RewritePatternSet &patterns,
                                         bool withSlots) {
  patterns.add<ConvertRouteAll>(converter, patterns.getContext(), withSlots);
  patterns.add<ConvertNumTokens>(converter, patterns.getContext());
}
