//===- ThreadOps.cpp - Registers and warps --------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special registers, and instructions at which a warp meets.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

/// Replaces an operation of one result, or none.
static LogicalResult replace(Operation *op, Value value) {
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
  return success();
}

/// A register of the emulator; empty if it has none of that name.
static StringRef registerFunction(StringRef name) {
  return llvm::StringSwitch<StringRef>(name)
      .Case("tid.x", "moe_emu_tid_x")
      .Case("tid.y", "moe_emu_tid_y")
      .Case("tid.z", "moe_emu_tid_z")
      .Case("ntid.x", "moe_emu_ntid_x")
      .Case("ntid.y", "moe_emu_ntid_y")
      .Case("ntid.z", "moe_emu_ntid_z")
      .Case("ctaid.x", "moe_emu_ctaid_x")
      .Case("ctaid.y", "moe_emu_ctaid_y")
      .Case("ctaid.z", "moe_emu_ctaid_z")
      .Case("nctaid.x", "moe_emu_nctaid_x")
      .Case("nctaid.y", "moe_emu_nctaid_y")
      .Case("nctaid.z", "moe_emu_nctaid_z")
      .Case("laneid", "moe_emu_laneid")
      .Case("warpid", "moe_emu_warpid")
      .Case("nwarpid", "moe_emu_nwarpid")
      .Case("dynamic.smem.size", "moe_emu_dynamic_smem_size")
      .Default("");
}

/// The lanes before, after, or at the own one.
static Value laneMask(StringRef name, CallBuilder &b) {
  Value one = b.i32(1), all = b.i32(-1);
  Value lane = b.call("moe_emu_laneid", b.getI32Type(), {});
  Value equal = LLVM::ShlOp::create(b, one, lane);
  Value less = LLVM::SubOp::create(b, equal, one);
  Value lessEqual = LLVM::OrOp::create(b, less, equal);
  if (name == "lanemask.eq")
    return equal;
  if (name == "lanemask.lt")
    return less;
  if (name == "lanemask.le")
    return lessEqual;
  return LLVM::XOrOp::create(b, name == "lanemask.gt" ? lessEqual : less, all);
}

static LogicalResult convertRegister(Operation *op, StringRef name,
                                     CallBuilder &b) {
  Type type = op->getResult(0).getType();
  if (name == "warpsize")
    return replace(op, b.i32(32));
  if (name == "clock" || name == "clock64" || name.starts_with("globaltimer"))
    return replace(op,
                   b.resize(b.call("moe_emu_clock", b.getI64Type(), {}), type));
  if (name.starts_with("lanemask."))
    return replace(op, laneMask(name, b));
  // A cluster is one block.
  if (name == "cluster.ctarank" || name.starts_with("cluster.ctaid."))
    return replace(op, b.i32(0));
  if (name == "cluster.nctarank" || name.starts_with("cluster.nctaid."))
    return replace(op, b.i32(1));
  StringRef function = registerFunction(name);
  if (function.empty())
    return notEmulated(op);
  return replace(op, b.call(function, b.getI32Type(), {}));
}

static LogicalResult convertShuffle(NVVM::ShflOp op, CallBuilder &b) {
  Value value = op.getVal();
  Type type = value.getType(), i32 = b.getI32Type();
  if (!type.isInteger(32))
    value = LLVM::BitcastOp::create(b, i32, value);
  Value kind = b.i32(int64_t(op.getKind()));
  Value both = b.call(
      "moe_emu_shfl", b.getI64Type(),
      {kind, op.getThreadMask(), value, op.getOffset(), op.getMaskAndClamp()});
  Value result = b.resize(both, i32);
  if (!type.isInteger(32))
    result = LLVM::BitcastOp::create(b, type, result);
  if (!op.getReturnValueAndIsValid())
    return replace(op, result);
  Value valid = LLVM::LShrOp::create(b, both, b.i64(32));
  valid = b.resize(valid, b.getI1Type());
  Value pair = LLVM::UndefOp::create(b, op.getType());
  pair = LLVM::InsertValueOp::create(b, pair, result, ArrayRef<int64_t>{0});
  pair = LLVM::InsertValueOp::create(b, pair, valid, ArrayRef<int64_t>{1});
  return replace(op, pair);
}

static LogicalResult convertReduction(NVVM::ReduxOp op, CallBuilder &b) {
  if (!op.getType().isInteger(32))
    return notEmulated(op, "on floats");
  Value kind = b.i32(int64_t(op.getKind()));
  return replace(op, b.call("moe_emu_redux", b.getI32Type(),
                            {kind, op.getMaskAndClamp(), op.getVal()}));
}

std::optional<LogicalResult> mlir::moe::convertThreadOp(Operation *op,
                                                        CallBuilder &b) {
  StringRef name = op->getName().getStringRef();
  if (name.consume_front("nvvm.read.ptx.sreg."))
    return convertRegister(op, name, b);
  return llvm::TypeSwitch<Operation *, std::optional<LogicalResult>>(op)
      .Case([&](NVVM::ShflOp op) { return convertShuffle(op, b); })
      .Case([&](NVVM::ReduxOp op) { return convertReduction(op, b); })
      .Case([&](NVVM::VoteSyncOp op) {
        Value predicate = b.resize(op.getPred(), b.getI32Type());
        Value result =
            b.call("moe_emu_vote", b.getI32Type(),
                   {b.i32(int64_t(op.getKind())), op.getMask(), predicate});
        return replace(op, b.resize(result, op.getType()));
      })
      .Case([&](NVVM::ElectSyncOp op) {
        Value mask = op.getMembermask() ? op.getMembermask() : b.i32(-1);
        Value result = b.call("moe_emu_elect", b.getI32Type(), {mask});
        return replace(op, b.resize(result, op.getType()));
      })
      .Case([&](NVVM::SetMaxRegisterOp op) {
        bool increase = op.getAction() == NVVM::SetMaxRegisterAction::increase;
        b.call("moe_emu_setmaxnreg",
               {b.i32(op.getRegCount()), b.i32(increase)});
        op.erase();
        return success();
      })
      .Case([&](NVVM::NanosleepOp op) {
        b.call("moe_emu_nanosleep", {});
        op.erase();
        return success();
      })
      .Case([&](NVVM::Exit op) {
        b.call("moe_emu_exit", {});
        op.erase();
        return success();
      })
      .Case([&](LLVM::Trap op) {
        b.call("moe_emu_trap", {});
        op.erase();
        return success();
      })
      .Default([](Operation *) { return std::nullopt; });
}
