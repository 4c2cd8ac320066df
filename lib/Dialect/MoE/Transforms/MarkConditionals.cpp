//===- MarkConditionals.cpp - Conditionals of the model ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Done once, before any rewriting that makes conditionals of its own. In
// locations, since rewriting keeps these where it makes an operation anew.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_MARKCONDITIONALSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Whether `op` does something with a tensor as a whole.
static bool handlesTensors(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>() ||
      op->hasTrait<OpTrait::ConstantLike>() ||
      isa<tensor::ExtractOp, tensor::InsertOp, tensor::DimOp>(op))
    return false;
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTensor) ||
         llvm::any_of(op->getResultTypes(), isTensor);
}

/// Whether `op` is chosen for one element of many.
static bool decidesForElements(Operation *op) {
  bool inLoop = false;
  for (Operation *parent = op->getParentOp(); parent;
       parent = parent->getParentOp()) {
    if (isa<linalg::LinalgOp, tensor::GenerateOp>(parent))
      return true;
    inLoop |= isa<LoopLikeOpInterface>(parent);
  }
  if (!inLoop)
    return false;
  for (Region &region : op->getRegions())
    for (Operation &inner : region.getOps())
      if (handlesTensors(&inner))
        return false;
  return true;
}

/// Whether `op` is what upstream makes of a conditional that chooses between
/// tensors in front of it.
static bool isWholeSelect(Operation *op) {
  auto select = dyn_cast<arith::SelectOp>(op);
  return select && isa<TensorType>(select.getType()) &&
         !isa<TensorType>(select.getCondition().getType());
}

namespace {
struct MarkConditionalsPass
    : moe::impl::MarkConditionalsPassBase<MarkConditionalsPass> {
  using Base::Base;

  void runOnOperation() final {
    getOperation()->walk([](Operation *op) {
      if (!isa<scf::IfOp, scf::IndexSwitchOp>(op) && !isWholeSelect(op))
        return;
      if (decidesForElements(op))
        return;
      op->setLoc(markConditional(op->getLoc()));
      if (isa<scf::IfOp>(op))
        for (Region &region : op->getRegions())
          if (!region.empty()) {
            Operation *end = region.front().getTerminator();
            end->setLoc(markSide(end->getLoc(), region.getRegionNumber() == 1));
          }
    });
  }
};
} // namespace
