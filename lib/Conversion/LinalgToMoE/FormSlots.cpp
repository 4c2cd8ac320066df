//===- FormSlots.cpp - Rows that are brought back by a mask ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y[t, h] = sum over e, c of mask[t, e, c] * rows[e, c, h]
// ==> ... * (where any t has mask[t, e, c] {rows})[e, c, h]
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Masks.h"

using namespace mlir;
using namespace mlir::moe;

/// Where `factor` is not zero for some position of its other dimensions, as a
/// tensor of the dimensions `kept`.
static Value isAnyNotZero(OpBuilder &b, Location loc, Value factor,
                          ArrayRef<int64_t> kept) {
  return createReduction(
      b, loc, isNotZero(b, loc, factor), kept, b.getBoolAttr(false),
      [](OpBuilder &b, Location loc, Value any, Value one) -> Value {
        return arith::OrIOp::create(b, loc, one, any);
      });
}

/// Gives rows that a sum multiplies by `mask`, over several dimensions of both,
/// a region of their own.
static void formSlots(const Sum &sum, OpOperand *mask, OpOperand *rows) {
  linalg::GenericOp op = sum.generic;
  AffineMap maskMap = op.getMatchingIndexingMap(mask),
            rowsMap = op.getMatchingIndexingMap(rows);
  Operation *maker = rows->get().getDefiningOp();
  if (!maker || maker->getBlock() != op->getBlock() || !isWork(maker) ||
      !getOnlyReader(rows->get()) || !maskMap.isProjectedPermutation() ||
      !rowsMap.isProjectedPermutation())
    return;
  SmallVector<int64_t> along, kept;
  auto type = cast<RankedTensorType>(rows->get().getType());
  for (unsigned dim = 0; dim < rowsMap.getNumResults(); ++dim)
    if (auto place = maskMap.getResultPosition(rowsMap.getResult(dim))) {
      along.push_back(dim);
      kept.push_back(*place);
    }
  // Weights are those of a number of experts that is known.
  if (llvm::any_of(along, [&](int64_t dim) { return type.isDynamicDim(dim); }))
    return;
  if (along.size() < 2 || along.size() == rowsMap.getNumResults() ||
      along.size() == maskMap.getNumResults())
    return;
  OpBuilder b(op);
  Location loc = rows->get().getLoc();
  Value any = isAnyNotZero(b, loc, mask->get(), kept);
  auto where = WhereOp::create(b, loc, TypeRange{type}, ValueRange{any}, along,
                               /*implied=*/true, 1);
  b.createBlock(&where.getCases().front());
  YieldOp::create(b, loc, rows->get());
  rows->set(where.getResult(0));
}

void moe::formSlots(func::FuncOp function, bool assumeFinite) {
  SmallVector<Sum> sums;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<WhereOp, DispatchOp>(op))
      return WalkResult::skip();
    if (auto sum = matchSum(op);
        sum && sum->factors.size() == 2 &&
        (assumeFinite || promisesFinite(sum->generic.getBody()
                                            ->getTerminator()
                                            ->getOperand(0)
                                            .getDefiningOp())))
      sums.push_back(*sum);
    return WalkResult::advance();
  });
  MaskAnalysis masks;
  for (const Sum &sum : sums)
    for (unsigned i : {0, 1})
      if (masks.isMask(sum.factors[i]->get()))
        ::formSlots(sum, sum.factors[i], sum.factors[1 - i]);
}
