//===- NameBodies.cpp - Names of bodies through bufferization -------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In a FusedLoc, whose metadata nobody else has: a NameLoc is a layer of the
// user's model. Both passes are in one phase, so that no text between two
// phases, which has no locations, loses a name.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Conversion/BodyNames.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_NAMEBODIESPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct NameBodiesPass : moe::impl::NameBodiesPassBase<NameBodiesPass> {
  using Base::Base;

  void runOnOperation() final {
    auto result = getOperation().walk([](scf::ExecuteRegionOp op) {
      Attribute attribute = op->removeDiscardableAttr(bodyNameAttr);
      if (!attribute)
        return WalkResult::advance();
      auto name = dyn_cast<StringAttr>(attribute);
      if (!name || name.empty() || !op.getNoInline()) {
        op.emitError("expects ")
            << bodyNameAttr
            << " to be the name of a function, on a region not to be inlined";
        return WalkResult::interrupt();
      }
      op->setLoc(FusedLoc::get({op.getLoc()}, name, op.getContext()));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
