//===- CompleteTransfers.cpp - Writes of the rank of their tensors --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bufferization asks whether a write covers its tensor, so that what was there
// need not be copied, and compares the first sizes of the vector with those of
// the tensor: a row of 8 in a tensor of 5 rows counts as all of it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_COMPLETETRANSFERSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// The map with the dimensions that it lacks in front.
static AffineMap complete(AffineMap map) {
  SmallVector<AffineExpr> results;
  for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
    if (!map.isFunctionOfDim(dim))
      results.push_back(getAffineDimExpr(dim, map.getContext()));
  llvm::append_range(results, map.getResults());
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

static void complete(vector::TransferWriteOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getBase().getType());
  VectorType vector = op.getVectorType();
  // Only such writes are taken for whole tensors.
  if (!type || !type.hasStaticShape() || op.getMask() || vector.isScalable() ||
      vector.getRank() >= type.getRank() ||
      !op.getPermutationMap().isProjectedPermutation())
    return;
  int64_t lacks = type.getRank() - vector.getRank();
  SmallVector<int64_t> shape(lacks, 1);
  llvm::append_range(shape, vector.getShape());
  SmallVector<bool> inBounds(lacks, true);
  llvm::append_range(inBounds, op.getInBoundsValues());
  IRRewriter rewriter(op);
  Value whole = vector::BroadcastOp::create(
      rewriter, op.getLoc(), VectorType::get(shape, vector.getElementType()),
      op.getValueToStore());
  rewriter.replaceOpWithNewOp<vector::TransferWriteOp>(
      op, type, whole, op.getBase(), op.getIndices(),
      AffineMapAttr::get(complete(op.getPermutationMap())),
      /*mask=*/Value(), rewriter.getBoolArrayAttr(inBounds));
}

namespace {
struct CompleteTransfersPass
    : moe::impl::CompleteTransfersPassBase<CompleteTransfersPass> {
  using Base::Base;
  void runOnOperation() final {
    getOperation()->walk([](vector::TransferWriteOp op) { complete(op); });
  }
};
} // namespace
