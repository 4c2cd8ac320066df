//===- ReturnDonated.cpp - Arguments given away come back as results ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's deallocation holds that a function owns none of its arguments, and
// clones one that it returns.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/Dialect/MoE/IR/State.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::moe {
#define GEN_PASS_DEF_RETURNDONATEDPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// The argument that a returned buffer is a clone of, or null.
static BlockArgument clonedArgument(func::FuncOp function, Value returned) {
  auto clone = returned.getDefiningOp<bufferization::CloneOp>();
  if (!clone || !clone->hasOneUse())
    return {};
  auto argument = dyn_cast<BlockArgument>(clone.getInput());
  bool isDonated = argument &&
                   argument.getOwner() == &function.getBody().front() &&
                   argument.getType() == returned.getType() &&
                   function.getArgAttr(argument.getArgNumber(), donatedAttr);
  return isDonated ? argument : BlockArgument();
}

namespace {
struct ReturnDonatedPass : moe::impl::ReturnDonatedPassBase<ReturnDonatedPass> {
  using Base::Base;

  void runOnOperation() final {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    // A buffer is one result's. The last are those of states, which would be
    // copied in every call.
    llvm::SmallPtrSet<Value, 8> given;
    function.walk([&](func::ReturnOp end) {
      given.clear();
      for (OpOperand &operand : llvm::reverse(end->getOpOperands())) {
        BlockArgument argument = clonedArgument(function, operand.get());
        if (!argument || !given.insert(argument).second)
          continue;
        Operation *clone = operand.get().getDefiningOp();
        operand.set(argument);
        clone->erase();
      }
    });
  }
};
} // namespace
