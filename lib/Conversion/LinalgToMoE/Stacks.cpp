//===- Stacks.cpp - Results of experts side by side -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each part has an extent of 1 along the dimension of experts.
//
// A stack is a concatenation of parts of one expert each. Experts that were
// stacked to be added up again are taken one by one.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "Where.h"
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

/// sum over e of f((concat a, b)[t, e, h], m[t, e])
/// ==> f(a[t, h], m[t, 0]) + f(b[t, h], m[t, 1])
/// A contraction counts as well, if one factor is a mask: others have parts
/// that are best multiplied at once.
struct SumOfParts : OpRewritePattern<linalg::GenericOp> {
  SumOfParts(MLIRContext *context, bool contractions)
      : OpRewritePattern(context, /*benefit=*/2), contractions(contractions) {}

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = matchSum(op);
    if (!sum || op.getNumReductionLoops() != 1 ||
        (sum->factors.size() == 2) != contractions ||
        op->getParentOfType<DispatchOp>())
      return rewriter.notifyMatchFailure(op, "not a sum of that kind");
    SmallVector<unsigned> reductions;
    op.getReductionDims(reductions);
    unsigned loop = reductions.front();
    std::optional<int64_t> parts;
    for (OpOperand *factor : sum->factors) {
      std::optional<int64_t> dim = getDimOf(op, factor, loop);
      if (!dim)
        return rewriter.notifyMatchFailure(op, "not read by the loop");
      if (!parts)
        parts = countParts(factor->get(), *dim);
    }
    if (!parts)
      return rewriter.notifyMatchFailure(op, "not of parts of one expert each");
    if (contractions && llvm::none_of(sum->factors, [](OpOperand *factor) {
          return MaskAnalysis().isMask(factor->get());
        }))
      return rewriter.notifyMatchFailure(op, "no mask");
    Value total;
    for (int64_t part = 0; part < *parts; ++part)
      total = addPart(rewriter, op, *sum, loop, part, total);
    rewriter.replaceOp(op, total);
    return success();
  }

private:
  bool contractions;

  /// The dimension of an operand that `loop` alone indexes.
  static std::optional<int64_t> getDimOf(linalg::GenericOp op,
                                         OpOperand *operand, unsigned loop) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!map.isProjectedPermutation())
      return std::nullopt;
    std::optional<unsigned> dim =
        map.getResultPosition(getAffineDimExpr(loop, op.getContext()));
    return dim ? std::optional<int64_t>(*dim) : std::nullopt;
  }

  /// An operation on elements alone, in the order of its result.
  static linalg::GenericOp getElementwise(Value value) {
    auto op = value.getDefiningOp<linalg::GenericOp>();
    bool is = op && op->getNumResults() == 1 && op.hasPureTensorSemantics() &&
              op.getNumParallelLoops() == op.getNumLoops() &&
              op.getIndexingMapsArray().back().isIdentity() &&
              op.getRegionOutputArgs().front().use_empty() &&
              isMemoryEffectFree(op) && getOnlyReader(value) &&
              op.getBody()->getOps<linalg::IndexOp>().empty() &&
              llvm::all_of(op.getDpsInputs(), [](Value input) {
                return isa<RankedTensorType>(input.getType());
              });
    return is ? op : nullptr;
  }

  /// How many parts of extent 1 along `dim` a value is made of.
  static std::optional<int64_t> countParts(Value value, int64_t dim,
                                           unsigned depth = 0) {
    constexpr unsigned kMaxDepth = 16;
    if (auto concat = value.getDefiningOp<tensor::ConcatOp>()) {
      if (int64_t(concat.getDim()) != dim ||
          llvm::any_of(concat.getInputs(), [&](Value part) {
            return cast<RankedTensorType>(part.getType()).getDimSize(dim) != 1;
          }))
        return std::nullopt;
      return concat.getInputs().size();
    }
    linalg::GenericOp op = getElementwise(value);
    if (!op || depth == kMaxDepth)
      return std::nullopt;
    for (OpOperand *input : op.getDpsInputOperands())
      if (auto own = getDimOf(op, input, dim))
        if (auto parts = countParts(input->get(), *own, depth + 1))
          return parts;
    return std::nullopt;
  }

  /// `map` where `loop` is left out.
  static AffineMap without(AffineMap map, unsigned loop) {
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
      dims.push_back(getAffineDimExpr(dim - (dim > loop), map.getContext()));
    SmallVector<AffineExpr> results;
    for (AffineExpr result : map.getResults())
      if (result != getAffineDimExpr(loop, map.getContext()))
        results.push_back(result.replaceDims(dims));
    return AffineMap::get(map.getNumDims() - 1, 0, results, map.getContext());
  }

  /// Part `number` of a value along `dim`, without that dimension.
  static Value getPart(PatternRewriter &rewriter, Value value, int64_t dim,
                       int64_t number) {
    Location loc = value.getLoc();
    auto type = cast<RankedTensorType>(value.getType());
    if (countParts(value, dim)) {
      if (auto concat = value.getDefiningOp<tensor::ConcatOp>())
        return slice(rewriter, concat.getInputs()[number], dim, 0);
      auto op = value.getDefiningOp<linalg::GenericOp>();
      SmallVector<Value> inputs;
      SmallVector<AffineMap> maps;
      for (OpOperand *input : op.getDpsInputOperands()) {
        auto own = getDimOf(op, input, dim);
        inputs.push_back(own ? getPart(rewriter, input->get(), *own, number)
                             : input->get());
        maps.push_back(without(op.getMatchingIndexingMap(input), dim));
      }
      SmallVector<OpFoldResult> sizes =
          tensor::getMixedSizes(rewriter, loc, op.getDpsInits().front());
      sizes.erase(sizes.begin() + dim);
      maps.push_back(rewriter.getMultiDimIdentityMap(sizes.size()));
      Value empty =
          tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
      SmallVector<utils::IteratorType> parallel(sizes.size(),
                                                utils::IteratorType::parallel);
      auto part =
          linalg::GenericOp::create(rewriter, loc, TypeRange{empty.getType()},
                                    inputs, ValueRange{empty}, maps, parallel);
      rewriter.cloneRegionBefore(op.getRegion(), part.getRegion(),
                                 part.getRegion().end());
      return part.getResult(0);
    }
    return slice(rewriter, value, dim, number);
  }

  static Value slice(PatternRewriter &rewriter, Value value, int64_t dim,
                     int64_t number) {
    Location loc = value.getLoc();
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), rewriter.getIndexAttr(0)),
        strides(type.getRank(), rewriter.getIndexAttr(1)),
        sizes = tensor::getMixedSizes(rewriter, loc, value);
    offsets[dim] = rewriter.getIndexAttr(number);
    sizes[dim] = rewriter.getIndexAttr(1);
    SmallVector<int64_t> shape(type.getShape());
    shape.erase(shape.begin() + dim);
    return tensor::ExtractSliceOp::create(
        rewriter, loc, RankedTensorType::get(shape, type.getElementType()),
        value, offsets, sizes, strides);
  }

  static Value addPart(PatternRewriter &rewriter, linalg::GenericOp op,
                       const Sum &sum, unsigned loop, int64_t number,
                       Value total) {
    Location loc = op.getLoc();
    AffineMap out = without(op.getIndexingMapsArray().back(), loop);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *factor : sum.factors) {
      inputs.push_back(getPart(rewriter, factor->get(),
                               *getDimOf(op, factor, loop), number));
      maps.push_back(without(op.getMatchingIndexingMap(factor), loop));
    }
    SmallVector<utils::IteratorType> parallel(out.getNumDims(),
                                              utils::IteratorType::parallel);
    auto make = [&](ValueRange inputs, ArrayRef<AffineMap> maps,
                    llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>
                        payload) {
      Value empty = tensor::EmptyOp::create(
          rewriter, loc,
          tensor::getMixedSizes(rewriter, loc, op.getDpsInits().front()),
          getElementTypeOrSelf(op.getResult(0).getType()));
      SmallVector<AffineMap> all(maps);
      all.push_back(out);
      return linalg::GenericOp::create(
                 rewriter, loc, TypeRange{op.getResult(0).getType()}, inputs,
                 ValueRange{empty}, all, parallel,
                 [&](OpBuilder &b, Location loc, ValueRange args) {
                   linalg::YieldOp::create(b, loc, payload(b, loc, args));
                 })
          .getResult(0);
    };
    Value part =
        make(inputs, maps, [&](OpBuilder &b, Location loc, ValueRange args) {
          return inputs.size() == 1
                     ? args[0]
                     : arith::MulFOp::create(b, loc, args[0], args[1])
                           .getResult();
        });
    if (!total)
      return part;
    return make({total, part}, {out, out},
                [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                  return arith::AddFOp::create(b, loc, args[0], args[1]);
                });
  }
};

} // namespace

void moe::populateStacks(RewritePatternSet &patterns) {
  patterns.add<StackOfParts>(patterns.getContext());
  patterns.add<SumOfParts>(patterns.getContext(), /*contractions=*/false);
}

void moe::populateSumsOfStacks(RewritePatternSet &patterns) {
  // Before a sum is split from its products.
  patterns.add<SumOfParts>(patterns.getContext(), /*contractions=*/true);
}
