//===- ReadsByPosition.cpp - Bodies that read tensors by position ---------===//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks of each index in a body whether it is that of its own element, but for a
// constant.
//
//
// Front ends write concatenations, and arithmetic on sizes, as operations whose
// bodies choose by the position of an element what they read.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Analysis/Extents.h"

using namespace mlir;
using namespace mlir::moe;

/// What each element is, if its position alone decides that, and reading it
/// does nothing else; or null.
static Value getElement(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      op.getNumDpsInputs() != 0 || !isMemoryEffectFree(op) ||
      !op.getIndexingMapsArray().back().isIdentity())
    return nullptr;
  return op.getBody()->getTerminator()->getOperand(0);
}

namespace {

/// extract (generic ... { f(index) }) [2] ==> f(2)
struct ReadAtConstant : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractOp op,
                                PatternRewriter &rewriter) const override {
    // Sizes and the like; a large tensor is computed once.
    constexpr int64_t kMaxElements = 8;
    auto generic = op.getTensor().getDefiningOp<linalg::GenericOp>();
    RankedTensorType type = op.getTensor().getType();
    if (!generic || !generic.hasPureTensorSemantics() ||
        generic.getNumParallelLoops() != generic.getNumLoops() ||
        generic->getNumResults() != 1 ||
        !generic.getIndexingMapsArray().back().isIdentity() ||
        !type.hasStaticShape() || type.getNumElements() > kMaxElements ||
        !generic.getRegionOutputArgs().front().use_empty())
      return rewriter.notifyMatchFailure(op, "not of a few elements");
    for (auto [dim, index] : llvm::enumerate(op.getIndices())) {
      std::optional<int64_t> at = getConstantIntValue(index);
      if (!at || *at < 0 || *at >= type.getDimSize(dim))
        return rewriter.notifyMatchFailure(op, "not at a constant position");
    }
    for (AffineMap map : generic.getIndexingMapsArray())
      if (llvm::any_of(map.getResults(), [](AffineExpr index) {
            return !isa<AffineDimExpr, AffineConstantExpr>(index);
          }))
        return rewriter.notifyMatchFailure(op, "reads at a computed place");
    IRMapping mapping;
    for (OpOperand *input : generic.getDpsInputOperands()) {
      BlockArgument argument = generic.getMatchingBlockArgument(input);
      if (!isa<RankedTensorType>(input->get().getType())) {
        mapping.map(argument, input->get());
        continue;
      }
      SmallVector<Value> indices;
      for (AffineExpr index :
           generic.getMatchingIndexingMap(input).getResults()) {
        if (auto dim = dyn_cast<AffineDimExpr>(index))
          indices.push_back(op.getIndices()[dim.getPosition()]);
        else
          indices.push_back(arith::ConstantIndexOp::create(
              rewriter, op.getLoc(),
              cast<AffineConstantExpr>(index).getValue()));
      }
      mapping.map(argument, tensor::ExtractOp::create(rewriter, op.getLoc(),
                                                      input->get(), indices));
    }
    for (Operation &scalar : generic.getBody()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(scalar))
        mapping.map(index.getResult(), op.getIndices()[index.getDim()]);
      else
        rewriter.clone(scalar, mapping);
    }
    rewriter.replaceOp(op,
                       mapping.lookupOrDefault(
                           generic.getBody()->getTerminator()->getOperand(0)));
    return success();
  }
};

/// extract (concat a, b) [..., 3] ==> extract b [..., 3 - the size of a]
struct ReadOfConcatenation : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractOp op,
                                PatternRewriter &rewriter) const override {
    auto concat = op.getTensor().getDefiningOp<tensor::ConcatOp>();
    if (!concat)
      return rewriter.notifyMatchFailure(op, "not of a concatenation");
    std::optional<int64_t> at =
        getConstantIntValue(op.getIndices()[concat.getDim()]);
    if (!at)
      return rewriter.notifyMatchFailure(op, "not at a constant position");
    for (Value part : concat.getInputs()) {
      auto type = cast<RankedTensorType>(part.getType());
      if (type.isDynamicDim(concat.getDim()))
        return rewriter.notifyMatchFailure(op, "parts of unknown sizes");
      int64_t size = type.getDimSize(concat.getDim());
      if (*at >= size) {
        *at -= size;
        continue;
      }
      SmallVector<Value> indices(op.getIndices());
      indices[concat.getDim()] =
          arith::ConstantIndexOp::create(rewriter, op.getLoc(), *at);
      rewriter.replaceOpWithNewOp<tensor::ExtractOp>(op, part, indices);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "outside of the tensor");
  }
};

/// out[i, j] = j < 3 ? a[i, j] : b[i, j - 3] ==> concat a, b
struct ConcatenateByPosition : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  /// A tensor that is read at the position of each element, less `offset` along
  /// dimension `dim`.
  static Value matchPart(Value value, Region &body, int64_t dim,
                         int64_t offset) {
    auto read = value.getDefiningOp<tensor::ExtractOp>();
    if (!read || body.isAncestor(read.getTensor().getParentRegion()))
      return nullptr;
    for (auto [number, index] : llvm::enumerate(read.getIndices())) {
      Value position = index;
      if (static_cast<int64_t>(number) == dim && offset != 0) {
        auto less = index.getDefiningOp<arith::SubIOp>();
        if (!less || getConstantIntValue(less.getRhs()) != offset)
          return nullptr;
        position = less.getLhs();
      }
      auto loop = position.getDefiningOp<linalg::IndexOp>();
      if (!loop || loop.getDim() != number)
        return nullptr;
    }
    return read.getTensor();
  }

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    Value next = getElement(op);
    if (!next)
      return rewriter.notifyMatchFailure(op, "not a choice by position");
    std::optional<int64_t> dim;
    int64_t offset = 0;
    SmallVector<Value> parts;
    while (auto choice = next.getDefiningOp<scf::IfOp>()) {
      auto compare = choice.getCondition().getDefiningOp<arith::CmpIOp>();
      if (choice.getNumResults() != 1 || !compare ||
          compare.getPredicate() != arith::CmpIPredicate::ult)
        return rewriter.notifyMatchFailure(op, "chooses by something else");
      auto loop = compare.getLhs().getDefiningOp<linalg::IndexOp>();
      std::optional<int64_t> end = getConstantIntValue(compare.getRhs());
      if (!loop || !end || (dim && *dim != int64_t(loop.getDim())))
        return rewriter.notifyMatchFailure(op, "not by one dimension");
      dim = loop.getDim();
      parts.push_back(matchPart(choice.thenYield().getOperand(0),
                                op.getRegion(), *dim, offset));
      if (!parts.back() ||
          cast<RankedTensorType>(parts.back().getType()).getDimSize(*dim) !=
              *end - offset)
        return rewriter.notifyMatchFailure(op, "reads something else");
      offset = *end;
      next = choice.elseYield().getOperand(0);
    }
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    if (parts.empty())
      return rewriter.notifyMatchFailure(op, "no choice");
    parts.push_back(matchPart(next, op.getRegion(), *dim, offset));
    if (!parts.back() ||
        cast<RankedTensorType>(parts.back().getType()).getDimSize(*dim) !=
            type.getDimSize(*dim) - offset)
      return rewriter.notifyMatchFailure(op, "reads something else");
    for (Value part : parts)
      for (int64_t other = 0; other < type.getRank(); ++other)
        if (other != *dim && !(getExtent(part, other) ==
                               getExtent(op.getDpsInits().front(), other)))
          return rewriter.notifyMatchFailure(op, "parts of other sizes");
    for (Value &part : parts) {
      auto partType = cast<RankedTensorType>(part.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape[*dim] = partType.getDimSize(*dim);
      auto like = RankedTensorType::get(shape, type.getElementType());
      if (like != partType)
        part = tensor::CastOp::create(rewriter, op.getLoc(), like, part);
    }
    rewriter.replaceOpWithNewOp<tensor::ConcatOp>(op, type, *dim, parts);
    return success();
  }
};

/// out[i, j] = a[2, i, j + 3] ==> slice of a
struct SliceByPosition : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  /// What is added to the loop that an index is, and that loop; no loop for a
  /// constant.
  static std::optional<std::pair<int64_t, std::optional<unsigned>>>
  matchIndex(Value index) {
    if (std::optional<int64_t> constant = getConstantIntValue(index))
      return std::pair(*constant, std::optional<unsigned>());
    int64_t offset = 0;
    if (auto sum = index.getDefiningOp<arith::AddIOp>()) {
      bool first = sum.getLhs().getDefiningOp<linalg::IndexOp>() != nullptr;
      auto constant = getConstantIntValue(first ? sum.getRhs() : sum.getLhs());
      if (!constant)
        return std::nullopt;
      offset = *constant;
      index = first ? sum.getLhs() : sum.getRhs();
    }
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (!loop)
      return std::nullopt;
    return std::pair(offset, std::optional<unsigned>(loop.getDim()));
  }

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    Value element = getElement(op);
    auto read = element ? element.getDefiningOp<tensor::ExtractOp>() : nullptr;
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    if (!read || read->getBlock() != op.getBody() ||
        op.getRegion().isAncestor(read.getTensor().getParentRegion()))
      return rewriter.notifyMatchFailure(op, "not an element as it is");
    SmallVector<OpFoldResult> offsets;
    SmallVector<std::optional<unsigned>> loops;
    unsigned next = 0;
    for (auto [dim, index] : llvm::enumerate(read.getIndices())) {
      auto known = matchIndex(index);
      if (!known)
        return rewriter.notifyMatchFailure(op, "at a computed position");
      auto [offset, loop] = *known;
      // A loop that runs once is 0.
      if (!loop && offset == 0 && next < op.getNumLoops() &&
          type.getDimSize(next) == 1)
        loop = next;
      if (loop && *loop != next++)
        return rewriter.notifyMatchFailure(op, "in another order");
      int64_t size = loop ? type.getDimSize(*loop) : 1;
      int64_t all = read.getTensor().getType().getDimSize(dim);
      bool isInside = !ShapedType::isDynamic(size) &&
                      !ShapedType::isDynamic(all) && offset >= 0 &&
                      offset <= all - size;
      if (!isInside && !(offset == 0 && ShapedType::isDynamic(size)))
        return rewriter.notifyMatchFailure(op, "may reach outside");
      offsets.push_back(rewriter.getIndexAttr(offset));
      loops.push_back(loop);
    }
    if (next != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "repeats elements");
    SmallVector<OpFoldResult> sizes;
    for (std::optional<unsigned> loop : loops)
      sizes.push_back(loop ? tensor::getMixedSize(rewriter, op.getLoc(),
                                                  op.getDpsInits().front(),
                                                  *loop)
                           : OpFoldResult(rewriter.getIndexAttr(1)));
    SmallVector<OpFoldResult> strides(offsets.size(), rewriter.getIndexAttr(1));
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        op, type, read.getTensor(), offsets, sizes, strides);
    return success();
  }
};

} // namespace

void moe::populateReadsByPosition(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ReadAtConstant, ReadOfConcatenation, ConcatenateByPosition,
               SliceByPosition>(context);
  scf::IfOp::getCanonicalizationPatterns(patterns, context);
  arith::IndexCastOp::getCanonicalizationPatterns(patterns, context);
}
