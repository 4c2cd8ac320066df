//===- DefineEmptyTensors.cpp - Zeros where nobody wrote --------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The content of a tensor.empty is whatever its memory held before, which may
// be another's. Nearly always it only says where a result goes; then nothing
// changes.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mlir::moe {
#define GEN_PASS_DEF_DEFINEEMPTYTENSORSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Whether `op` sets every element of what it is given to write to.
static bool writesAll(linalg::LinalgOp op, OpOperand &init) {
  return op.getNumParallelLoops() == op.getNumLoops() &&
         op.getMatchingIndexingMap(&init).isPermutation();
}

/// Whether what is inserted into `empty`, from `insert` on and piece by piece
/// along one dimension, covers it before anything else sees it.
static bool isCovered(tensor::EmptyOp empty, tensor::InsertSliceOp insert) {
  SmallVector<OpFoldResult> whole = empty.getMixedSizes();
  std::optional<unsigned> along;
  for (int64_t end = 0;;) {
    SmallVector<OpFoldResult> offsets = insert.getMixedOffsets();
    SmallVector<OpFoldResult> sizes = insert.getMixedSizes();
    if (!llvm::all_of(insert.getMixedStrides(), isOneInteger))
      return false;
    for (unsigned dim = 0; dim < whole.size(); ++dim) {
      if (isZeroInteger(offsets[dim]) &&
          isEqualConstantIntOrValue(sizes[dim], whole[dim]))
        continue;
      if (along.value_or(dim) != dim)
        return false;
      along = dim;
    }
    if (!along)
      return true;
    std::optional<int64_t> size = getConstantIntValue(sizes[*along]);
    if (!size || !isConstantIntValue(offsets[*along], end))
      return false;
    end += *size;
    if (isConstantIntValue(whole[*along], end))
      return true;
    Value result = insert.getResult();
    auto next = result.hasOneUse()
                    ? dyn_cast<tensor::InsertSliceOp>(*result.user_begin())
                    : nullptr;
    if (!next || next.getDest() != result)
      return false;
    insert = next;
  }
}

/// Whether the user may see elements of the operand, itself or in what it makes
/// of them.
static bool mayRead(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<tensor::DimOp>(user))
    return false;
  if (auto op = dyn_cast<linalg::LinalgOp>(user))
    return op.payloadUsesValueFromOperand(&use) ||
           (op.isDpsInit(&use) && !writesAll(op, use));
  if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::ExtractSliceOp>(user))
    return llvm::any_of(user->getResult(0).getUses(), mayRead);
  auto insert = dyn_cast<tensor::InsertSliceOp>(user);
  auto empty = use.get().getDefiningOp<tensor::EmptyOp>();
  return !insert || !empty || &use != &insert.getDestMutable() ||
         !isCovered(empty, insert);
}

/// The element of which all bits are zero, in formats without a zero as well.
static TypedAttr getZeroBits(Type type) {
  if (auto floating = dyn_cast<FloatType>(type))
    return FloatAttr::get(type, APFloat(floating.getFloatSemantics(),
                                        APInt::getZero(floating.getWidth())));
  return Builder(type.getContext()).getZeroAttr(type);
}

namespace {
struct DefineEmptyTensors
    : moe::impl::DefineEmptyTensorsPassBase<DefineEmptyTensors> {
  using Base::Base;

  void runOnOperation() final {
    getOperation()->walk([](tensor::EmptyOp op) {
      SmallVector<OpOperand *> reads;
      for (OpOperand &use : op->getUses())
        if (mayRead(use))
          reads.push_back(&use);
      TypedAttr zero = getZeroBits(op.getType().getElementType());
      if (reads.empty() || !zero)
        return;
      OpBuilder b(op.getContext());
      b.setInsertionPointAfter(op);
      Value value = arith::ConstantOp::create(b, op.getLoc(), zero);
      Value filled =
          linalg::FillOp::create(b, op.getLoc(), value, op.getResult())
              .getResult(0);
      for (OpOperand *read : reads)
        read->set(filled);
    });
  }
};
} // namespace
