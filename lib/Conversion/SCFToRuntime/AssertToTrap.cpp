//===- AssertToTrap.cpp - Assertions in kernels -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel cannot leave by a jump to the host. It says where the message is, in
// a word that host and device share, and traps; the host finds it when it next
// waits. Of several failing threads one says so; since any of them may stop the
// grid, all is said in one access, and made visible before.
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTASSERTTOTRAPPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct ConvertAssertToTrapPass
    : moe::impl::ConvertAssertToTrapPassBase<ConvertAssertToTrapPass> {
  using Base::Base;

  void runOnOperation() final {
    Messages messages(getOperation());
    SmallVector<std::pair<gpu::LaunchOp, SmallVector<cf::AssertOp>>> kernels;
    getOperation().walk([&](gpu::LaunchOp launch) {
      SmallVector<cf::AssertOp> asserts;
      launch.walk([&](cf::AssertOp op) { asserts.push_back(op); });
      if (!asserts.empty())
        kernels.emplace_back(launch, std::move(asserts));
    });
    for (auto &[launch, asserts] : kernels)
      if (failed(convert(launch, asserts, messages)))
        return signalPassFailure();
  }

  LogicalResult convert(gpu::LaunchOp launch, ArrayRef<cf::AssertOp> asserts,
                        Messages &messages) {
    ImplicitLocOpBuilder b(launch.getLoc(), launch);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    FailureOr<LLVM::LLVMFuncOp> word = LLVM::lookupOrCreateFn(
        b, getOperation(), "moe_rt_device_failure_word", {}, pointer);
    if (failed(word))
      return failure();
    Value shared = LLVM::CallOp::create(b, *word, ValueRange()).getResult();
    for (cf::AssertOp op : asserts) {
      LLVM::GlobalOp global = messages.get(op).first;
      b.setLoc(op.getLoc());
      b.setInsertionPoint(launch);
      Value message = LLVM::PtrToIntOp::create(
          b, b.getI64Type(), LLVM::AddressOfOp::create(b, global));
      trapUnless(op, shared, message);
    }
    return success();
  }

  static void trapUnless(cf::AssertOp op, Value word, Value message) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    Value bad = arith::XOrIOp::create(b, op.getArg(), yes);
    scf::IfOp::create(b, bad, [&](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder b(loc, nested);
      Value none =
          LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(0));
      LLVM::AtomicCmpXchgOp::create(b, word, none, message,
                                    LLVM::AtomicOrdering::monotonic,
                                    LLVM::AtomicOrdering::monotonic);
      LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, StringRef());
      LLVM::Trap::create(b);
      scf::YieldOp::create(b);
    });
    op.erase();
  }
};
} // namespace
