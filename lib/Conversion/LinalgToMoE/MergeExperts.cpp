//===- MergeExperts.cpp - Like experts become a family --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares each body with the first; what they read from outside may differ.
//
//===----------------------------------------------------------------------===//

#include "ExpertTerms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::moe;

/// For each value that the first body reads from outside, what the others read
/// in its place, by expert.
using Captures = llvm::MapVector<Value, SmallVector<Value>>;

static bool isOutside(Value value, Region &region) {
  return !region.isAncestor(value.getParentRegion());
}

/// Slices that take part e of a stack for expert e read their offset from
/// outside, where experts may differ. What is not merged gets it back when it
/// is simplified.
static void readOffsets(RewriterBase &rewriter, DispatchOp dispatch) {
  int64_t count = dispatch.getExperts().size();
  for (auto [expert, body] : llvm::enumerate(dispatch.getExperts()))
    for (auto slice :
         llvm::make_early_inc_range(body.getOps<tensor::ExtractSliceOp>())) {
      SmallVector<OpFoldResult> offsets = slice.getMixedOffsets();
      for (auto [dim, offset] : llvm::enumerate(offsets)) {
        if (slice.getSourceType().getDimSize(dim) != count ||
            slice.getStaticSizes()[dim] != 1 ||
            !isConstantIntValue(offset, expert))
          continue;
        rewriter.setInsertionPoint(dispatch);
        offset =
            arith::ConstantIndexOp::create(rewriter, slice.getLoc(), expert)
                .getResult();
        break;
      }
      rewriter.setInsertionPoint(slice);
      rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
          slice, slice.getType(), slice.getSource(), offsets,
          slice.getMixedSizes(), slice.getMixedStrides());
    }
}

/// Whether one value may be picked in place of the other: a tensor, or the
/// number of an expert.
static bool isPickable(Value first, Value other, size_t expert) {
  if (first.getType().isIndex())
    return isConstantIntValue(first, 0) && isConstantIntValue(other, expert);
  auto type = dyn_cast<RankedTensorType>(first.getType());
  return type && type.hasStaticShape() && other.getType() == type;
}

static bool isLike(Region &first, Region &other, Captures &captures,
                   size_t expert) {
  llvm::DenseMap<Value, Value> inside;
  auto check = [&](Value a, Value b) -> LogicalResult {
    if (!isOutside(a, first))
      return success(inside.lookup(a) == b);
    if (!isOutside(b, other) || (a != b && !isPickable(a, b, expert)))
      return failure();
    SmallVector<Value> &reads = captures[a];
    if (reads.empty())
      reads.push_back(a);
    if (reads.size() == expert)
      reads.push_back(b);
    return success(reads.size() == expert + 1 && reads.back() == b);
  };
  return OperationEquivalence::isRegionEquivalentTo(
      &first, &other, check, [&](Value a, Value b) { inside[a] = b; },
      OperationEquivalence::IgnoreLocations);
}

static void merge(DispatchOp dispatch) {
  MutableArrayRef<Region> bodies = dispatch.getExperts();
  if (bodies.size() < 2)
    return;
  IRRewriter rewriter(dispatch);
  readOffsets(rewriter, dispatch);
  Captures captures;
  for (size_t expert = 1; expert < bodies.size(); ++expert)
    if (!isLike(bodies.front(), bodies[expert], captures, expert))
      return;
  rewriter.setInsertionPoint(dispatch);
  auto family =
      DispatchOp::create(rewriter, dispatch.getLoc(), dispatch.getResultTypes(),
                         dispatch.getTokens(), dispatch.getRouting(), 1u);
  family->setDiscardableAttrs(dispatch->getDiscardableAttrDictionary());
  Region &body = family.getExperts().front();
  body.takeBody(bodies.front());
  BlockArgument number =
      body.insertArgument(0u, rewriter.getIndexType(), dispatch.getLoc());
  rewriter.setInsertionPointToStart(&body.front());
  for (auto &[value, reads] : captures) {
    if (llvm::all_equal(reads))
      continue;
    Value own = number;
    if (!value.getType().isIndex())
      own = PickOp::create(rewriter, value.getLoc(), value.getType(), number,
                           reads);
    rewriter.replaceUsesWithIf(value, own, [&](OpOperand &use) {
      return !isa<PickOp>(use.getOwner()) &&
             body.isAncestor(use.getOwner()->getParentRegion());
    });
  }
  rewriter.replaceOp(dispatch, family);
}

void moe::mergeLikeExperts(func::FuncOp function) {
  SmallVector<DispatchOp> dispatches;
  function.walk([&](DispatchOp dispatch) { dispatches.push_back(dispatch); });
  for (DispatchOp dispatch : dispatches)
    merge(dispatch);
}
