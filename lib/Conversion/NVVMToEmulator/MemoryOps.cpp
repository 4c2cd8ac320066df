//===- MemoryOps.cpp - Accesses of memory ---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pointers become plain ones, and the emulator is told of each access to shared
// and to global memory. Of shared memory a kernel sees addresses that are small
// integers.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

/// Whether a pointer leads to a thread's own memory, or to a constant of the
/// module: no kernel can be given another one.
static bool isOwn(Value pointer) {
  while (auto step = pointer.getDefiningOp()) {
    if (isa<LLVM::AllocaOp, LLVM::AddressOfOp>(step))
      return true;
    if (!isa<LLVM::GEPOp, LLVM::AddrSpaceCastOp>(step))
      return false;
    pointer = step->getOperand(0);
  }
  auto argument = cast<BlockArgument>(pointer);
  auto function =
      dyn_cast<LLVM::LLVMFuncOp>(argument.getOwner()->getParentOp());
  return function && argument.getOwner()->isEntryBlock() &&
         function.getArgAttr(argument.getArgNumber(),
                             LLVM::LLVMDialect::getByValAttrName());
}

/// `access` is "load", "store" or "atomic".
static void noteBytes(StringRef access, Value pointer, Value bytes,
                      CallBuilder &b) {
  bool shared = isShared(pointer.getType());
  if (!shared && isOwn(pointer))
    return;
  if (!shared && access == "atomic")
    access = "store";
  b.call(((shared ? "moe_emu_shared_" : "moe_emu_global_") + access).str(),
         {pointer, b.resize(bytes, b.getI64Type())});
}

static std::optional<LogicalResult> note(StringRef access, Value pointer,
                                         Type type, CallBuilder &b) {
  Operation *op = b.getInsertionBlock()->getParentOp();
  int64_t bytes = DataLayout::closest(op).getTypeSize(type);
  noteBytes(access, pointer, b.i64(bytes), b);
  return success();
}

template <typename Op>
static std::optional<LogicalResult> noteCopy(Op op, CallBuilder &b) {
  noteBytes("load", op.getSrc(), op.getLen(), b);
  noteBytes("store", op.getDst(), op.getLen(), b);
  return success();
}

std::optional<LogicalResult> mlir::moe::convertMemoryOp(Operation *op,
                                                        CallBuilder &b) {
  using Result = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](LLVM::LoadOp op) {
        return note("load", op.getAddr(), op.getType(), b);
      })
      .Case([&](LLVM::StoreOp op) {
        return note("store", op.getAddr(), op.getValue().getType(), b);
      })
      .Case([&](LLVM::AtomicRMWOp op) {
        return note("atomic", op.getPtr(), op.getType(), b);
      })
      .Case([&](LLVM::AtomicCmpXchgOp op) {
        return note("atomic", op.getPtr(), op.getVal().getType(), b);
      })
      .Case<LLVM::MemcpyOp, LLVM::MemmoveOp>(
          [&](auto op) { return noteCopy(op, b); })
      .Case([&](LLVM::MemsetOp op) -> Result {
        noteBytes("store", op.getDst(), op.getLen(), b);
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
