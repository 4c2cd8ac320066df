//===- Dispatch.cpp - Dispatch to loops over tiles -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dispatch becomes one scf.forall over a table of tiles (expert, row block),
// which has no row for an expert without tokens.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/ExpertRows.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"

using namespace mlir;
using namespace mlir::moe;

/// Bounds of the rows in a tile. Between them the block is such that each
/// thread has a few tiles, but not so small that packing weights into panels
/// costs more than using them.
static constexpr int64_t minRowBlock = 64, maxRowBlock = 256;
static constexpr int64_t tilesPerThread = 4;

namespace {

/// Lowers one dispatch.
class DispatchLowering {
public:
  DispatchLowering(DispatchOp op,
                   DispatchOp::GenericAdaptor<ArrayRef<ValueRange>> adaptor,
                   ConversionPatternRewriter &rewriter)
      : op(op), rewriter(rewriter), b(op.getLoc(), rewriter),
        routing(adaptor.getRouting()), rowWise(getRowWiseExperts(op)),
        experts(constantIndex(b, op.getNumExperts())) {
    for (ValueRange token : adaptor.getTokens())
      tokens.push_back(token.front());
  }

  SmallVector<Value> lower();

private:
  /// The expert, first row and number of rows of each tile, and how many.
  SmallVector<Value> makeTable();
  /// Calls `body` for each expert.
  SmallVector<Value> forEachExpert(
      ValueRange inits,
      function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ExpertRows rows,
                                      Value block, ValueRange carried)>
          body);
  Value blockOf(ImplicitLocOpBuilder &b, ExpertRows rows);
  Value gather(ImplicitLocOpBuilder &b, Value tensor, ExpertRows rows);

  DispatchOp op;
  ConversionPatternRewriter &rewriter;
  ImplicitLocOpBuilder b;
  PlainRouting routing;
  SmallVector<Value> tokens;
  /// Of each expert.
  SmallVector<bool> rowWise;
  Value experts;
  /// Rows in a tile of an expert whose body is row-wise.
  Value rowBlock;
};

} // namespace

SmallVector<Value> DispatchLowering::lower() {
  checkTokens(b, tokens, routing.numTokens);
  SmallVector<Value> packed;
  for (Type type : op.getResultTypes())
    packed.push_back(emptyRows(b, routing.total, cast<RankedTensorType>(type)));
  Value tiles =
      arith::MulIOp::create(b, numThreads(b), constantIndex(b, tilesPerThread));
  Value share = arith::CeilDivUIOp::create(b, routing.total, tiles);
  share = arith::MaxUIOp::create(b, share, constantIndex(b, minRowBlock));
  rowBlock = arith::MinUIOp::create(b, share, constantIndex(b, maxRowBlock));

  SmallVector<Value> table = makeTable();
  auto forall = scf::ForallOp::create(
      b, SmallVector<OpFoldResult>{table[3]}, packed, std::nullopt,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder b(loc, nested);
        ExpertRows tile{extractAt(b, table[0], args[0]),
                        extractAt(b, table[1], args[0]),
                        extractAt(b, table[2], args[0])};
        SmallVector<Value> gathered;
        for (Value token : tokens)
          gathered.push_back(gather(b, token, tile));
        SmallVector<Value> results =
            runBody(b, rewriter, op, tile, gathered, routing.weights);
        auto parallel = scf::InParallelOp::create(b);
        b.setInsertionPointToStart(parallel.getBody());
        for (auto [result, out] : llvm::zip(results, args.drop_front()))
          insertRowsInParallel(b, result, out, tile.first, tile.count);
      });
  return SmallVector<Value>(forall.getResults());
}

/// A body that is not row-wise sees all of its rows at once.
Value DispatchLowering::blockOf(ImplicitLocOpBuilder &b, ExpertRows rows) {
  if (llvm::all_of(rowWise, [](bool flag) { return flag; }))
    return rowBlock;
  Value whole = arith::MaxUIOp::create(b, rows.count, constantIndex(b, 1));
  if (!llvm::is_contained(rowWise, true))
    return whole;
  auto type = RankedTensorType::get({op.getNumExperts()}, b.getI1Type());
  Value flags =
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, rowWise));
  return arith::SelectOp::create(b, extractAt(b, flags, rows.expert), rowBlock,
                                 whole);
}

SmallVector<Value> DispatchLowering::forEachExpert(
    ValueRange inits,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ExpertRows rows,
                                    Value block, ValueRange carried)>
        body) {
  return forEach(
      b, constantIndex(b, 0), experts, inits,
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        ExpertRows rows = rowsOf(b, routing.offsets, expert);
        return body(b, rows, blockOf(b, rows), carried);
      });
}

SmallVector<Value> DispatchLowering::makeTable() {
  Value zero = constantIndex(b, 0);
  auto tilesOf = [](ImplicitLocOpBuilder &b, ExpertRows rows, Value block) {
    return arith::CeilDivUIOp::create(b, rows.count, block).getResult();
  };
  Value count =
      forEachExpert(zero, [&](ImplicitLocOpBuilder &b, ExpertRows rows,
                              Value block, ValueRange carried) {
        return SmallVector<Value>{
            arith::AddIOp::create(b, carried[0], tilesOf(b, rows, block))};
      })[0];
  auto column = [&] {
    return tensor::EmptyOp::create(b, ArrayRef<int64_t>{ShapedType::kDynamic},
                                   b.getIndexType(), count)
        .getResult();
  };
  auto addTile = [&](ImplicitLocOpBuilder &b, ExpertRows rows, Value block,
                     Value tile, ValueRange carried) {
    Value before = arith::MulIOp::create(b, tile, block);
    Value rest = arith::SubIOp::create(b, rows.count, before);
    Value first = arith::AddIOp::create(b, rows.first, before);
    Value next = arith::AddIOp::create(b, carried[3], constantIndex(b, 1));
    auto put = [&](Value scalar, Value table) {
      return tensor::InsertOp::create(b, scalar, table, carried[3]).getResult();
    };
    return SmallVector<Value>{
        put(rows.expert, carried[0]), put(first, carried[1]),
        put(arith::MinUIOp::create(b, rest, block), carried[2]), next};
  };
  SmallVector<Value> table = forEachExpert(
      {column(), column(), column(), zero},
      [&](ImplicitLocOpBuilder &b, ExpertRows rows, Value block,
          ValueRange carried) {
        return forEach(
            b, constantIndex(b, 0), tilesOf(b, rows, block), carried,
            [&](ImplicitLocOpBuilder &b, Value tile, ValueRange carried) {
              return addTile(b, rows, block, tile, carried);
            });
      });
  table[3] = count;
  return table;
}

/// Rows of `tensor` at the tokens of the assignments `rows`.
Value DispatchLowering::gather(ImplicitLocOpBuilder &b, Value tensor,
                               ExpertRows rows) {
  if (isEverywhere(op))
    return sliceOfAll(b, routing, tensor, rows);
  return forEach(
      b, constantIndex(b, 0), rows.count, emptyRowsLike(b, rows.count, tensor),
      [&](ImplicitLocOpBuilder &b, Value row, ValueRange carried) {
        Value one = constantIndex(b, 1);
        Value place = arith::AddIOp::create(b, rows.first, row);
        Value token = extractAt(b, routing.ids, place);
        Value slice = sliceRows(b, tensor, token, one);
        return SmallVector<Value>{insertRows(b, slice, carried[0], row, one)};
      })[0];
}

namespace {
struct ConvertDispatch : OpConversionPattern<DispatchOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(DispatchOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    if (!op.isFamily())
      return rewriter.notifyMatchFailure(op, "moe-outline-experts comes first");
    rewriter.replaceOp(op, DispatchLowering(op, adaptor, rewriter).lower());
    return success();
  }
};
} // namespace

void mlir::moe::populateDispatchToSCFPatterns(const TypeConverter &converter,
                                              RewritePatternSet &patterns) {
  patterns.add<ConvertDispatch>(converter, patterns.getContext());
}
