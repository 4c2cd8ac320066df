//===- MergeExperts.cpp - Like experts become a family --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares each body with the first; what they read from outside may differ.
//
//===----------------------------------------------------------------------===//

#include "MergeExperts.h"
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

namespace {

/// Slices of the bodies that take part e of a stack for expert e: by number 0
/// in all of them, until they are merged or what they were again.
class PartsOfStacks {
public:
  explicit PartsOfStacks(MutableArrayRef<Region> bodies);
  ~PartsOfStacks();
  /// Takes the parts of the first body by its number.
  void number(RewriterBase &rewriter, Value expert);

private:
  /// The slice of each expert, and the dimension along which it takes one part.
  struct Part {
    SmallVector<tensor::ExtractSliceOp> slices;
    int64_t dim;
  };
  static std::optional<int64_t>
  findDim(MutableArrayRef<tensor::ExtractSliceOp> slices);
  static void setOffset(tensor::ExtractSliceOp slice, int64_t dim, int64_t to);

  SmallVector<Part> parts;
  bool areMerged = false;
};

} // namespace

std::optional<int64_t>
PartsOfStacks::findDim(MutableArrayRef<tensor::ExtractSliceOp> slices) {
  tensor::ExtractSliceOp first = slices.front();
  for (int64_t dim = 0; dim < first.getSourceType().getRank(); ++dim) {
    bool isPart = first.getStaticSizes()[dim] == 1;
    for (auto [expert, slice] : llvm::enumerate(slices))
      isPart &= slice.getSource() == first.getSource() &&
                slice.getStaticOffsets()[dim] == int64_t(expert);
    if (isPart)
      return dim;
  }
  return std::nullopt;
}

void PartsOfStacks::setOffset(tensor::ExtractSliceOp slice, int64_t dim,
                              int64_t to) {
  SmallVector<int64_t> offsets(slice.getStaticOffsets());
  offsets[dim] = to;
  slice.setStaticOffsets(offsets);
}

PartsOfStacks::PartsOfStacks(MutableArrayRef<Region> bodies) {
  SmallVector<SmallVector<tensor::ExtractSliceOp>> all;
  for (Region &body : bodies) {
    all.emplace_back(body.getOps<tensor::ExtractSliceOp>());
    if (all.back().size() != all.front().size())
      return;
  }
  for (size_t i = 0; i < all.front().size(); ++i) {
    Part part;
    for (ArrayRef<tensor::ExtractSliceOp> slices : all)
      part.slices.push_back(slices[i]);
    std::optional<int64_t> dim = findDim(part.slices);
    if (!dim)
      continue;
    part.dim = *dim;
    for (tensor::ExtractSliceOp slice : part.slices)
      setOffset(slice, part.dim, 0);
    parts.push_back(std::move(part));
  }
}

PartsOfStacks::~PartsOfStacks() {
  if (areMerged)
    return;
  for (const Part &part : parts)
    for (auto [expert, slice] : llvm::enumerate(part.slices))
      setOffset(slice, part.dim, expert);
}

void PartsOfStacks::number(RewriterBase &rewriter, Value expert) {
  areMerged = true;
  for (const Part &part : parts) {
    tensor::ExtractSliceOp slice = part.slices.front();
    SmallVector<OpFoldResult> offsets = slice.getMixedOffsets();
    offsets[part.dim] = expert;
    rewriter.setInsertionPoint(slice);
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        slice, slice.getType(), slice.getSource(), offsets,
        slice.getMixedSizes(), slice.getMixedStrides());
  }
}

static void merge(DispatchOp dispatch) {
  MutableArrayRef<Region> bodies = dispatch.getExperts();
  if (bodies.size() < 2)
    return;
  PartsOfStacks parts(bodies);
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
  parts.number(rewriter, number);
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
