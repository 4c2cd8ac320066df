//===- AssertToRuntime.cpp - Assertions through the runtime -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A failed assertion ends the invocation with a message, not the process.
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTASSERTTORUNTIMEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct ConvertAssertToRuntimePass
    : moe::impl::ConvertAssertToRuntimePassBase<ConvertAssertToRuntimePass> {
  using Base::Base;

  void runOnOperation() final {
    Messages messages(getOperation());
    SmallVector<cf::AssertOp> asserts;
    getOperation().walk([&](cf::AssertOp op) { asserts.push_back(op); });
    for (cf::AssertOp op : asserts)
      if (failed(convert(op, messages)))
        return signalPassFailure();
  }

  LogicalResult convert(cf::AssertOp op, Messages &messages) {
    ModuleOp module = getOperation();
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    FailureOr<LLVM::LLVMFuncOp> fail = LLVM::lookupOrCreateFn(
        b, module, "moe_rt_fail", {pointer, b.getI64Type()},
        LLVM::LLVMVoidType::get(&getContext()));
    if (failed(fail))
      return failure();
    Value ok = op.getArg();
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    Value bad = arith::XOrIOp::create(b, ok, yes);
    auto [text, size] = messages.get(op);
    LLVM::GlobalOp global = text;
    int64_t bytes = size;
    scf::IfOp::create(b, bad, [&](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder b(loc, nested);
      Value address = LLVM::AddressOfOp::create(b, global);
      Value length = LLVM::ConstantOp::create(b, b.getI64Type(),
                                              b.getI64IntegerAttr(bytes));
      LLVM::CallOp::create(b, *fail, ValueRange{address, length});
      scf::YieldOp::create(b);
    });
    op.erase();
    return success();
  }
};
} // namespace
