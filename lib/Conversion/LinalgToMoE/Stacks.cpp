//===- Stacks.cpp - Results of experts side by side -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each part has an extent of 1 along the dimension of experts.
//
//===----------------------------------------------------------------------===//

#include "Stacks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Masks.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// split (concat a, b) ==> concat (a as one), (b as one), where each part is
/// one of those that the new dimension counts
struct StackOfParts : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    auto concat = op.getSrc().getDefiningOp<tensor::ConcatOp>();
    if (!concat)
      return rewriter.notifyMatchFailure(op, "not of a concatenation");
    RankedTensorType type = op.getResultType();
    auto groups = op.getReassociationIndices();
    ReassociationIndices &group = groups[concat.getDim()];
    int64_t parts = concat.getInputs().size();
    if (group.size() < 2 || type.getDimSize(group.front()) != parts)
      return rewriter.notifyMatchFailure(op, "counts something else");
    int64_t size = 1;
    for (int64_t dim : ArrayRef(group).drop_front()) {
      if (type.isDynamicDim(dim))
        return rewriter.notifyMatchFailure(op, "parts of unknown sizes");
      size *= type.getDimSize(dim);
    }
    for (Value part : concat.getInputs())
      if (cast<RankedTensorType>(part.getType()).getDimSize(concat.getDim()) !=
          size)
        return rewriter.notifyMatchFailure(op, "parts of other sizes");
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    sizes[group.front()] = rewriter.getIndexAttr(1);
    SmallVector<int64_t> shape(type.getShape());
    shape[group.front()] = 1;
    auto one = RankedTensorType::get(shape, type.getElementType());
    SmallVector<Value> each;
    for (Value part : concat.getInputs())
      each.push_back(tensor::ExpandShapeOp::create(rewriter, op.getLoc(), one,
                                                   part, groups, sizes));
    rewriter.replaceOpWithNewOp<tensor::ConcatOp>(op, type, group.front(),
                                                  each);
    return success();
  }
};

/// sum over e of m[t, e] * (concat a, b)[t, e, h], where m is a mask
/// ==> m[t, 0] * a[t, h] + m[t, 1] * b[t, h]
struct SumOfParts : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = matchSum(op);
    if (!sum || sum->factors.size() != 2 || op.getNumReductionLoops() != 1)
      return rewriter.notifyMatchFailure(op, "not a sum of products");
    SmallVector<unsigned> reductions;
    op.getReductionDims(reductions);
    AffineExpr expert = rewriter.getAffineDimExpr(reductions.front());
    for (unsigned side : {0, 1}) {
      OpOperand *all = sum->factors[side], *mask = sum->factors[1 - side];
      auto concat = all->get().getDefiningOp<tensor::ConcatOp>();
      AffineMap map = op.getMatchingIndexingMap(all);
      AffineMap maskMap = op.getMatchingIndexingMap(mask);
      if (!concat || map.getResult(concat.getDim()) != expert ||
          !llvm::is_contained(maskMap.getResults(), expert) ||
          !MaskAnalysis().isMask(mask->get()) ||
          llvm::any_of(concat.getInputs(), [&](Value part) {
            return cast<RankedTensorType>(part.getType())
                       .getDimSize(concat.getDim()) != 1;
          }))
        continue;
      rewrite(op, concat, map, mask->get(), maskMap, reductions.front(),
              rewriter);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not of parts of one expert each");
  }

  static void rewrite(linalg::GenericOp op, tensor::ConcatOp concat,
                      AffineMap map, Value mask, AffineMap maskMap,
                      unsigned loop, PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    Value total = op.getDpsInits().front();
    AffineMap out = op.getIndexingMapsArray().back();
    // Without the loop over experts, at which parts are read at 0.
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
      dims.push_back(dim == loop
                         ? rewriter.getAffineConstantExpr(0)
                         : rewriter.getAffineDimExpr(dim - (dim > loop)));
    auto without = [&](AffineMap map) {
      return map.replaceDimsAndSymbols(dims, {}, op.getNumLoops() - 1, 0);
    };
    SmallVector<utils::IteratorType> parallel(op.getNumLoops() - 1,
                                              utils::IteratorType::parallel);
    auto maskType = cast<RankedTensorType>(mask.getType());
    for (auto [number, part] : llvm::enumerate(concat.getInputs())) {
      SmallVector<OpFoldResult> offsets, sizes,
          strides(maskType.getRank(), rewriter.getIndexAttr(1));
      for (auto [dim, index] : llvm::enumerate(maskMap.getResults())) {
        bool own = index == rewriter.getAffineDimExpr(loop);
        offsets.push_back(rewriter.getIndexAttr(own ? number : 0));
        sizes.push_back(own ? OpFoldResult(rewriter.getIndexAttr(1))
                            : tensor::getMixedSize(rewriter, loc, mask, dim));
      }
      Value column = tensor::ExtractSliceOp::create(rewriter, loc, mask,
                                                    offsets, sizes, strides);
      auto make = [&](ValueRange inputs, ArrayRef<AffineMap> maps, bool adds) {
        Value empty = tensor::EmptyOp::create(
            rewriter, loc, tensor::getMixedSizes(rewriter, loc, total),
            getElementTypeOrSelf(total.getType()));
        return linalg::GenericOp::create(
                   rewriter, loc, TypeRange{op.getResult(0).getType()}, inputs,
                   ValueRange{empty}, maps, parallel,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     Value value =
                         adds ? arith::AddFOp::create(b, loc, args[0], args[1])
                                    .getResult()
                              : arith::MulFOp::create(b, loc, args[0], args[1])
                                    .getResult();
                     linalg::YieldOp::create(b, loc, value);
                   })
            .getResult(0);
      };
      Value term = make({column, part},
                        {without(maskMap), without(map), without(out)}, false);
      AffineMap each = rewriter.getMultiDimIdentityMap(out.getNumResults());
      total = make({total, term}, {each, each, each}, true);
    }
    rewriter.replaceOp(op, total);
  }
};

} // namespace

void moe::populateStacks(RewritePatternSet &patterns) {
  patterns.add<StackOfParts>(patterns.getContext());
}

void moe::populateSumsOfStacks(RewritePatternSet &patterns) {
  // Before a sum is split from its products.
  patterns.add<SumOfParts>(patterns.getContext(), /*benefit=*/2);
}
