//===- Routing.cpp - Routings in plain tensors -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A routing is built once, by counting: assignments per expert, their prefix
// sums, then each assignment at the next free place of its expert. Going over
// the tokens in order keeps them ascending within an expert.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Assignments.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

PlainRouting::PlainRouting(ValueRange values)
    : numTokens(values[0]), total(values[1]), offsets(values[2]),
      ids(values[3]), weights(values[4]) {}

void mlir::moe::addRoutingConversion(TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion(
      [](RoutingType type,
         SmallVectorImpl<Type> &types) -> std::optional<LogicalResult> {
        Type index = IndexType::get(type.getContext());
        Type f32 = Float32Type::get(type.getContext());
        types.append({index, index,
                      RankedTensorType::get({type.getExperts() + 1}, index),
                      RankedTensorType::get({ShapedType::kDynamic}, index),
                      RankedTensorType::get({ShapedType::kDynamic}, f32)});
        return success();
      });
}

static Value insertAt(ImplicitLocOpBuilder &b, Value scalar, Value tensor,
                      ValueRange indices) {
  return tensor::InsertOp::create(b, scalar, tensor, indices);
}

static Value addIndex(ImplicitLocOpBuilder &b, Value a, int64_t c) {
  return arith::AddIOp::create(b, a, constantIndex(b, c));
}

namespace {

struct ConvertRoute : OpConversionPattern<RouteOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(RouteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    int64_t experts = op.getRouting().getType().getExperts();
    Assignments assignments(op, adaptor.getChoice(), adaptor.getWeights());
    assignments.checkWeights(b);
    if (assignments.isBounded())
      checkEachToken(b, assignments);
    Value zero = constantIndex(b, 0);
    Value tokens = tensor::DimOp::create(b, adaptor.getChoice(), zero);

    Value empty = tensor::EmptyOp::create(b, ArrayRef<int64_t>{experts},
                                          b.getIndexType());
    Value counts =
        assignments.visit(b, fill(b, empty, zero),
                          [&](ImplicitLocOpBuilder &b, Value, Value,
                              Value expert, ValueRange carried) {
                            Value count = extractAt(b, carried[0], expert);
                            return SmallVector<Value>{insertAt(
                                b, addIndex(b, count, 1), carried[0], expert)};
                          })[0];

    auto [offsets, total] = prefixSums(b, counts, experts);
    // The next free place of each expert starts at its offset.
    Value cursor = tensor::ExtractSliceOp::create(
        b, offsets, SmallVector<OpFoldResult>{b.getIndexAttr(0)},
        SmallVector<OpFoldResult>{b.getIndexAttr(experts)},
        SmallVector<OpFoldResult>{b.getIndexAttr(1)});
    Value ids = tensor::EmptyOp::create(
        b, ArrayRef<int64_t>{ShapedType::kDynamic}, b.getIndexType(), total);
    Value weights = tensor::EmptyOp::create(
        b, ArrayRef<int64_t>{ShapedType::kDynamic}, b.getF32Type(), total);
    SmallVector<Value> placed = assignments.visit(
        b, {cursor, ids, weights},
        [&](ImplicitLocOpBuilder &b, Value token, Value column, Value expert,
            ValueRange carried) {
          Value place = extractAt(b, carried[0], expert);
          return SmallVector<Value>{
              insertAt(b, addIndex(b, place, 1), carried[0], expert),
              insertAt(b, token, carried[1], place),
              insertAt(b, assignments.weightAt(b, token, column), carried[2],
                       place)};
        });
    rewriter.replaceOpWithMultiple(
        op, {SmallVector<Value>{tokens, total, offsets, placed[1], placed[2]}});
    return success();
  }

  static void checkEachToken(ImplicitLocOpBuilder &b,
                             const Assignments &assignments) {
    Value zero = constantIndex(b, 0);
    Value columns = constantIndex(b, assignments.numColumns());
    auto countIf = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                       Value count) {
      Value valid = assignments.expertAt(b, token, column).second;
      return SmallVector<Value>{
          arith::SelectOp::create(b, valid, addIndex(b, count, 1), count)};
    };
    forEach(b, zero, assignments.numTokens(b), {},
            [&](ImplicitLocOpBuilder &b, Value token, ValueRange) {
              Value count =
                  forEach(b, zero, columns, zero,
                          [&](ImplicitLocOpBuilder &b, Value column,
                              ValueRange carried) {
                            return countIf(b, token, column, carried[0]);
                          })[0];
              assignments.checkMost(b, count);
              return SmallVector<Value>();
            });
  }

  /// Offsets [E + 1] from counts [E], and the number of assignments.
  static std::pair<Value, Value> prefixSums(ImplicitLocOpBuilder &b,
                                            Value counts, int64_t experts) {
    Value zero = constantIndex(b, 0);
    Value empty = tensor::EmptyOp::create(b, ArrayRef<int64_t>{experts + 1},
                                          b.getIndexType());
    SmallVector<Value> sums =
        forEach(b, zero, constantIndex(b, experts), {empty, zero},
                [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
                  Value count = extractAt(b, counts, expert);
                  return SmallVector<Value>{
                      insertAt(b, carried[1], carried[0], expert),
                      arith::AddIOp::create(b, carried[1], count)};
                });
    return {insertAt(b, sums[1], sums[0], constantIndex(b, experts)), sums[1]};
  }
};

/// A loop over all assignments: (expert, assignment number, its token).
SmallVector<Value> forEachAssignment(
    ImplicitLocOpBuilder &b, PlainRouting routing, int64_t experts,
    ValueRange inits,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value expert,
                                    Value assignment, Value token,
                                    ValueRange carried)>
        body) {
  return forEach(
      b, constantIndex(b, 0), constantIndex(b, experts), inits,
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        Value begin = extractAt(b, routing.offsets, expert);
        Value end = extractAt(b, routing.offsets, addIndex(b, expert, 1));
        return forEach(
            b, begin, end, carried,
            [&](ImplicitLocOpBuilder &b, Value assignment, ValueRange carried) {
              Value token = extractAt(b, routing.ids, assignment);
              return body(b, expert, assignment, token, carried);
            });
      });
}

struct ConvertMask : OpConversionPattern<MaskOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(MaskOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    PlainRouting routing(adaptor.getRouting());
    auto type = cast<RankedTensorType>(op.getType());
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    Value none = fill(b, emptyRows(b, routing.numTokens, type), no);
    rewriter.replaceOp(
        op, forEachAssignment(b, routing, type.getDimSize(1), none,
                              [&](ImplicitLocOpBuilder &b, Value expert, Value,
                                  Value token, ValueRange carried) {
                                return SmallVector<Value>{insertAt(
                                    b, yes, carried[0], {token, expert})};
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
    PlainRouting routing(adaptor.getRouting());
    auto type = cast<RankedTensorType>(op.getType());
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
    Value none = fill(b, emptyRows(b, routing.numTokens, type), zero);
    rewriter.replaceOp(
        op, forEachAssignment(
                b, routing, type.getDimSize(1), none,
                [&](ImplicitLocOpBuilder &b, Value expert, Value assignment,
                    Value token, ValueRange carried) {
                  Value weight = extractAt(b, routing.weights, assignment);
                  Value sum = arith::AddFOp::create(
                      b, extractAt(b, carried[0], {token, expert}), weight);
                  return SmallVector<Value>{
                      insertAt(b, sum, carried[0], {token, expert})};
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
    PlainRouting routing(adaptor.getRouting());
    auto type = cast<RankedTensorType>(op.getType());
    int64_t experts = op.getRouting().getType().getExperts();
    Value columns = constantIndex(b, type.getDimSize(1));
    Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(experts));
    Value indices = fill(b, emptyRows(b, routing.numTokens, type), none);
    Value places =
        tensor::EmptyOp::create(b, ArrayRef<int64_t>{ShapedType::kDynamic},
                                b.getIndexType(), routing.numTokens);
    places = fill(b, places, constantIndex(b, 0));
    SmallVector<Value> filled = forEachAssignment(
        b, routing, experts, {indices, places},
        [&](ImplicitLocOpBuilder &b, Value expert, Value, Value token,
            ValueRange carried) {
          Value place = extractAt(b, carried[1], token);
          Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                             place, columns);
          cf::AssertOp::create(b, fits,
                               ("moe.indices: a token has more than " +
                                Twine(type.getDimSize(1)) + " experts")
                                   .str());
          Value number = arith::IndexCastOp::create(b, b.getI64Type(), expert);
          return SmallVector<Value>{
              insertAt(b, number, carried[0], {token, place}),
              insertAt(b, addIndex(b, place, 1), carried[1], token)};
        });
    rewriter.replaceOp(op, filled[0]);
    return success();
  }
};

struct ConvertCounts : OpConversionPattern<CountsOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(CountsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    PlainRouting routing(adaptor.getRouting());
    int64_t experts = op.getRouting().getType().getExperts();
    Value empty =
        tensor::EmptyOp::create(b, ArrayRef<int64_t>{experts}, b.getI64Type());
    rewriter.replaceOp(
        op,
        forEach(
            b, constantIndex(b, 0), constantIndex(b, experts), empty,
            [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
              Value begin = extractAt(b, routing.offsets, expert);
              Value end = extractAt(b, routing.offsets, addIndex(b, expert, 1));
              Value count = arith::IndexCastOp::create(
                  b, b.getI64Type(), arith::SubIOp::create(b, end, begin));
              return SmallVector<Value>{insertAt(b, count, carried[0], expert)};
            }));
    return success();
  }
};

} // namespace

void mlir::moe::populateRoutingToSCFPatterns(const TypeConverter &converter,
                                             RewritePatternSet &patterns) {
  patterns.add<ConvertRoute, ConvertMask, ConvertWeights, ConvertIndices,
               ConvertCounts>(converter, patterns.getContext());
}
