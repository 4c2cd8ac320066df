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

/// A sum of one term that starts from zero is that term.
static void leaveOutZeros(IRRewriter &rewriter, linalg::GenericOp op) {
  for (auto [init, out] :
       llvm::zip(op.getDpsInits(), op.getRegionOutputArgs())) {
    auto sum = out.hasOneUse() ? dyn_cast<arith::AddFOp>(*out.user_begin())
                               : arith::AddFOp();
    if (sum && isZero(getSplat(init)))
      rewriter.replaceOp(sum,
                         sum.getLhs() == out ? sum.getRhs() : sum.getLhs());
  }
}

static SmallVector<Operation *> findFused(func::FuncOp function) {
  SmallVector<Operation *> found;
  function.walk([&](linalg::GenericOp op) {
    if (isFused(op))
      found.push_back(op);
  });
  return found;
}

LogicalResult moe::takeApart(func::FuncOp function) {
  SmallVector<Operation *> fused = findFused(function);
  IRRewriter rewriter(function.getContext());
  for (Operation *op : fused)
    leaveOutZeros(rewriter, cast<linalg::GenericOp>(op));
  GreedyRewriteConfig config;
  config.enableFolding(true);
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  // Decomposition reads the result of what it takes out in place of an init.
  RewritePatternSet inits(function.getContext()), parts(function.getContext());
  linalg::populateMoveInitOperandsToInputPattern(inits);
  linalg::populateDecomposeLinalgOpsPattern(parts);
  if (failed(applyOpPatternsGreedily(fused, std::move(inits), config)))
    return failure();
  return applyOpPatternsGreedily(findFused(function), std::move(parts), config);
}
