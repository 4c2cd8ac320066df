//===- LowerExpandShape.cpp - Several unknown sizes of one dimension ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's expand-strided-metadata computes the one unknown size of a group
// as a quotient, and has none for two; the operation itself says them all.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Conversion/LegalizeForLLVM/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_LOWEREXPANDSHAPEPASS
#include "moe/Conversion/LegalizeForLLVM/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// What a type says of an offset, a size or a stride, or else `value`.
static OpFoldResult known(OpBuilder &b, int64_t fromType, Value value) {
  if (ShapedType::isStatic(fromType))
    return b.getIndexAttr(fromType);
  return value;
}

/// The stride of a dimension is the product of the sizes after it in its group
/// and of the stride that the group had as one dimension.
static void lower(IRRewriter &rewriter, memref::ExpandShapeOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  MemRefType type = op.getResultType();
  auto [typeStrides, typeOffset] = type.getStridesAndOffset();
  auto source = memref::ExtractStridedMetadataOp::create(b, op.getSrc());

  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  for (auto [group, stride] :
       llvm::zip(op.getReassociationIndices(), source.getStrides())) {
    Value product = stride;
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = known(b, typeStrides[dim], product);
      Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[dim]);
      product = b.createOrFold<arith::MulIOp>(product, size);
    }
  }
  rewriter.replaceOpWithNewOp<memref::ReinterpretCastOp>(
      op, type, source.getBaseBuffer(),
      known(b, typeOffset, source.getOffset()), sizes, strides);
}

namespace {
struct LowerExpandShapePass
    : moe::impl::LowerExpandShapePassBase<LowerExpandShapePass> {
  using Base::Base;

  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      rewriter.setInsertionPoint(op);
      lower(rewriter, op);
    });
  }
};
} // namespace
