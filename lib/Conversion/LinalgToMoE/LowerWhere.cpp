//===- LowerWhere.cpp - Masked values computed for all rows ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_LOWERWHEREPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct LowerWherePass : moe::impl::LowerWherePassBase<LowerWherePass> {
  using Base::Base;
  void runOnOperation() final;
};
} // namespace

/// `chosen` where `mask` holds along `along`, else `otherwise` or zero.
static Value selectRows(OpBuilder &b, Location loc, Value mask,
                        ArrayRef<int64_t> along, Value chosen,
                        Value otherwise) {
  auto type = cast<RankedTensorType>(chosen.getType());
  int64_t rank = type.getRank();
  SmallVector<AffineExpr> dims;
  for (int64_t dim : along)
    dims.push_back(b.getAffineDimExpr(dim));
  AffineMap all = b.getMultiDimIdentityMap(rank);
  SmallVector<Value> inputs{mask, chosen};
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, dims, b.getContext()),
                              all};
  if (otherwise) {
    inputs.push_back(otherwise);
    maps.push_back(all);
  }
  Value zero;
  if (!otherwise)
    zero =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  Value result = createElementwise(
      b, loc, tensor::getMixedSizes(b, loc, chosen), type.getElementType(),
      inputs, maps, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return arith::SelectOp::create(b, loc, args[0], args[1],
                                       zero ? zero : args[2]);
      });
  if (result.getType() != type)
    result = tensor::CastOp::create(b, loc, type, result);
  return result;
}

/// Puts what `region` computes before `where`, and returns what it yields.
static SmallVector<Value> inlineRegion(RewriterBase &rewriter, WhereOp where,
                                       Region &region) {
  YieldOp yield = where.getYield(region);
  SmallVector<Value> values(yield.getOperands());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(&region.front(), where);
  return values;
}

void moe::lowerWhere(RewriterBase &rewriter, WhereOp where,
                     bool selectImplied) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(where);
  SmallVector<Value> results(where.getNumResults());
  if (!where.getOtherwise().empty())
    results = inlineRegion(rewriter, where, where.getOtherwise());
  // The first mask that holds decides: it is selected by last.
  for (int64_t number = where.getCases().size() - 1; number >= 0; --number) {
    SmallVector<Value> values =
        inlineRegion(rewriter, where, where.getCases()[number]);
    for (auto [result, value] : llvm::zip_equal(results, values)) {
      if (where.getImplied() && !selectImplied)
        result = value;
      else
        result = selectRows(rewriter, where.getLoc(), where.getMasks()[number],
                            where.getAlong(), value, result);
    }
  }
  rewriter.replaceOp(where, results);
}

void LowerWherePass::runOnOperation() {
  SmallVector<WhereOp> wheres;
  // Inner ones first.
  getOperation()->walk([&](WhereOp where) { wheres.push_back(where); });
  IRRewriter rewriter(&getContext());
  for (WhereOp where : wheres)
    lowerWhere(rewriter, where, selectImplied);
}
