//===- MoECanonicalization.cpp - Canonicalization of the moe dialect -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns that make programs over mixtures of experts simpler. What an expert
// computes is never duplicated, moved out of its region or run for more tokens.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

// The same rule is written one way only: argmax is top_k(1), no epsilon is
// epsilon 0, weights(score) and scale(1) are the default.
LogicalResult GateOp::canonicalize(GateOp op, PatternRewriter &rewriter) {
  bool plainWeights = op.getWeights() == WeightSource::score;
  bool noEpsilon = op.getEpsilon() && op.getEpsilon()->isPosZero();
  bool unitScale = op.getScale() && op.getScale()->isExactlyValue(1.0);
  if (!op.getArgmax() && !plainWeights && !noEpsilon && !unitScale)
    return rewriter.notifyMatchFailure(op, "is in its simplest form");
  rewriter.modifyOpInPlace(op, [&] {
    if (op.getArgmax()) {
      op.setArgmax(false);
      op.setK(1);
    }
    if (plainWeights)
      op.removeWeightsAttr();
    if (noEpsilon)
      op.removeEpsilonAttr();
    if (unitScale)
      op.removeScaleAttr();
  });
  return success();
}

LogicalResult NumTokensOp::canonicalize(NumTokensOp op,
                                        PatternRewriter &rewriter) {
  if (auto all = op.getRouting().getDefiningOp<RouteAllOp>()) {
    rewriter.replaceOp(op, all.getTokens());
    return success();
  }
  Value rows;
  if (auto route = op.getRouting().getDefiningOp<RouteOp>())
    rows = route.getChoice();
  else if (auto gate = op.getRouting().getDefiningOp<GateOp>())
    rows = gate.getScores();
  if (!rows)
    return rewriter.notifyMatchFailure(op, "its routing is made elsewhere");
  Value zero = arith::ConstantIndexOp::create(rewriter, op.getLoc(), 0);
  rewriter.replaceOpWithNewOp<tensor::DimOp>(op, rows, zero);
  return success();
}

namespace {
/// A token operand whose rows no expert looks at is not gathered.
struct DropUnusedTokens : OpRewritePattern<DispatchOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DispatchOp op,
                                PatternRewriter &rewriter) const final {
    unsigned first = op.isFamily() ? 1 : 0;
    llvm::BitVector unused(op.getTokens().size(), true);
    for (Region &region : op.getExperts())
      for (auto [index, rows] : llvm::enumerate(op.getTokenArguments(region)))
        if (!rows.use_empty())
          unused.reset(index);
    // The operands also say how many tokens there are to the reader.
    if (unused.none())
      return rewriter.notifyMatchFailure(op, "every token operand is used");
    rewriter.modifyOpInPlace(op, [&] {
      for (Region &region : op.getExperts()) {
        llvm::BitVector arguments(region.getNumArguments());
        for (unsigned index : unused.set_bits())
          arguments.set(first + index);
        region.front().eraseArguments(arguments);
      }
      for (unsigned index = unused.size(); index-- > 0;)
        if (unused.test(index))
          op.getTokensMutable().erase(index);
    });
    return success();
  }
};

/// Results that nobody reads are not packed.
struct DropUnusedResults : OpRewritePattern<DispatchOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(DispatchOp op,
                                PatternRewriter &rewriter) const final {
    SmallVector<unsigned> used;
    for (OpResult result : op.getResults())
      if (!result.use_empty())
        used.push_back(result.getResultNumber());
    if (used.size() == op.getNumResults() || used.empty())
      return rewriter.notifyMatchFailure(op, "all or no results are used");
    SmallVector<Type> types;
    for (unsigned index : used)
      types.push_back(op.getResult(index).getType());
    auto narrow =
        DispatchOp::create(rewriter, op.getLoc(), types, op.getTokens(),
                           op.getRouting(), op.getExperts().size());
    narrow->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    for (auto [from, to] : llvm::zip(op.getExperts(), narrow.getExperts())) {
      rewriter.inlineRegionBefore(from, to, to.end());
      auto yield = cast<YieldOp>(to.front().getTerminator());
      SmallVector<Value> values;
      for (unsigned index : used)
        values.push_back(yield.getResults()[index]);
      rewriter.setInsertionPoint(yield);
      rewriter.replaceOpWithNewOp<YieldOp>(yield, values);
    }
    for (auto [index, number] : llvm::enumerate(used))
      rewriter.replaceAllUsesWith(op.getResult(number),
                                  narrow.getResult(index));
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void DispatchOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<DropUnusedTokens, DropUnusedResults>(context);
}
