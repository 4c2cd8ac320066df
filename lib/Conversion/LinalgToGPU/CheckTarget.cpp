//===- CheckTarget.cpp - Is there such a chip? ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM ends the process where a chip and a version of PTX do not go together.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/Passes.h"
#include "moe/Target/GPUTarget.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CHECKTARGETPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct CheckTargetPass : moe::impl::CheckTargetPassBase<CheckTargetPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) final {
    llvm::Expected<GPUTarget> target = GPUTarget::fromName(chip, ptxVersion);
    if (target)
      return success();
    return emitError(UnknownLoc::get(context))
           << llvm::toString(target.takeError());
  }

  void runOnOperation() final { markAllAnalysesPreserved(); }
};
} // namespace
