//===- SinkIntoBranches.cpp - Compute what the taken side needs -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's control-flow sinking, which would also move what stands outside of
// a loop into a branch inside of it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/ControlFlowSinkUtils.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_SINKINTOBRANCHESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static bool isBranch(Operation *op) {
  return isa<scf::IfOp, scf::IndexSwitchOp>(op);
}

/// Whether `region` of a branch runs at most once where `op`, which stands
/// outside, runs.
static bool runsAtMostAsOften(Region *region, Operation *op) {
  while (region && region != op->getParentRegion()) {
    if (!isBranch(region->getParentOp()))
      return false;
    region = region->getParentRegion();
  }
  return region;
}

namespace {
struct SinkIntoBranchesPass
    : moe::impl::SinkIntoBranchesPassBase<SinkIntoBranchesPass> {
  using Base::Base;

  void runOnOperation() final {
    auto &dominance = getAnalysis<DominanceInfo>();
    getOperation()->walk([&](RegionBranchOpInterface branch) {
      if (!isBranch(branch) || branch->getParentOfType<linalg::LinalgOp>())
        return;
      bool inLoop = branch->getParentOfType<LoopLikeOpInterface>() != nullptr;
      SmallVector<Region *> regions;
      getSinglyExecutedRegionsToSink(branch, regions);
      controlFlowSink(
          regions, dominance,
          [&](Operation *op, Region *region) {
            return shouldMove(op, inLoop) && runsAtMostAsOften(region, op);
          },
          [](Operation *op, Region *region) {
            op->moveBefore(&region->front(), region->front().begin());
          });
    });
  }

  /// Constants are no work, and folding brings them back.
  static bool shouldMove(Operation *op, bool inLoop) {
    return isMemoryEffectFree(op) && !op->hasTrait<OpTrait::ConstantLike>() &&
           !(inLoop &&
             llvm::none_of(op->getResultTypes(), llvm::IsaPred<TensorType>));
  }
};
} // namespace
