//===- RaiseWhere.cpp - What masks need becomes experts -------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the last operation to the first, so that a sum is met before its terms.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "ExpertTerms.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_RAISEWHEREPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct RaiseWherePass : moe::impl::RaiseWherePassBase<RaiseWherePass> {
  using Base::Base;
  void runOnOperation() final;
};
} // namespace

/// Raises what ends in `op`.
static void raise(Operation *op) {
  std::string reason;
  std::unique_ptr<ExpertTerms> terms = findExpertTerms(op, reason);
  if (!terms) {
    // A sum that is none of experts may be one of rows.
    if (!reason.empty() && isa<WhereOp>(op))
      Remark{op->getLoc(), reason, {}}.emit();
    return;
  }
  replaceByDispatch(*terms);
}

static void raise(Block &block) {
  SmallVector<Operation *> operations;
  for (Operation &op : llvm::reverse(block))
    operations.push_back(&op);
  for (Operation *op : operations) {
    if (isa<linalg::GenericOp, WhereOp>(op) && !op->use_empty())
      raise(op);
    // Terms that were raised are no terms of what is met next.
    if (isOpTriviallyDead(op)) {
      op->erase();
      continue;
    }
    if (isa<DispatchOp>(op))
      continue;
    for (Region &region : op->getRegions())
      for (Block &inner : region)
        raise(inner);
  }
}

/// Sizes that are the same are the same value, so that masks are.
static void simplifySizes(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  RewritePatternSet patterns(context);
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  tensor::DimOp::getCanonicalizationPatterns(patterns, context);
  SmallVector<Operation *> sizes;
  function.walk([&](tensor::DimOp op) { sizes.push_back(op); });
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  if (!sizes.empty())
    (void)applyOpPatternsGreedily(sizes, std::move(patterns), config);
}

static void raise(func::FuncOp function) {
  generalizeNamedOps(function);
  for (Block &block : function.getBody())
    raise(block);
  // What was raised is dead.
  eraseDeadOperations(function);
  SmallVector<WhereOp> left;
  function.walk([&](WhereOp where) { left.push_back(where); });
  IRRewriter rewriter(function.getContext());
  for (WhereOp where : left)
    lowerWhere(rewriter, where, /*selectImplied=*/false);
  joinSums(function);
  simplifySizes(function);
  // One routing for dispatches of the same masks.
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
  mergeLikeExperts(function);
  joinDispatches(function);
  eraseDeadOperations(function);
}

void RaiseWherePass::runOnOperation() {
  for (auto function : getOperation().getOps<func::FuncOp>()) {
    WalkResult walk =
        function.walk([](WhereOp) { return WalkResult::interrupt(); });
    if (walk.wasInterrupted())
      raise(function);
  }
}
