//===- ShareWheres.cpp - Results that one condition chooses ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// %y = where m {f(h)}, %z = where m {g(h)} ==> %y, %z = where m {f(h), g(h)}
//
// What both are computed from is no use of either alone.
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

/// What the values of `where` are computed from in its block, nearest first.
static SetVector<Operation *> getMakers(WhereOp where) {
  constexpr size_t kMaxMakers = 128;
  SetVector<Operation *> makers;
  auto add = [&](Operation *reader) {
    for (Value operand : reader->getOperands())
      if (Operation *maker = operand.getDefiningOp();
          maker && maker->getBlock() == where->getBlock())
        makers.insert(maker);
  };
  for (Region &region : where->getRegions())
    region.walk(add);
  for (size_t i = 0; i < makers.size() && i < kMaxMakers; ++i)
    add(makers[i]);
  return makers;
}

/// Whether both are computed from work that several operations read.
static bool shareWork(WhereOp a, WhereOp b) {
  SetVector<Operation *> first = getMakers(a), second = getMakers(b);
  return llvm::any_of(first, [&](Operation *op) {
    return second.contains(op) && !getOnlyReader(op->getResult(0)) &&
           isa<linalg::LinalgOp>(op) && isWork(op);
  });
}

/// Whether both choose alike, and `later` can do it for both.
static bool canShare(WhereOp earlier, WhereOp later) {
  if (earlier->getBlock() != later->getBlock() ||
      earlier.getMasks() != later.getMasks() ||
      earlier.getAlong() != later.getAlong() ||
      earlier.getImplied() != later.getImplied() || earlier.getImplied() ||
      getStackDim(earlier) || getStackDim(later))
    return false;
  return llvm::all_of(earlier->getUsers(), [&](Operation *user) {
    Operation *own = later->getBlock()->findAncestorOpInBlock(*user);
    return own && later->isBeforeInBlock(own);
  });
}

/// The regions of `from` join those of `to`; one that has none yields zeros.
static WhereOp join(RewriterBase &rewriter, WhereOp from, WhereOp to) {
  rewriter.setInsertionPoint(to);
  SmallVector<Type> types(from.getResultTypes());
  llvm::append_range(types, to.getResultTypes());
  auto both =
      WhereOp::create(rewriter, to.getLoc(), types, to.getMasks(),
                      to.getAlong(), /*implied=*/false, to.getCases().size());
  auto fill = [&](Region &region, Region &first, Region &second) {
    region.takeBody(first);
    YieldOp mine = both.getYield(region), theirs = both.getYield(second);
    SmallVector<Value> values(mine.getOperands());
    llvm::append_range(values, theirs.getOperands());
    rewriter.eraseOp(theirs);
    rewriter.inlineBlockBefore(&second.front(), mine);
    mine->setOperands(values);
  };
  for (auto [region, first, second] :
       llvm::zip_equal(both.getCases(), from.getCases(), to.getCases()))
    fill(region, first, second);
  if (!to.getOtherwise().empty())
    fill(both.getOtherwise(), from.getOtherwise(), to.getOtherwise());
  unsigned first = from.getNumResults();
  from->replaceAllUsesWith(both->getResults().take_front(first));
  rewriter.replaceOp(to, both->getResults().drop_front(first));
  rewriter.eraseOp(from);
  return both;
}

/// Yields zeros where no mask holds, if they are not understood any more.
static LogicalResult addOtherwise(OpBuilder &b, WhereOp where) {
  if (!where.getOtherwise().empty())
    return success();
  Region &first = where.getCases().front();
  OperandRange values = where.getYield(first).getOperands();
  // Sizes are known outside of values that are.
  if (llvm::any_of(values, [&](Value value) {
        return first.isAncestor(value.getParentRegion());
      }))
    return failure();
  OpBuilder::InsertionGuard guard(b);
  Location loc = where.getLoc();
  SmallVector<Value> zeros;
  b.setInsertionPoint(where);
  for (Value value : values) {
    auto type = cast<RankedTensorType>(value.getType());
    Value fill = createSplat(b, loc, tensor::getMixedSizes(b, loc, value),
                             b.getZeroAttr(type.getElementType()));
    if (fill.getType() != type)
      fill = tensor::CastOp::create(b, loc, type, fill);
    zeros.push_back(fill);
  }
  b.createBlock(&where.getOtherwise());
  YieldOp::create(b, loc, zeros);
  return success();
}

void moe::shareWheres(func::FuncOp function) {
  SmallVector<WhereOp> wheres;
  function.walk([&](WhereOp where) { wheres.push_back(where); });
  IRRewriter rewriter(function.getContext());
  for (size_t i = 0; i < wheres.size(); ++i)
    for (size_t j = i + 1; j < wheres.size(); ++j) {
      if (!canShare(wheres[i], wheres[j]) || !shareWork(wheres[i], wheres[j]))
        continue;
      if (wheres[i].getOtherwise().empty() !=
              wheres[j].getOtherwise().empty() &&
          (failed(addOtherwise(rewriter, wheres[i])) ||
           failed(addOtherwise(rewriter, wheres[j]))))
        continue;
      wheres[j] = join(rewriter, wheres[i], wheres[j]);
      wheres[i] = {};
      break;
    }
  // Integers that are chosen alone number experts, rather than being theirs.
  for (WhereOp where : wheres)
    if (where && llvm::none_of(where.getResultTypes(), [](Type type) {
          return isa<FloatType>(getElementTypeOrSelf(type));
        }))
      lowerWhere(rewriter, where, /*selectImplied=*/false);
}
