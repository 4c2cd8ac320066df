//===- BarrierOps.cpp - Barriers and fences -------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fences have nothing to do, but for those between proxies: threads take turns
// at waits only, and see one memory.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

static LogicalResult finish(Operation *op, Value result) {
  if (op->getNumResults())
    op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  return success();
}

static LogicalResult convertBarrier(NVVM::BarrierOp op, CallBuilder &b) {
  auto orZero = [&](Value value) { return value ? value : b.i32(0); };
  // None is 0 here; the reductions of NVVM begin at 0.
  int64_t reduction =
      op.getReductionOp() ? int64_t(*op.getReductionOp()) + 1 : 0;
  return finish(
      op, b.call("moe_emu_barrier", b.getI32Type(),
                 {orZero(op.getBarrierId()), orZero(op.getNumberOfThreads()),
                  b.i32(reduction), orZero(op.getReductionPredicate())}));
}

/// The parity of a phase, or of the state that an arrival returned.
static Value parity(Value stateOrPhase, CallBuilder &b) {
  return b.resize(stateOrPhase, b.getI32Type());
}

static std::optional<LogicalResult> convertMBarrier(Operation *op,
                                                    CallBuilder &b) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  return llvm::TypeSwitch<Operation *, std::optional<LogicalResult>>(op)
      .Case([&](NVVM::MBarrierInitOp op) -> LogicalResult {
        if (failed(guard(op, op.getPredicate())))
          return failure();
        b.setInsertionPoint(op);
        b.call("moe_emu_mbarrier_init", {op.getAddr(), op.getCount()});
        return finish(op, {});
      })
      .Case([&](NVVM::MBarrierInvalOp op) {
        b.call("moe_emu_mbarrier_inval", {op.getAddr()});
        return finish(op, {});
      })
      .Case([&](NVVM::MBarrierArriveOp op) {
        Value count = op.getCount() ? op.getCount() : b.i32(1);
        return finish(
            op, b.call("moe_emu_mbarrier_arrive", i64, {op.getAddr(), count}));
      })
      .Case([&](NVVM::MBarrierArriveNocompleteOp op) {
        return finish(op, b.call("moe_emu_mbarrier_arrive", i64,
                                 {op.getAddr(), op.getCount()}));
      })
      .Case([&](NVVM::MBarrierArriveExpectTxOp op) -> LogicalResult {
        if (failed(guard(op, op.getPredicate())))
          return failure();
        b.setInsertionPoint(op);
        return finish(op, b.call("moe_emu_mbarrier_arrive_expect_tx", i64,
                                 {op.getAddr(), op.getTxcount()}));
      })
      .Case([&](NVVM::MBarrierExpectTxOp op) {
        b.call("moe_emu_mbarrier_expect_tx", {op.getAddr(), op.getTxcount()});
        return finish(op, {});
      })
      .Case([&](NVVM::MBarrierTryWaitParityOp op) {
        b.call("moe_emu_mbarrier_wait", {op.getAddr(), op.getPhase()});
        return finish(op, {});
      })
      .Case([&](NVVM::MBarrierTryWaitOp op) {
        b.call("moe_emu_mbarrier_wait",
               {op.getAddr(), parity(op.getStateOrPhase(), b)});
        Value yes = LLVM::ConstantOp::create(b, b.getBoolAttr(true));
        return finish(op, yes);
      })
      .Case([&](NVVM::MBarrierTestWaitOp op) {
        Value done = b.call("moe_emu_mbarrier_test", i32,
                            {op.getAddr(), parity(op.getStateOrPhase(), b)});
        return finish(op, b.resize(done, op.getType()));
      })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<LogicalResult> mlir::moe::convertBarrierOp(Operation *op,
                                                         CallBuilder &b) {
  return llvm::TypeSwitch<Operation *, std::optional<LogicalResult>>(op)
      .Case([&](NVVM::Barrier0Op op) {
        Value zero = b.i32(0);
        b.call("moe_emu_barrier", b.getI32Type(), {zero, zero, zero, zero});
        return finish(op, {});
      })
      .Case([&](NVVM::BarrierOp op) { return convertBarrier(op, b); })
      .Case([&](NVVM::BarrierArriveOp op) {
        Value barrier = op.getBarrierId() ? op.getBarrierId() : b.i32(0);
        b.call("moe_emu_barrier_arrive", {barrier, op.getNumberOfThreads()});
        return finish(op, {});
      })
      .Case([&](NVVM::SyncWarpOp op) {
        b.call("moe_emu_warp_sync", {op.getMask()});
        return finish(op, {});
      })
      .Case([&](NVVM::FenceProxyOp op) {
        if (llvm::is_contained(
                {NVVM::ProxyKind::async, NVVM::ProxyKind::async_shared},
                op.getKind()))
          b.call("moe_emu_fence_proxy_async", {});
        return finish(op, {});
      })
      .Case<NVVM::MembarOp, NVVM::FenceScClusterOp, NVVM::FenceSyncRestrictOp,
            NVVM::FenceMbarrierInitOp, NVVM::FenceProxyAcquireOp,
            NVVM::FenceProxyReleaseOp, NVVM::FenceProxySyncRestrictOp,
            NVVM::GriddepcontrolOp, NVVM::PrefetchOp,
            NVVM::CpAsyncBulkPrefetchOp, NVVM::CpAsyncBulkTensorPrefetchOp>(
          [&](Operation *op) { return finish(op, {}); })
      .Default([&](Operation *op) { return convertMBarrier(op, b); });
}
