//===- SeparateEmptyTensors.cpp - One destination, one use ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::moe {
#define GEN_PASS_DEF_SEPARATEEMPTYTENSORSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// What several operations start from is computed for each, or copied if it is
/// a sum: in the place of a part of one result it would be in that of another,
/// too.
static void separateDestinations(linalg::LinalgOp start) {
  if (start->getNumResults() != 1 || !start.hasPureTensorSemantics())
    return;
  bool isCheap = start.getNumReductionLoops() == 0 &&
                 start.getDpsInits().front().getDefiningOp<tensor::EmptyOp>();
  Value result = start->getResult(0);
  OpBuilder b(start);
  bool isFirst = true;
  SmallVector<OpOperand *> destinations;
  for (OpOperand &use : result.getUses()) {
    auto op = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    if (op && op.isDpsInit(&use))
      destinations.push_back(&use);
  }
  for (OpOperand *use : destinations) {
    if (!isFirst && isCheap) {
      use->set(b.clone(*start)->getResult(0));
    } else if (!isFirst) {
      b.setInsertionPointAfter(start);
      Value empty = tensor::EmptyOp::create(
          b, start.getLoc(), tensor::getMixedSizes(b, start.getLoc(), result),
          getElementTypeOrSelf(result.getType()));
      use->set(linalg::CopyOp::create(b, start.getLoc(), result, empty)
                   .getResult(0));
    }
    isFirst = false;
  }
}

/// Gives operations that use `empty` several times another one for each: the
/// second destination of a loop is what the other branch yields second.
static void separateOperands(tensor::EmptyOp empty) {
  SmallVector<Value> others;
  llvm::SetVector<Operation *> users(empty->user_begin(), empty->user_end());
  for (Operation *user : users) {
    size_t count = 0;
    for (OpOperand &operand : user->getOpOperands()) {
      if (operand.get() != empty.getResult() || count++ == 0)
        continue;
      if (others.size() < count - 1)
        others.push_back(OpBuilder(empty).clone(*empty)->getResult(0));
      operand.set(others[count - 2]);
    }
  }
}

namespace {
struct SeparateEmptyTensorsPass
    : moe::impl::SeparateEmptyTensorsPassBase<SeparateEmptyTensorsPass> {
  void runOnOperation() final {
    getOperation()->walk(separateDestinations);
    getOperation()->walk([](tensor::EmptyOp empty) {
      // What one branch writes and the other leaves is one tensor.
      if (llvm::any_of(empty->getUsers(), [](Operation *user) {
            return user->hasTrait<OpTrait::IsTerminator>();
          }))
        return separateOperands(empty);
      OpBuilder builder(empty);
      for (OpOperand &use :
           llvm::make_early_inc_range(llvm::drop_begin(empty->getUses())))
        use.set(builder.clone(*empty)->getResult(0));
    });
  }
};
} // namespace
