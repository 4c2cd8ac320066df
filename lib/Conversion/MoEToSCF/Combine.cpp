//===- Combine.cpp - Packed rows back to tokens -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks of tokens are summed up in parallel. Assignments are ordered by
// expert, so that going over them in order adds up the rows of each token in
// ascending order of experts, whatever block it is in.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/ExpertRows.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

/// sum + row * weight, elementwise; without a weight sum + row.
static Value addRow(ImplicitLocOpBuilder &b, Value sum, Value row,
                    Value weight) {
  auto type = cast<RankedTensorType>(sum.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps(2, identity);
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, type, ValueRange{row}, ValueRange{sum}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder b(loc, nested);
        linalg::YieldOp::create(b, addWeighted(b, args[1], args[0], weight));
      });
  return generic.getResult(0);
}

/// Rows of `sums` where `assigned`, rows of `init` elsewhere, as `element`.
static Value finish(ImplicitLocOpBuilder &b, Value sums, Value assigned,
                    Value init, Type element) {
  auto type = cast<RankedTensorType>(sums.getType());
  if (!init && type.getElementType() == element)
    return sums;
  int64_t rank = type.getRank();
  Value rows = tensor::DimOp::create(b, sums, constantIndex(b, 0));
  Value out = emptyRowsLike(b, rows, sums, element);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap perRow = AffineMap::get(rank, 0, b.getAffineDimExpr(0));
  SmallVector<Value> inputs{sums};
  SmallVector<AffineMap> maps{identity};
  if (init) {
    inputs.append({assigned, init});
    maps.append({perRow, identity});
  }
  maps.push_back(identity);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, out.getType(), inputs, out, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value value = args[0];
        if (value.getType() != element)
          value = arith::TruncFOp::create(nested, loc, element, value);
        if (init)
          value = arith::SelectOp::create(nested, loc, args[1], value, args[2]);
        linalg::YieldOp::create(nested, loc, value);
      });
  return generic.getResult(0);
}

namespace {

struct ConvertCombine : OpConversionPattern<CombineOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(CombineOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    PlainRouting routing(adaptor.getRouting());
    Value packed = adaptor.getPacked().front();
    Value init = op.getInit() ? adaptor.getInit().front() : Value();
    checkRows(b, op, routing, packed, init);

    Value tokens = routing.numTokens;
    Value result = emptyRowsLike(b, tokens, packed);
    Value size = tokensPerBlock(b, tokens);
    Value blocks = arith::CeilDivUIOp::create(b, tokens, size);
    auto forall = scf::ForallOp::create(
        b, SmallVector<OpFoldResult>{blocks}, result, std::nullopt,
        [&](OpBuilder &nested, Location loc, ValueRange args) {
          ImplicitLocOpBuilder b(loc, nested);
          Value first = arith::MulIOp::create(b, args[0], size);
          Value rest = arith::SubIOp::create(b, tokens, first);
          Value count = arith::MinUIOp::create(b, rest, size);
          Value mine = init ? sliceRows(b, init, first, count) : Value();
          Value rows = sumUp(b, op, routing, packed, mine, first, count);
          auto parallel = scf::InParallelOp::create(b);
          b.setInsertionPointToStart(parallel.getBody());
          insertRowsInParallel(b, rows, args[1], first, count);
        });
    rewriter.replaceOp(op, forall.getResults());
    return success();
  }

private:
  /// Enough blocks for all threads, but none of a few rows.
  static Value tokensPerBlock(ImplicitLocOpBuilder &b, Value tokens) {
    constexpr int64_t least = 64, blocksPerThread = 4;
    Value blocks = arith::MulIOp::create(b, numThreads(b),
                                         constantIndex(b, blocksPerThread));
    return arith::MaxUIOp::create(b,
                                  arith::CeilDivUIOp::create(b, tokens, blocks),
                                  constantIndex(b, least));
  }

  /// The rows of tokens [first, first + count), of which `init` has those
  /// without an expert.
  static Value sumUp(ImplicitLocOpBuilder &b, CombineOp op,
                     PlainRouting routing, Value packed, Value init,
                     Value first, Value count) {
    Type element = getElementTypeOrSelf(packed.getType());
    Type sum = getSumType(element);
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sum));
    SmallVector<Value> carried{
        fill(b, emptyRowsLike(b, count, packed, sum), zero)};
    if (init) {
      Value flags = tensor::EmptyOp::create(
          b, ArrayRef<int64_t>{ShapedType::kDynamic}, b.getI1Type(), count);
      Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
      carried.push_back(fill(b, flags, no));
    }
    auto add = [&](ImplicitLocOpBuilder &b, Value assignment, Value place,
                   ValueRange carried) {
      Value one = constantIndex(b, 1);
      Value weight = op.getUnweighted()
                         ? Value()
                         : extractAt(b, routing.weights, assignment);
      Value row = sliceRows(b, packed, assignment, one);
      Value target = sliceRows(b, carried[0], place, one);
      SmallVector<Value> next{insertRows(b, addRow(b, target, row, weight),
                                         carried[0], place, one)};
      if (init) {
        Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
        next.push_back(tensor::InsertOp::create(b, yes, carried[1], place));
      }
      return next;
    };
    // Each block goes over all assignments, which costs less than a row.
    carried = forEach(
        b, constantIndex(b, 0), routing.total, carried,
        [&](ImplicitLocOpBuilder &b, Value assignment, ValueRange carried) {
          Value token = extractAt(b, routing.ids, assignment);
          // Unsigned: a token in front of the block is out of range as well.
          Value place = arith::SubIOp::create(b, token, first);
          Value inside =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, count);
          auto added = scf::IfOp::create(
              b, inside,
              [&](OpBuilder &nested, Location loc) {
                ImplicitLocOpBuilder b(loc, nested);
                scf::YieldOp::create(b, add(b, assignment, place, carried));
              },
              [&](OpBuilder &nested, Location loc) {
                scf::YieldOp::create(nested, loc, carried);
              });
          return SmallVector<Value>(added.getResults());
        });
    return finish(b, carried[0], init ? carried[1] : Value(), init, element);
  }
};

struct ConvertRows : OpConversionPattern<RowsOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(RowsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    PlainRouting routing(adaptor.getRouting());
    Value packed = adaptor.getPacked().front();
    assertEqual(b, tensor::DimOp::create(b, packed, constantIndex(b, 0)),
                routing.total,
                "moe.rows: the number of packed rows differs from the number "
                "of assignments");
    ExpertRows rows =
        rowsOf(b, routing.offsets, constantIndex(b, op.getExpert()));
    rewriter.replaceOp(op, sliceRows(b, packed, rows.first, rows.count));
    return success();
  }
};

struct ConvertPick : OpConversionPattern<PickOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(PickOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    // The last tensor is the default; moe-guard-accesses checks the number.
    ValueRange tensors = adaptor.getTensors();
    SmallVector<int64_t> cases =
        llvm::to_vector(llvm::seq<int64_t>(0, tensors.size() - 1));
    auto choose = scf::IndexSwitchOp::create(
        b, op.getType(), adaptor.getNumber(), cases, cases.size());
    auto yieldIn = [&](Region &region, Value tensor) {
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&region);
      scf::YieldOp::create(b, tensor);
    };
    for (auto [region, tensor] : llvm::zip(choose.getCaseRegions(), tensors))
      yieldIn(region, tensor);
    yieldIn(choose.getDefaultRegion(), tensors.back());
    rewriter.replaceOp(op, choose.getResults());
    return success();
  }
};

} // namespace

void mlir::moe::populateCombineToSCFPatterns(const TypeConverter &converter,
                                             RewritePatternSet &patterns) {
  patterns.add<ConvertCombine>(converter, patterns.getContext());
}

void mlir::moe::populateRowsAndPickToSCFPatterns(const TypeConverter &converter,
                                                 RewritePatternSet &patterns) {
  patterns.add<ConvertRows, ConvertPick>(converter, patterns.getContext());
}
