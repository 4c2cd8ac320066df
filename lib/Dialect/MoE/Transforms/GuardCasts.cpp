//===- GuardCasts.cpp - Check casts to more static types ------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// To upstream's rewrites a cast promises the sizes of its type: they make the
// operand's producer promise them instead, and nothing is left to compare. So
// the casts of a model that nobody vouches for are checked before all others.
//
//===----------------------------------------------------------------------===//

#include "AccessChecks.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

namespace mlir::moe {
#define GEN_PASS_DEF_GUARDCASTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

namespace {
struct GuardCastsPass : moe::impl::GuardCastsPassBase<GuardCastsPass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<tensor::CastOp> casts;
    getOperation()->walk([&](tensor::CastOp op) {
      if (isa<RankedTensorType>(op.getSource().getType()) &&
          isa<RankedTensorType>(op.getType()))
        casts.push_back(op);
    });
    for (tensor::CastOp op : casts)
      if (failed(checkTensorAccesses(op)))
        return signalPassFailure();
  }
};
} // namespace
