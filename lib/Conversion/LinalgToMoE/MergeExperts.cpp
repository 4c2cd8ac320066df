//===- MergeExperts.cpp - Like experts become a family --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares each body with the first; what they read from outside may differ.
//
//===----------------------------------------------------------------------===//

#include "MergeExperts.h"
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

/// Whether one tensor may be picked in place of the other.
static bool isPickable(Value first, Value other) {
  auto type = dyn_cast<RankedTensorType>(first.getType());
  return type && type.hasStaticShape() && other.getType() == type;
}

static bool isLike(Region &first, Region &other, Captures &captures,
                   size_t expert) {
  llvm::DenseMap<Value, Value> inside;
  auto check = [&](Value a, Value b) -> LogicalResult {
    if (!isOutside(a, first))
      return success(inside.lookup(a) == b);
    if (!isOutside(b, other) || (a != b && !isPickable(a, b)))
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
  Captures captures;
  for (size_t expert = 1; expert < bodies.size(); ++expert)
    if (!isLike(bodies.front(), bodies[expert], captures, expert))
      return;
  IRRewriter rewriter(dispatch);
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
    Value pick = PickOp::create(rewriter, value.getLoc(), value.getType(),
                                number, reads);
    rewriter.replaceUsesWithIf(value, pick, [&](OpOperand &use) {
      return use.getOwner() != pick.getDefiningOp() &&
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
