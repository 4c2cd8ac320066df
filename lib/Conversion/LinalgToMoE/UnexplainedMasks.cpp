//===- UnexplainedMasks.cpp - Masks that nothing was said of ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A form of a mask that raising does not know has no remark of its own. So that
// it is not passed over in silence, what a reader would call a masked expert is
// looked for by its traits alone.
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
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

/// Whether `values` take a contraction that `masks` do not.
static bool isChosenWork(ArrayRef<Value> values, ArrayRef<Value> masks) {
  if (values.empty() || masks.empty())
    return false;
  SetVector<Operation *> known = sliceOf(masks);
  return llvm::any_of(sliceOf(values), [&](Operation *op) {
    return isContraction(op) && !known.contains(op);
  });
}

static bool isMasked(Operation *op, MaskAnalysis &masks) {
  auto scalar = matchElementwise(op);
  SmallVector<Value> tensors;
  for (const ScalarOperand &operand :
       scalar ? scalar->operands : SmallVector<ScalarOperand>())
    if (operand.tensor && !operand.constant)
      tensors.push_back(operand.tensor);
  if (scalar && isa<arith::SelectOp>(scalar->scalar)) {
    // One condition for all rows becomes a branch, which computes one side. A
    // number that is not zero is what attention puts in place of scores that do
    // not count.
    Value condition = scalar->operands[0].tensor;
    if (!condition || getOneElement(condition) ||
        llvm::any_of(scalar->operands, [](const ScalarOperand &operand) {
          return operand.constant && !isZero(operand.constant);
        }))
      return false;
    return isChosenWork(ArrayRef(tensors).drop_front(), condition);
  }
  if (auto sum = matchSum(op))
    for (OpOperand *factor : sum->factors)
      tensors.push_back(factor->get());
  else if (!scalar || !isa<arith::MulFOp>(scalar->scalar))
    return false;
  return tensors.size() == 2 && llvm::any_of(ArrayRef{0, 1}, [&](int i) {
           return masks.isMask(tensors[i]) &&
                  isChosenWork(tensors[1 - i], tensors[i]);
         });
}

/// Whether `op` brings results of slots, of which each expert has a few, back
/// to tokens: y[t, h] = sum over e, c of mask[t, e, c] * slots[e, c, h].
static bool readsSlots(Operation *op, MaskAnalysis &masks) {
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
    if (!isa<linalg::GenericOp>(op))
      return WalkResult::advance();
    if (++tried > kMaxTried || places.size() == kMaxPlaces)
      return WalkResult::interrupt();
    if (isMasked(op, masks))
      places.push_back(
          {op->getLoc(),
           readsSlots(op, masks)
               ? "puts the results of slots back by a mask; add up "
                 "'keep[:, e] * expert(x)' instead, where 'keep' is zero for "
                 "tokens beyond the capacity"
               : "has a mask that is not one of the forms that are recognized",
           {}});
    return WalkResult::skip();
  });
  return places;
}
