//===- SplitSums.cpp - Sums over experts apart from contractions ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask tells which of the loops that a contraction adds up over is that of
// the experts.
//
// A contraction over experts and features becomes one for each expert, and a
// sum over experts. Where no expert is moved that is more work, not less: it is
// taken back.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Masks.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// sum over e, f of a[e, t, f] * w[e, f, h], where a is masked for each e and t
/// ==> y[t, h, e] = sum over f; sum over e of y
/// sum over e of m[t, e] * y[e, t, h], where m is a mask
/// ==> z[t, h, e] = m[t, e] * y[e, t, h]; sum over e of z
struct SplitSum : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  static llvm::SmallBitVector loopsOf(AffineMap map) {
    llvm::SmallBitVector loops(map.getNumDims());
    for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
      if (map.isFunctionOfDim(dim))
        loops.set(dim);
    return loops;
  }

  /// The loop over experts, if the mask of a factor tells it.
  static std::optional<unsigned> findExperts(const Sum &sum) {
    // What a mask needs of the other factor is known then.
    if (llvm::any_of(sum.factors, [](OpOperand *factor) {
          return isa_and_present<WhereOp>(factor->get().getDefiningOp());
        }))
      return std::nullopt;
    linalg::GenericOp op = sum.generic;
    MaskAnalysis masks;
    llvm::SmallBitVector reductions(op.getNumLoops()), units(op.getNumLoops());
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
      if (type == utils::IteratorType::reduction)
        (ranges[loop] == 1 ? units : reductions).set(loop);
    for (size_t i : {0, 1}) {
      AffineMap map = op.getMatchingIndexingMap(sum.factors[i]);
      AffineMap other = op.getMatchingIndexingMap(sum.factors[1 - i]);
      if (!map.isProjectedPermutation(true) ||
          !other.isProjectedPermutation(true))
        continue;
      // The mask itself, or what it multiplies or selects.
      SmallVector<std::pair<Value, AffineMap>> candidates{
          {sum.factors[i]->get(), map}};
      if (auto producer =
              matchElementwise(sum.factors[i]->get().getDefiningOp())) {
        AffineMap inner =
            inversePermutation(producer->generic.getIndexingMapsArray().back());
        for (const ScalarOperand &operand : producer->operands)
          if (operand.tensor && !operand.constant)
            candidates.emplace_back(operand.tensor,
                                    operand.map.compose(inner).compose(map));
      }
      for (auto [mask, position] : candidates) {
        llvm::SmallBitVector experts = loopsOf(position);
        experts &= reductions;
        llvm::SmallBitVector tokens = loopsOf(position);
        tokens.reset(reductions);
        tokens.reset(units);
        bool single = reductions.count() == 1;
        // A mask scales rows: what it multiplies has all its dimensions. An
        // activation that may be zero is no mask of a matrix.
        llvm::SmallBitVector own = loopsOf(position);
        own.reset(units);
        bool scales = !own.test(loopsOf(other));
        if (experts.count() != 1 || tokens.none() ||
            (single && (!scales || mask != sum.factors[i]->get())) ||
            !masks.isMask(mask))
          continue;
        return experts.find_first();
      }
    }
    return std::nullopt;
  }

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = matchSum(op);
    if (!sum || sum->factors.size() != 2)
      return rewriter.notifyMatchFailure(op, "not a contraction");
    std::optional<unsigned> experts = findExperts(*sum);
    if (!experts)
      return rewriter.notifyMatchFailure(op, "no mask over experts");
    AffineMap out = op.getIndexingMapsArray().back();
    Value init = op.getDpsInits().front();
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, init);
    // The number of experts, from the factor that has it.
    for (OpOperand *factor : sum->factors)
      for (auto [dim, expr] :
           llvm::enumerate(op.getMatchingIndexingMap(factor).getResults()))
        if (expr == rewriter.getAffineDimExpr(*experts) &&
            sizes.size() == out.getNumResults())
          sizes.push_back(
              tensor::getMixedSize(rewriter, loc, factor->get(), dim));
    Type element = getElementTypeOrSelf(init.getType());
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    iterators[*experts] = utils::IteratorType::parallel;
    SmallVector<AffineMap> maps;
    SmallVector<Value> inputs;
    for (OpOperand *factor : sum->factors) {
      inputs.push_back(factor->get());
      maps.push_back(op.getMatchingIndexingMap(factor));
    }
    maps.push_back(out.insertResult(rewriter.getAffineDimExpr(*experts),
                                    out.getNumResults()));
    bool contraction = op.getNumReductionLoops() > 1;
    Value zeros =
        contraction
            ? createSplat(rewriter, loc, sizes, rewriter.getZeroAttr(element))
            : tensor::EmptyOp::create(rewriter, loc, sizes, element);
    auto terms = linalg::GenericOp::create(
        rewriter, loc, TypeRange{zeros.getType()}, inputs, ValueRange{zeros},
        maps, iterators, [&](OpBuilder &b, Location loc, ValueRange args) {
          Value term = arith::MulFOp::create(b, loc, args[0], args[1]);
          if (contraction)
            term = arith::AddFOp::create(b, loc, args[2], term);
          linalg::YieldOp::create(b, loc, term);
        });
    int64_t rank = sizes.size();
    SmallVector<utils::IteratorType> outer(rank, utils::IteratorType::parallel);
    outer.back() = utils::IteratorType::reduction;
    AffineMap all = rewriter.getMultiDimIdentityMap(rank);
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, op.getResultTypes(), ValueRange{terms.getResult(0)},
        ValueRange{init}, ArrayRef{all, all.dropResult(rank - 1)}, outer,
        [](OpBuilder &b, Location loc, ValueRange args) {
          Value total = arith::AddFOp::create(b, loc, args[1], args[0]);
          linalg::YieldOp::create(b, loc, total);
        });
    return success();
  }
};

} // namespace

void moe::populateSplitSums(RewritePatternSet &patterns) {
  patterns.add<SplitSum>(patterns.getContext());
}

/// The operation that `sum`, over its last loop, adds up the results of, if it
/// multiplies two tensors, and the map of its result.
static linalg::GenericOp getProducts(linalg::GenericOp sum) {
  auto outer = matchSum(sum);
  if (!outer || outer->factors.size() != 1 || sum.getNumReductionLoops() != 1)
    return nullptr;
  AffineMap all =
      AffineMap::getMultiDimIdentityMap(sum.getNumLoops(), sum.getContext());
  Value terms = outer->factors.front()->get();
  auto products = terms.getDefiningOp<linalg::GenericOp>();
  if (!products || !terms.hasOneUse() || products->getNumResults() != 1 ||
      sum.getMatchingIndexingMap(outer->factors.front()) != all ||
      sum.getIndexingMapsArray().back() !=
          all.dropResult(sum.getNumLoops() - 1))
    return nullptr;
  if (auto inner = matchSum(products))
    return inner->factors.size() == 2 ? products : nullptr;
  auto product = matchElementwise(products);
  bool ofTensors = product && isa<arith::MulFOp>(product->scalar) &&
                   llvm::all_of(product->operands, [](auto &operand) {
                     return operand.tensor != nullptr;
                   });
  return ofTensors ? products : nullptr;
}

void moe::joinSums(func::FuncOp function) {
  SmallVector<linalg::GenericOp> sums;
  function.walk([&](linalg::GenericOp op) { sums.push_back(op); });
  IRRewriter rewriter(function.getContext());
  for (linalg::GenericOp sum : sums) {
    linalg::GenericOp products = getProducts(sum);
    if (!products)
      continue;
    SmallVector<AffineMap> maps = products.getIndexingMapsArray();
    auto experts = dyn_cast<AffineDimExpr>(maps.back().getResults().back());
    if (!experts || !maps.back().isProjectedPermutation())
      continue;
    maps.back() = maps.back().dropResult(maps.back().getNumResults() - 1);
    SmallVector<utils::IteratorType> loops = products.getIteratorTypesArray();
    loops[experts.getPosition()] = utils::IteratorType::reduction;
    // The operands of the product, in the order of its inputs.
    Operation *product = nullptr;
    for (Operation &scalar : *products.getBody())
      if (isa<arith::MulFOp>(scalar))
        product = &scalar;
    rewriter.setInsertionPoint(sum);
    auto joined = linalg::GenericOp::create(
        rewriter, sum.getLoc(), sum.getResultTypes(), products.getInputs(),
        sum.getDpsInits(), maps, loops,
        [&](OpBuilder &b, Location loc, ValueRange args) {
          IRMapping mapping;
          mapping.map(products.getBody()->getArguments().drop_back(),
                      args.drop_back());
          Value term = b.clone(*product, mapping)->getResult(0);
          Value total = arith::AddFOp::create(b, loc, args.back(), term);
          linalg::YieldOp::create(b, loc, total);
        });
    rewriter.replaceOp(sum, joined);
    rewriter.eraseOp(products);
  }
}
