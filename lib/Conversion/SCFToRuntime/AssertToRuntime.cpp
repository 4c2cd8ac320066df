//===- AssertToRuntime.cpp - Assertions through the runtime -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A failed assertion ends the invocation with a message, not the process.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTASSERTTORUNTIMEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// "FILE:line:col: " of the place that the user wrote, or nothing.
static std::string placeOf(Location loc) {
  std::string place;
  loc->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    place = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
             Twine(file.getColumn()) + ": ")
                .str();
    return WalkResult::interrupt();
  });
  return place;
}

namespace {
struct ConvertAssertToRuntimePass
    : moe::impl::ConvertAssertToRuntimePassBase<ConvertAssertToRuntimePass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<cf::AssertOp> asserts;
    getOperation().walk([&](cf::AssertOp op) { asserts.push_back(op); });
    for (cf::AssertOp op : asserts)
      if (failed(convert(op)))
        return signalPassFailure();
  }

  LogicalResult convert(cf::AssertOp op) {
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
    std::string message = placeOf(op.getLoc()) + op.getMsg().str();
    LLVM::GlobalOp text = messageGlobal(module, op.getLoc(), message);
    scf::IfOp::create(b, bad, [&](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder b(loc, nested);
      Value address = LLVM::AddressOfOp::create(b, text);
      Value length = LLVM::ConstantOp::create(
          b, b.getI64Type(), b.getI64IntegerAttr(message.size()));
      LLVM::CallOp::create(b, *fail, ValueRange{address, length});
      scf::YieldOp::create(b);
    });
    op.erase();
    return success();
  }

  LLVM::GlobalOp messageGlobal(ModuleOp module, Location loc,
                               const std::string &message) {
    LLVM::GlobalOp &global = messages[message];
    if (global)
      return global;
    auto b = ImplicitLocOpBuilder::atBlockBegin(loc, module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), message.size());
    global = LLVM::GlobalOp::create(
        b, type, /*isConstant=*/true, LLVM::Linkage::Internal,
        ("moe.message." + Twine(messages.size())).str(),
        b.getStringAttr(message));
    return global;
  }

  llvm::StringMap<LLVM::GlobalOp> messages;
};
} // namespace
