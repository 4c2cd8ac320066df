//===- MemoryOps.cpp - Accesses of shared memory --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pointers to shared memory become plain ones, and the emulator is told of each
// access. A kernel sees addresses that are small integers.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

static std::optional<LogicalResult> note(StringRef function, Value pointer,
                                         Type type, CallBuilder &b) {
  if (isShared(pointer.getType())) {
    Operation *op = b.getInsertionBlock()->getParentOp();
    int64_t bytes = DataLayout::closest(op).getTypeSize(type);
    b.call(function, {pointer, b.i64(bytes)});
  }
  return success();
}

static void noteBytes(StringRef function, Value pointer, Value bytes,
                      CallBuilder &b) {
  if (isShared(pointer.getType()))
    b.call(function, {pointer, b.resize(bytes, b.getI64Type())});
}

template <typename Op>
static std::optional<LogicalResult> noteCopy(Op op, CallBuilder &b) {
  noteBytes("moe_emu_shared_load", op.getSrc(), op.getLen(), b);
  noteBytes("moe_emu_shared_store", op.getDst(), op.getLen(), b);
  return success();
}

std::optional<LogicalResult> mlir::moe::convertMemoryOp(Operation *op,
                                                        CallBuilder &b) {
  using Result = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](LLVM::LoadOp op) {
        return note("moe_emu_shared_load", op.getAddr(), op.getType(), b);
      })
      .Case([&](LLVM::StoreOp op) {
        return note("moe_emu_shared_store", op.getAddr(),
                    op.getValue().getType(), b);
      })
      .Case([&](LLVM::AtomicRMWOp op) {
        return note("moe_emu_shared_atomic", op.getPtr(), op.getType(), b);
      })
      .Case([&](LLVM::AtomicCmpXchgOp op) {
        return note("moe_emu_shared_atomic", op.getPtr(), op.getVal().getType(),
                    b);
      })
      .Case<LLVM::MemcpyOp, LLVM::MemmoveOp>(
          [&](auto op) { return noteCopy(op, b); })
      .Case([&](LLVM::MemsetOp op) -> Result {
        noteBytes("moe_emu_shared_store", op.getDst(), op.getLen(), b);
        return success();
      })
      .Case([&](LLVM::PtrToIntOp op) -> Result {
        if (!isShared(op.getArg().getType()))
          return success();
        Value address =
            b.call("moe_emu_shared_address", b.getI32Type(), {op.getArg()});
        op.replaceAllUsesWith(b.resize(address, op.getType()));
        op.erase();
        return success();
      })
      .Case([&](LLVM::IntToPtrOp op) -> Result {
        if (!isShared(op.getType()))
          return success();
        Value address = b.resize(op.getArg(), b.getI32Type());
        Value pointer =
            b.call("moe_emu_shared_pointer", b.pointer(), {address});
        op.getResult().replaceAllUsesWith(pointer);
        op.erase();
        return success();
      })
      .Case([&](LLVM::AddrSpaceCastOp op) -> Result {
        op.getResult().replaceAllUsesWith(op.getArg());
        op.erase();
        return success();
      })
      .Default([](Operation *) { return std::nullopt; });
}
