//===- TakeApart.cpp - Bodies of several scalar operations ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a front end fused becomes one operation for each scalar operation, so
// that each can be looked at by itself.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

/// Front ends fuse a few operations, and taking a body apart is quadratic.
static constexpr size_t kMaxFused = 64;

/// Whether the body is a row of scalar operations that can be taken apart.
static bool isFused(linalg::GenericOp op) {
  size_t operations = op.getBody()->getOperations().size();
  if (!op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops() || operations < 3 ||
      operations > kMaxFused || op->getParentOfType<DispatchOp>())
    return false;
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &n) {
    return n.getNumRegions() == 0 && isPure(&n) &&
           isa<arith::ArithDialect, math::MathDialect>(n.getDialect());
  });
}

/// What the body reads of its inits becomes inputs, and a sum of one term that
/// starts from zero that term. Upstream's pattern reads the result of the
/// operation that it takes out in their place.
static linalg::GenericOp readInitsAsInputs(IRRewriter &rewriter,
                                           linalg::GenericOp op) {
  for (auto [init, out] :
       llvm::zip(op.getDpsInits(), op.getRegionOutputArgs())) {
    auto sum = out.hasOneUse() ? dyn_cast<arith::AddFOp>(*out.user_begin())
                               : arith::AddFOp();
    if (sum && isZero(getSplat(init)))
      rewriter.replaceOp(sum,
                         sum.getLhs() == out ? sum.getRhs() : sum.getLhs());
  }
  if (llvm::all_of(op.getRegionOutputArgs(),
                   [](BlockArgument out) { return out.use_empty(); }))
    return op;
  rewriter.setInsertionPoint(op);
  SmallVector<Value> inputs(op.getInputs()), inits;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  llvm::append_range(inputs, op.getDpsInits());
  maps.append(maps.end() - op.getNumDpsInits(), maps.end());
  for (Value init : op.getDpsInits())
    inits.push_back(tensor::EmptyOp::create(
        rewriter, op.getLoc(),
        tensor::getMixedSizes(rewriter, op.getLoc(), init),
        getElementTypeOrSelf(init.getType())));
  auto made = linalg::GenericOp::create(rewriter, op.getLoc(),
                                        op.getResultTypes(), inputs, inits,
                                        maps, op.getIteratorTypesArray());
  rewriter.inlineRegionBefore(op.getRegion(), made.getRegion(),
                              made.getRegion().begin());
  for (Value init : inits)
    made.getBody()->addArgument(getElementTypeOrSelf(init.getType()),
                                op.getLoc());
  rewriter.replaceOp(op, made);
  return made;
}

LogicalResult moe::takeApart(func::FuncOp function) {
  SmallVector<linalg::GenericOp> found;
  function.walk([&](linalg::GenericOp op) {
    if (isFused(op))
      found.push_back(op);
  });
  if (found.empty())
    return success();
  IRRewriter rewriter(function.getContext());
  SmallVector<Operation *> fused;
  for (linalg::GenericOp op : found)
    fused.push_back(readInitsAsInputs(rewriter, op));
  RewritePatternSet patterns(function.getContext());
  linalg::populateDecomposeLinalgOpsPattern(patterns);
  GreedyRewriteConfig config;
  config.enableFolding(true);
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  return applyOpPatternsGreedily(fused, std::move(patterns), config);
}
