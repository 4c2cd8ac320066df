//===- ParallelReaders.cpp - What a routing says -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operations that read a routing, element by element.
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "Scalars.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// A tensor [N, E] from the assignments of (token, expert).
Value foldPerExpert(ImplicitLocOpBuilder &b, ParallelRouting routing, Type type,
                    Value init,
                    function_ref<Value(ImplicitLocOpBuilder &, Value slot,
                                       Value mine, Value carried)>
                        body) {
  auto result = cast<RankedTensorType>(type);
  return generate(
      b, {routing.numTokens, b.getIndexAttr(result.getDimSize(1))},
      result.getElementType(), [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value begin = extractAt(b, routing.offsets, at[1]);
        Value next = add(b, at[1], constantIndex(b, 1));
        Value end = extractAt(b, routing.offsets, next);
        return foldSlots(
            b, routing, at[0], init,
            [&](ImplicitLocOpBuilder &b, Value slot, Value carried) {
              return body(b, slot, within(b, slot, begin, end), carried);
            });
      });
}

struct ConvertMask : OpConversionPattern<MaskOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(MaskOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ParallelRouting routing(adaptor.getRouting());
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    rewriter.replaceOp(
        op, foldPerExpert(b, routing, op.getType(), no,
                          [](ImplicitLocOpBuilder &b, Value, Value mine,
                             Value carried) -> Value {
                            return arith::OrIOp::create(b, mine, carried);
                          }));
    return success();
  }
};

struct ConvertWeights : OpConversionPattern<WeightsOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(WeightsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ParallelRouting routing(adaptor.getRouting());
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
    rewriter.replaceOp(
        op,
        foldPerExpert(b, routing, op.getType(), zero,
                      [&](ImplicitLocOpBuilder &b, Value slot, Value mine,
                          Value carried) -> Value {
                        Value weight = extractAt(b, routing.weights, slot);
                        Value sum = arith::AddFOp::create(b, carried, weight);
                        return arith::SelectOp::create(b, mine, sum, carried);
                      }));
    return success();
  }
};

struct ConvertIndices : OpConversionPattern<IndicesOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(IndicesOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ParallelRouting routing(adaptor.getRouting());
    int64_t width = cast<RankedTensorType>(op.getType()).getDimSize(1);
    int64_t experts = op.getRouting().getType().getExperts();
    std::string tooMany =
        ("moe.indices: a token has more than " + Twine(width) + " experts")
            .str();
    Value most = tensor::DimOp::create(b, routing.slots, constantIndex(b, 1));
    // The expert of an assignment is the number of experts that end before it.
    auto expertOf = [&](ImplicitLocOpBuilder &b, Value slot) {
      return forEach(
          b, constantIndex(b, 0), constantIndex(b, experts),
          constantIndex(b, 0),
          [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
            Value next = add(b, expert, constantIndex(b, 1));
            Value ends = compare(b, arith::CmpIPredicate::sle,
                                 extractAt(b, routing.offsets, next), slot);
            return SmallVector<Value>{countIf(b, ends, carried[0])};
          })[0];
    };
    auto slotAt = [&](ImplicitLocOpBuilder &b, Value token, Value column) {
      Value there = compare(b, arith::CmpIPredicate::ult, column, most);
      return choose(
          b, there,
          [&](ImplicitLocOpBuilder &b) {
            return extractAt(b, routing.slots, {token, column});
          },
          constantIndex(b, -1));
    };
    rewriter.replaceOp(
        op,
        generate(b, {routing.numTokens, b.getIndexAttr(width)}, b.getI64Type(),
                 [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                   Value beyond = slotAt(b, at[0], constantIndex(b, width));
                   Value fits = compare(b, arith::CmpIPredicate::slt, beyond,
                                        constantIndex(b, 0));
                   cf::AssertOp::create(b, fits, tooMany);
                   Value slot = slotAt(b, at[0], at[1]);
                   Value some = compare(b, arith::CmpIPredicate::sge, slot,
                                        constantIndex(b, 0));
                   Value expert = choose(
                       b, some,
                       [&](ImplicitLocOpBuilder &b) {
                         return expertOf(b, slot);
                       },
                       constantIndex(b, experts));
                   return arith::IndexCastOp::create(b, b.getI64Type(), expert);
                 }));
    return success();
  }
};

struct ConvertCounts : OpConversionPattern<CountsOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(CountsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    ParallelRouting routing(adaptor.getRouting());
    int64_t experts = op.getRouting().getType().getExperts();
    rewriter.replaceOp(
        op, generate(b, {b.getIndexAttr(experts)}, b.getI64Type(),
                     [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                       Value next = add(b, at[0], constantIndex(b, 1));
                       Value count = arith::SubIOp::create(
                           b, extractAt(b, routing.offsets, next),
                           extractAt(b, routing.offsets, at[0]));
                       return arith::IndexCastOp::create(b, b.getI64Type(),
                                                         count);
                     }));
    return success();
  }
};

} // namespace

void mlir::moe::populateReadersToParallelPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConvertMask, ConvertWeights, ConvertIndices, ConvertCounts>(
      converter, patterns.getContext());
}
