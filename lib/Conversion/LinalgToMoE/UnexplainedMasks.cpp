//===- UnexplainedMasks.cpp - Masks that nothing was said of ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UnexplainedMasks.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Masks.h"
#include "moe/Analysis/OneElement.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

/// What an operation is told of: each walk of a slice takes time.
static constexpr size_t kMaxPlaces = 8, kMaxTried = 64;

static SetVector<Operation *> sliceOf(ArrayRef<Value> values) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitUsesFromAbove = false;
  for (Value value : values)
    if (value.getDefiningOp())
      (void)getBackwardSlice(value, &slice, options);
  return slice;
}

static bool isContraction(Operation *op) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  return structured && structured.getNumReductionLoops() > 0 &&
         structured.getNumDpsInputs() > 1;
}

/// The tensors whose elements `scalar` is computed from.
static SmallVector<Value> tensorsOf(linalg::LinalgOp op, Value scalar) {
  SmallVector<Value> tensors;
  SetVector<Value> todo;
  todo.insert(scalar);
  for (size_t i = 0; i < todo.size(); ++i) {
    if (auto argument = dyn_cast<BlockArgument>(todo[i])) {
      if (argument.getOwner() == op.getBlock())
        tensors.push_back(op.getMatchingOpOperand(argument)->get());
    } else if (Operation *from = todo[i].getDefiningOp();
               from->getBlock() == op.getBlock()) {
      todo.insert(from->operand_begin(), from->operand_end());
    }
  }
  return tensors;
}

/// Whether `values` take a contraction that `masks` do not.
static bool isChosenWork(ArrayRef<Value> values, ArrayRef<Value> masks) {
  if (values.empty() || masks.empty())
    return false;
  SetVector<Operation *> known = sliceOf(masks);
  return llvm::any_of(sliceOf(values), [&](Operation *op) {
    return isContraction(op) && !known.contains(op);
  });
}

/// Whether a number is anything but zero, as what attention puts in place of
/// scores that do not count.
static bool isNoZero(linalg::LinalgOp op, Value scalar) {
  Attribute constant;
  if (matchPattern(scalar, m_Constant(&constant)))
    return !isZero(dyn_cast<TypedAttr>(constant));
  SmallVector<Value> tensors = tensorsOf(op, scalar);
  TypedAttr splat = tensors.size() == 1 ? getSplat(tensors.front()) : nullptr;
  return splat && !isZero(splat);
}

static bool isMasked(linalg::LinalgOp op, Operation &scalar,
                     MaskAnalysis &masks) {
  if (auto select = dyn_cast<arith::SelectOp>(scalar)) {
    // One condition for all rows becomes a branch, which computes one side.
    if (llvm::all_of(tensorsOf(op, select.getCondition()), getOneElement))
      return false;
    if (isNoZero(op, select.getTrueValue()) ||
        isNoZero(op, select.getFalseValue()))
      return false;
    SmallVector<Value> values = tensorsOf(op, select.getTrueValue());
    llvm::append_range(values, tensorsOf(op, select.getFalseValue()));
    return isChosenWork(values, tensorsOf(op, select.getCondition()));
  }
  if (!isa<arith::MulFOp>(scalar))
    return false;
  for (unsigned i : {0, 1}) {
    SmallVector<Value> factors = tensorsOf(op, scalar.getOperand(i));
    if (llvm::any_of(factors, [&](Value f) { return masks.isMask(f); }) &&
        isChosenWork(tensorsOf(op, scalar.getOperand(1 - i)), factors))
      return true;
  }
  return false;
}

/// Whether `op` brings results of slots, of which each expert has a few, back
/// to tokens: y[t, h] = sum over e, c of mask[t, e, c] * slots[e, c, h].
static bool readsSlots(linalg::LinalgOp op, MaskAnalysis &masks) {
  auto sum = matchSum(op);
  if (!sum || sum->factors.size() != 2 ||
      sum->generic.getNumReductionLoops() < 2)
    return false;
  SmallVector<unsigned> reductions;
  sum->generic.getReductionDims(reductions);
  return llvm::any_of(sum->factors, [&](OpOperand *factor) {
    AffineMap map = sum->generic.getMatchingIndexingMap(factor);
    return masks.isMask(factor->get()) &&
           llvm::all_of(reductions, [&](unsigned loop) {
             return map.isFunctionOfDim(loop);
           });
  });
}

std::vector<Remark> mlir::moe::findUnexplainedMasks(func::FuncOp function) {
  std::vector<Remark> places;
  MaskAnalysis masks;
  size_t tried = 0;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<DispatchOp>(op))
      return WalkResult::skip();
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (!structured || !isa<RankedTensorType>(op->getResultTypes().front()))
      return WalkResult::advance();
    for (Operation &scalar : *structured.getBlock()) {
      if (!isa<arith::SelectOp, arith::MulFOp>(scalar))
        continue;
      if (++tried > kMaxTried || places.size() == kMaxPlaces)
        return WalkResult::interrupt();
      if (!isMasked(structured, scalar, masks) ||
          llvm::any_of(places, [&](const Remark &other) {
            return other.loc == op->getLoc();
          }))
        continue;
      StringRef reason =
          readsSlots(structured, masks)
              ? "puts the results of slots back by a mask; add up "
                "'keep[:, e] * expert(x)' instead, where 'keep' is zero for "
                "tokens beyond the capacity"
              : "has a mask that is not one of the forms that are recognized";
      places.push_back({op->getLoc(), reason.str(), {}});
    }
    return WalkResult::skip();
  });
  return places;
}
