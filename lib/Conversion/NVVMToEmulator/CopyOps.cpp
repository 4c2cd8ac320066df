//===- CopyOps.cpp - Asynchronous copies ----------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async, bulk copies, and TMA.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

/// The rank and five coordinates.
static void appendCoordinates(SmallVectorImpl<Value> &operands,
                              ValueRange coordinates, CallBuilder &b) {
  constexpr size_t maximumRank = 5;
  operands.push_back(b.i32(coordinates.size()));
  llvm::append_range(operands, coordinates);
  Value zero = b.i32(0);
  operands.append(maximumRank - coordinates.size(), zero);
}

static LogicalResult
convertLoad(NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op, CallBuilder &b) {
  if (op.getMode() != NVVM::TMALoadMode::TILE || !op.getIm2colOffsets().empty())
    return notEmulated(op, "but for tiles");
  if (op.getMulticastMask() || op.getGroup())
    return notEmulated(op, "for more blocks than one");
  if (failed(guard(op, op.getPredicate())))
    return failure();
  b.setInsertionPoint(op);
  SmallVector<Value> operands = {op.getDstMem(), op.getTmaDescriptor(),
                                 op.getMbar()};
  appendCoordinates(operands, op.getCoordinates(), b);
  b.call("moe_emu_tma_load", operands);
  op.erase();
  return success();
}

static LogicalResult convertStore(NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op,
                                  CallBuilder &b) {
  if (op.getMode() != NVVM::TMAStoreMode::TILE)
    return notEmulated(op, "but for tiles");
  if (failed(guard(op, op.getPredicate())))
    return failure();
  b.setInsertionPoint(op);
  SmallVector<Value> operands = {op.getTmaDescriptor(), op.getSrcMem()};
  appendCoordinates(operands, op.getCoordinates(), b);
  b.call("moe_emu_tma_store", operands);
  op.erase();
  return success();
}

std::optional<LogicalResult> mlir::moe::convertCopyOp(Operation *op,
                                                      CallBuilder &b) {
  auto replaceByCall = [&](StringRef name, ValueRange operands) {
    b.call(name, operands);
    op->erase();
    return success();
  };
  using Result = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](NVVM::CpAsyncOp op) -> Result {
        Value bytes = b.i32(op.getSize());
        return replaceByCall("moe_emu_cp_async",
                             {op.getDst(), op.getSrc(), bytes,
                              op.getCpSize() ? op.getCpSize() : bytes});
      })
      .Case([&](NVVM::CpAsyncCommitGroupOp) -> Result {
        return replaceByCall("moe_emu_cp_async_commit_group", {});
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp op) -> Result {
        return replaceByCall("moe_emu_cp_async_wait_group", b.i32(op.getN()));
      })
      .Case([&](NVVM::CpAsyncMBarrierArriveOp op) -> Result {
        return replaceByCall("moe_emu_cp_async_mbarrier_arrive",
                             {op.getAddr(), b.i32(op.getNoinc())});
      })
      .Case([&](NVVM::CpAsyncBulkCommitGroupOp) -> Result {
        return replaceByCall("moe_emu_bulk_commit_group", {});
      })
      .Case([&](NVVM::CpAsyncBulkWaitGroupOp op) -> Result {
        return replaceByCall("moe_emu_bulk_wait_group", b.i32(op.getGroup()));
      })
      .Case([&](NVVM::CpAsyncBulkGlobalToSharedClusterOp op) -> Result {
        if (op.getMulticastMask())
          return notEmulated(op, "for more blocks than one");
        return replaceByCall(
            "moe_emu_bulk_load",
            {op.getDstMem(), op.getSrcMem(), op.getMbar(), op.getSize()});
      })
      .Case([&](NVVM::CpAsyncBulkSharedCTAToGlobalOp op) -> Result {
        if (op.getByteMask())
          return notEmulated(op, "with a mask of bytes");
        return replaceByCall("moe_emu_bulk_store",
                             {op.getDstMem(), op.getSrcMem(), op.getSize()});
      })
      .Case([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) -> Result {
        return convertLoad(op, b);
      })
      .Case([&](NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op) -> Result {
        return convertStore(op, b);
      })
      .Default([](Operation *) { return std::nullopt; });
}
