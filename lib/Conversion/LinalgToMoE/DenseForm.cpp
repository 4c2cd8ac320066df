//===- DenseForm.cpp - One form for what front ends write -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's patterns, and some of our own: loops that a value does not depend
// on are left out, and sums over experts leave contractions.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Extents.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

void moe::generalizeNamedOps(func::FuncOp function) {
  SmallVector<linalg::LinalgOp> named;
  function.walk([&](linalg::LinalgOp op) {
    if (op.hasPureTensorSemantics() &&
        !isa<linalg::GenericOp, linalg::FillOp>(op))
      named.push_back(op);
  });
  IRRewriter rewriter(function.getContext());
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    // What cannot be generalized is not raised.
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
}

namespace {

/// out[i, j] = f(a[i]) ==> t[i] = f(a[i]); out[i, j] = t[i]
struct LeaveOutLoops : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops() || isCopy(op) ||
        !op.getIndexingMapsArray().back().isPermutation() ||
        !op.getRegionOutputArgs().front().use_empty())
      return rewriter.notifyMatchFailure(op, "not a parallel operation");
    llvm::SmallBitVector used(op.getNumLoops());
    for (OpOperand *input : op.getDpsInputOperands())
      for (AffineExpr index : op.getMatchingIndexingMap(input).getResults())
        index.walk([&](AffineExpr e) {
          if (auto dim = dyn_cast<AffineDimExpr>(e))
            used.set(dim.getPosition());
        });
    op.getBody()->walk(
        [&](linalg::IndexOp index) { used.set(index.getDim()); });
    // A number that is the same everywhere is a splat or soon will be.
    if (used.all() || used.none())
      return rewriter.notifyMatchFailure(op, "depends on all loops");
    bool captures = false;
    op.getBody()->walk(
        [&](Operation *nested) { captures |= isa<tensor::ExtractOp>(nested); });
    if (captures)
      return rewriter.notifyMatchFailure(op, "reads a tensor as a whole");

    SmallVector<AffineExpr> newDims(op.getNumLoops(),
                                    rewriter.getAffineConstantExpr(0));
    SmallVector<int64_t> newNumbers(op.getNumLoops(), 0);
    unsigned loops = used.count(), next = 0;
    for (unsigned loop : used.set_bits()) {
      newNumbers[loop] = next;
      newDims[loop] = rewriter.getAffineDimExpr(next++);
    }
    SmallVector<AffineMap> maps;
    for (OpOperand *input : op.getDpsInputOperands())
      maps.push_back(op.getMatchingIndexingMap(input).replaceDimsAndSymbols(
          newDims, {}, loops, 0));
    maps.push_back(rewriter.getMultiDimIdentityMap(loops));
    AffineMap out = op.getIndexingMapsArray().back();
    Value init = op.getDpsInits().front();
    SmallVector<OpFoldResult> sizes(loops);
    SmallVector<AffineExpr> kept(loops);
    for (auto [dim, expr] : llvm::enumerate(out.getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      if (used.test(loop))
        sizes[newNumbers[loop]] =
            tensor::getMixedSize(rewriter, op.getLoc(), init, dim);
    }
    for (unsigned loop : used.set_bits())
      kept[newNumbers[loop]] = rewriter.getAffineDimExpr(loop);
    Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), sizes,
                                          getElementTypeOrSelf(init.getType()));
    SmallVector<utils::IteratorType> parallel(loops,
                                              utils::IteratorType::parallel);
    auto small = linalg::GenericOp::create(
        rewriter, op.getLoc(), TypeRange{empty.getType()}, op.getInputs(),
        ValueRange{empty}, maps, parallel);
    rewriter.cloneRegionBefore(op.getRegion(), small.getRegion(),
                               small.getRegion().end());
    small.getBody()->walk([&](linalg::IndexOp index) {
      rewriter.modifyOpInPlace(
          index, [&] { index.setDim(newNumbers[index.getDim()]); });
    });
    auto wide = AffineMap::get(op.getNumLoops(), 0, kept, op.getContext());
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, op.getResultTypes(), ValueRange{small.getResult(0)},
        ValueRange{init}, ArrayRef{wide, out}, op.getIteratorTypesArray(),
        [](OpBuilder &b, Location loc, ValueRange args) {
          linalg::YieldOp::create(b, loc, args.front());
        });
    return success();
  }
};

/// The size of an empty tensor is what it was made with, so that what is made
/// alike is the same operation. Upstream has this among other patterns.
struct SizeOfEmpty : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::DimOp op,
                                PatternRewriter &rewriter) const override {
    auto empty = op.getSource().getDefiningOp<tensor::EmptyOp>();
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!empty || !dim || !empty.getType().isDynamicDim(*dim))
      return rewriter.notifyMatchFailure(op, "not of an empty tensor");
    rewriter.replaceOp(op, empty.getDynamicSize(*dim));
    return success();
  }
};

/// A dimension of extent 1 that is read at 0 is left out of the operand.
struct LeaveOutUnits : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "not on tensors");
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> inputs(op.getInputs());
    bool changed = false;
    for (auto [input, map] : llvm::zip(inputs, maps)) {
      auto type = dyn_cast<RankedTensorType>(input.getType());
      if (!type)
        continue;
      SmallVector<AffineExpr> kept;
      SmallVector<ReassociationIndices> groups;
      ReassociationIndices leading;
      for (auto [dim, index] : llvm::enumerate(map.getResults())) {
        bool unit = isa<AffineConstantExpr>(index) && type.getDimSize(dim) == 1;
        if (!unit) {
          kept.push_back(index);
          groups.push_back(leading);
          groups.back().push_back(dim);
          leading.clear();
        } else if (groups.empty()) {
          leading.push_back(dim);
        } else {
          groups.back().push_back(dim);
        }
      }
      if (kept.size() == map.getNumResults())
        continue;
      changed = true;
      input =
          tensor::CollapseShapeOp::create(rewriter, op.getLoc(), input, groups);
      map = AffineMap::get(map.getNumDims(), 0, kept, op.getContext());
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "reads no unit at 0");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable().assign(inputs);
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
    return success();
  }
};

/// An operand that was only given dimensions of extent 1 is read without them.
struct ReadWithoutUnits : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "not on tensors");
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto expand = input->get().getDefiningOp<tensor::ExpandShapeOp>();
      if (!expand)
        continue;
      AffineMap map = op.getMatchingIndexingMap(input);
      RankedTensorType wide = expand.getResultType();
      SmallVector<AffineExpr> kept;
      bool unitsOnly = true;
      for (const ReassociationIndices &group :
           expand.getReassociationIndices()) {
        SmallVector<int64_t> real;
        for (int64_t dim : group)
          if (wide.getDimSize(dim) != 1)
            real.push_back(dim);
        unitsOnly &= real.size() <= 1;
        kept.push_back(map.getResult(real.empty() ? group.front() : real[0]));
      }
      if (!unitsOnly || kept.size() == map.getNumResults())
        continue;
      SmallVector<AffineMap> maps = op.getIndexingMapsArray();
      maps[input->getOperandNumber()] =
          AffineMap::get(map.getNumDims(), 0, kept, op.getContext());
      // Other operands tell how often each loop runs.
      if (!inversePermutation(concatAffineMaps(maps, op.getContext())))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        input->set(expand.getSrc());
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand with added units");
  }
};

/// slice(collapse(x)) ==> collapse(slice(x)), where what is collapsed is taken
/// as a whole.
struct SliceBeforeCollapse : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto collapse = op.getSource().getDefiningOp<tensor::CollapseShapeOp>();
    if (!collapse || op.getDroppedDims().any() ||
        !collapse.getSrcType().hasStaticShape() ||
        !op.getType().hasStaticShape())
      return rewriter.notifyMatchFailure(op, "no static slice of a collapse");
    RankedTensorType wide = collapse.getSrcType();
    SmallVector<OpFoldResult> offsets(wide.getRank(), rewriter.getIndexAttr(0)),
        strides(wide.getRank(), rewriter.getIndexAttr(1)),
        sizes = tensor::getMixedSizes(rewriter, op.getLoc(), collapse.getSrc());
    for (auto [dim, group] :
         llvm::enumerate(collapse.getReassociationIndices())) {
      if (op.getType().getDimSize(dim) == op.getSourceType().getDimSize(dim))
        continue;
      int64_t real = group.front(), count = 0;
      for (int64_t position : group)
        if (wide.getDimSize(position) != 1) {
          real = position;
          ++count;
        }
      if (count > 1)
        return rewriter.notifyMatchFailure(op, "takes part of a collapse");
      offsets[real] = op.getMixedOffsets()[dim];
      strides[real] = op.getMixedStrides()[dim];
      sizes[real] = op.getMixedSizes()[dim];
    }
    Value slice = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), collapse.getSrc(), offsets, sizes, strides);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, op.getType(), slice, collapse.getReassociationIndices());
    return success();
  }
};

/// slice(f(x)), where nothing but such slices of one expert each is read
/// ==> f(slice(x)); a copy is no work whoever reads it
struct SliceBeforeWork : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  /// The dimension along which one element is taken, of all of the others.
  static std::optional<int64_t> getExpertDim(tensor::ExtractSliceOp op) {
    std::optional<int64_t> expert;
    for (int64_t dim = 0; dim < op.getSourceType().getRank(); ++dim) {
      OpFoldResult size = op.getMixedSizes()[dim];
      if (!isConstantIntValue(op.getMixedStrides()[dim], 1))
        return std::nullopt;
      if (isConstantIntValue(op.getMixedOffsets()[dim], 0) &&
          getExtent(op.getSource(), dim) == getExtent(size))
        continue;
      if (expert || !isConstantIntValue(size, 1) ||
          op.getSourceType().isDynamicDim(dim) ||
          !getConstantIntValue(op.getMixedOffsets()[dim]))
        return std::nullopt;
      expert = dim;
    }
    return expert;
  }

  /// Whether it does more than to leave out dimensions of extent 1.
  static bool takesPart(tensor::ExtractSliceOp op) {
    return llvm::any_of(llvm::seq(op.getSourceType().getRank()),
                        [&](int64_t dim) {
                          return !(getExtent(op.getSource(), dim) ==
                                   getExtent(op.getMixedSizes()[dim]));
                        });
  }

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto work = op.getSource().getDefiningOp<linalg::GenericOp>();
    if (!work || work->getNumResults() != 1 || !work.hasPureTensorSemantics() ||
        !isMemoryEffectFree(work) || work->getParentOfType<DispatchOp>())
      return rewriter.notifyMatchFailure(op, "not of work");
    if (isCopy(work) && op.hasUnitStride() && takesPart(op))
      return slice(op, rewriter);
    std::optional<int64_t> dim = getExpertDim(op);
    if (!dim)
      return rewriter.notifyMatchFailure(op, "not of one expert");
    // A number for each row is a column, not the work of an expert.
    if (llvm::count_if(op.getType().getShape(),
                       [](int64_t size) { return size != 1; }) < 2)
      return rewriter.notifyMatchFailure(op, "has no rows");
    for (Operation *user : work->getUsers()) {
      auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
      if (!isa<tensor::DimOp>(user) && (!slice || getExpertDim(slice) != dim))
        return rewriter.notifyMatchFailure(op, "is also read as a whole");
    }
    return slice(op, rewriter);
  }

  static LogicalResult slice(tensor::ExtractSliceOp op,
                             PatternRewriter &rewriter) {
    FailureOr<TilingResult> part = tensor::replaceExtractSliceWithTiledProducer(
        rewriter, op, cast<OpResult>(op.getSource()));
    if (failed(part))
      return rewriter.notifyMatchFailure(op, "is not taken apart");
    rewriter.replaceOp(op, part->tiledValues);
    return success();
  }
};

/// split (join x), where both are the same but for units ==> the units only
struct SplitAsJoined : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    auto collapse = op.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
    if (!collapse)
      return rewriter.notifyMatchFailure(op, "not of a collapse");
    RankedTensorType joined = collapse.getSrcType(), split = op.getResultType();
    SmallVector<ReassociationIndices> units, others;
    SmallVector<int64_t> shape;
    bool several = false;
    for (auto [from, to] : llvm::zip_equal(collapse.getReassociationIndices(),
                                           op.getReassociationIndices())) {
      // Each dimension of the middle takes the units before it along, the last
      // one those that follow as well.
      auto parts = [](ArrayRef<int64_t> group, RankedTensorType type) {
        SmallVector<ReassociationIndices> result;
        ReassociationIndices leading;
        for (int64_t dim : group) {
          leading.push_back(dim);
          if (type.getDimSize(dim) != 1) {
            result.push_back(leading);
            leading.clear();
          }
        }
        if (result.empty())
          result.push_back(leading);
        else
          llvm::append_range(result.back(), leading);
        return result;
      };
      auto real = [](ArrayRef<int64_t> group, RankedTensorType type) {
        for (int64_t dim : group)
          if (type.getDimSize(dim) != 1)
            return type.getDimSize(dim);
        return int64_t(1);
      };
      auto mine = parts(from, joined), theirs = parts(to, split);
      if (mine.size() != theirs.size())
        return rewriter.notifyMatchFailure(op, "splits in another way");
      unsigned dynamic = 0;
      for (auto [a, b] : llvm::zip_equal(mine, theirs)) {
        if (real(a, joined) != real(b, split))
          return rewriter.notifyMatchFailure(op, "splits in another way");
        dynamic += ShapedType::isDynamic(real(a, joined));
        shape.push_back(real(a, joined));
      }
      if (dynamic > 1)
        return rewriter.notifyMatchFailure(op, "several unknown sizes");
      several |= mine.size() > 1;
      llvm::append_range(units, mine);
      llvm::append_range(others, theirs);
    }
    if (!several)
      return rewriter.notifyMatchFailure(op, "nothing is split");
    auto middle = RankedTensorType::get(shape, joined.getElementType());
    Value value = collapse.getSrc();
    if (middle != joined)
      value = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), middle,
                                              value, units);
    if (middle != split)
      value = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), split, value,
                                            others, op.getMixedOutputShape());
    rewriter.replaceOp(op, value);
    return success();
  }
};

} // namespace

void moe::eraseDeadOperations(func::FuncOp function) {
  // What a dead body captures is dead once that body is gone.
  IRRewriter rewriter(function.getContext());
  while (succeeded(runRegionDCE(rewriter, function->getRegions()))) {
  }
}

LogicalResult moe::bringIntoDenseForm(func::FuncOp function, bool splitSums,
                                      bool tellApart) {
  generalizeNamedOps(function);
  MLIRContext *context = function.getContext();
  GreedyRewriteConfig config;
  config.enableFolding(true);
  if (failed(takeApart(function)))
    return failure();
  RewritePatternSet patterns(context);
  linalg::populateElementwiseOpsFusionPatterns(
      patterns, [](OpOperand *operand) {
        Operation *producer = operand->get().getDefiningOp();
        return producer && isCopy(producer);
      });
  if (tellApart) {
    // A collapse of tokens and experts moves behind what is computed from it,
    // until an expansion undoes it.
    linalg::populateFoldReshapeOpsByExpansionPatterns(
        patterns, [](OpOperand *operand) {
          auto collapse =
              operand->get().getDefiningOp<tensor::CollapseShapeOp>();
          return collapse &&
                 llvm::any_of(
                     collapse.getReassociationIndices(),
                     [&](const ReassociationIndices &group) {
                       return llvm::count_if(group, [&](int64_t dim) {
                                return collapse.getSrcType().getDimSize(dim) !=
                                       1;
                              }) > 1;
                     });
        });
  }
  tensor::populateReassociativeReshapeFoldingPatterns(patterns);
  tensor::populateBubbleUpExpandShapePatterns(patterns);
  tensor::populateFoldTensorEmptyPatterns(patterns);
  linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
  tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
  tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
  // Not those of tensor.empty: a cast to a static size would be undone by the
  // fusion of elementwise operations, again and again.
  tensor::DimOp::getCanonicalizationPatterns(patterns, context);
  populateReadsByPosition(patterns);
  populateStacks(patterns);
  patterns
      .add<LeaveOutLoops, LeaveOutUnits, ReadWithoutUnits, SliceBeforeCollapse,
           SliceBeforeWork, SizeOfEmpty, SplitAsJoined>(context);
  // What has not settled yet is as right as what has.
  (void)applyPatternsGreedily(function, std::move(patterns), config);
  if (splitSums) {
    RewritePatternSet sums(context);
    populateSplitSums(sums);
    populateSumsOfStacks(sums);
    if (failed(applyPatternsGreedily(function, std::move(sums), config)))
      return failure();
  }
  IRRewriter rewriter(context);
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
  return success();
}
