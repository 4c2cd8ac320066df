//===- CheckTypes.cpp - Which numbers there are ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR has more types of numbers than there is code for. Those without are
// refused here, where they still have the place that the user wrote.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CHECKTYPESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// A byte that is copied and not computed with.
static bool isNarrowFloat(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() == 8;
}

/// The first number in `type` that there is no code for, or null.
static Type findUnsupported(Type type, bool computes) {
  Type found;
  type.walk([&](Type part) {
    auto integer = dyn_cast<IntegerType>(part);
    bool bad = integer && (integer.getWidth() < 1 || integer.getWidth() > 64);
    if (isa<FloatType>(part) && !isSupportedFloat(part))
      bad = computes || !isNarrowFloat(part);
    if (!bad)
      return WalkResult::advance();
    found = part;
    return WalkResult::interrupt();
  });
  return found;
}

/// Whether the operation looks at the numbers it is given.
static bool computes(Operation *op) {
  return isa_and_present<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         !isa<arith::ConstantOp, arith::SelectOp, arith::BitcastOp>(op);
}

/// What stands in the body of a named operation has the place of that.
static Location placeOf(Operation *op) {
  while (isa<UnknownLoc>(op->getLoc()) && op->getParentOp())
    op = op->getParentOp();
  return op->getLoc();
}

static LogicalResult check(Operation *op, TypeRange types) {
  bool computing = computes(op);
  for (Type type : types)
    if (Type found = findUnsupported(type, computing))
      return emitError(placeOf(op))
             << "'" << op->getName() << "' op "
             << (computing ? "computes with " : "has values of ") << found
             << "; supported are f16, bf16, f32, f64, index and integers of 1 "
                "to 64 bits"
             << (isNarrowFloat(found) ? ", and narrower numbers where they are "
                                        "only moved"
                                      : "");
  return success();
}

namespace {
struct CheckTypesPass : moe::impl::CheckTypesPassBase<CheckTypesPass> {
  using Base::Base;

  void runOnOperation() final {
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (failed(check(op, op->getOperandTypes())) ||
          failed(check(op, op->getResultTypes())))
        return WalkResult::interrupt();
      for (Region &region : op->getRegions())
        for (Block &block : region)
          if (failed(check(op, block.getArgumentTypes())))
            return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
