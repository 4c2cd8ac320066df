//===- FuseElementwise.cpp - Fuse elementwise operations ------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's fusion of elementwise operations under a control that neither
// repeats work nor touches reductions.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::moe {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static bool isParallel(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == op.getNumLoops();
}

/// Fusion is upstream's for generic operations alone. A fill stays what it is:
/// it is folded into its users without being fused.
static void generalize(Operation *root) {
  SmallVector<linalg::LinalgOp> named;
  root->walk([&](linalg::LinalgOp op) {
    if (op.hasPureTensorSemantics() && isParallel(op) &&
        !isa<linalg::GenericOp, linalg::FillOp>(op))
      named.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    // An operation that cannot be generalized is not fused.
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
}

/// A loop for each element is worth a tensor of what it computes, unless few
/// read the same element.
static constexpr uint64_t mostReadersOfLoop = 32;

/// Whether elements that are computed by loops would be computed by many.
static bool repeatsLoops(linalg::LinalgOp producer, linalg::LinalgOp consumer,
                         AffineMap map) {
  if (producer.getBlock()->getOps<LoopLikeOpInterface>().empty())
    return false;
  uint64_t readers = 1;
  for (auto [dim, size] : llvm::enumerate(consumer.getStaticLoopRanges()))
    if (!map.isFunctionOfDim(dim))
      readers = llvm::SaturatingMultiply<uint64_t>(
          readers, ShapedType::isDynamic(size) ? mostReadersOfLoop : size);
  return readers >= mostReadersOfLoop;
}

/// Whether the producer of `operand` may move into its owner: nothing else may
/// need the values.
static bool mayFuse(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!consumer || !isParallel(consumer))
    return false;
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  if (producer && repeatsLoops(producer, consumer,
                               consumer.getMatchingIndexingMap(operand)))
    return false;
  return llvm::all_of(operand->get().getUses(), [&](OpOperand &use) {
    if (use.getOwner() == consumer)
      return consumer.isDpsInput(&use) ||
             !consumer.payloadUsesValueFromOperand(&use);
    return isa<tensor::DimOp>(use.getOwner());
  });
}

namespace {
struct FuseElementwisePass
    : moe::impl::FuseElementwisePassBase<FuseElementwisePass> {
  void runOnOperation() override {
    generalize(getOperation());
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, mayFuse);
    // The size of a producer is asked of its operands, or it would be kept.
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
