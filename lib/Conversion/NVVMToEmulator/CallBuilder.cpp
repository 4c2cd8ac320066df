//===- CallBuilder.cpp - Calls of the emulator ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CallBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"

using namespace mlir;
using namespace mlir::moe;

/// Special registers and addresses do not change while a thread runs.
static bool isConstantInThread(StringRef name) {
  for (StringRef part : {"tid_", "ctaid_", "laneid", "warpid", "shared_static",
                         "shared_dynamic", "shared_address", "shared_pointer"})
    if (name.contains(part))
      return true;
  return false;
}

LLVM::LLVMFuncOp CallBuilder::declare(StringRef name, Type result,
                                      ValueRange operands) {
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  SmallVector<Type> types;
  for (Value operand : operands)
    types.push_back(isa<LLVM::LLVMPointerType>(operand.getType())
                        ? pointer()
                        : operand.getType());
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(
      *this, name, LLVM::LLVMFunctionType::get(result, types));
  if (isConstantInThread(name)) {
    auto none = LLVM::ModRefInfo::NoModRef;
    function.setMemoryEffectsAttr(
        LLVM::MemoryEffectsAttr::get(getContext(), {none, none, none}));
    function.setNoUnwind(true);
    function.setWillReturn(true);
  }
  return function;
}

Value CallBuilder::call(StringRef name, Type result, ValueRange operands) {
  return LLVM::CallOp::create(*this, declare(name, result, operands), operands)
      .getResult();
}

void CallBuilder::call(StringRef name, ValueRange operands) {
  Type nothing = LLVM::LLVMVoidType::get(getContext());
  LLVM::CallOp::create(*this, declare(name, nothing, operands), operands);
}

Value CallBuilder::i32(int64_t value) {
  return LLVM::ConstantOp::create(*this, getI32IntegerAttr(int32_t(value)));
}

Value CallBuilder::i64(int64_t value) {
  return LLVM::ConstantOp::create(*this, getI64IntegerAttr(value));
}

Value CallBuilder::resize(Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (from < to)
    return LLVM::ZExtOp::create(*this, type, value);
  if (from > to)
    return LLVM::TruncOp::create(*this, type, value);
  return value;
}

Value CallBuilder::local(Type type) {
  Operation *function = getInsertionBlock()->getParentOp();
  while (!isa<LLVM::LLVMFuncOp>(function))
    function = function->getParentOp();
  Block &entry = cast<LLVM::LLVMFuncOp>(function).getBody().front();
  for (auto known : entry.getOps<LLVM::AllocaOp>())
    if (known->hasAttr("moe.local") && known.getElemType() == type)
      return known;
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&entry);
  auto made = LLVM::AllocaOp::create(*this, pointer(), type, i32(1), 64);
  made->setAttr("moe.local", getUnitAttr());
  return made;
}

bool mlir::moe::isShared(Type type) {
  auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
  return pointer &&
         (pointer.getAddressSpace() == 3 || pointer.getAddressSpace() == 7);
}

LogicalResult mlir::moe::notEmulated(Operation *op, const Twine &why) {
  std::string text = why.str();
  return op->emitError() << "'" << op->getName() << "' is not emulated"
                         << (text.empty() ? "" : " ") << text;
}

LogicalResult mlir::moe::guard(Operation *op, Value predicate) {
  if (!predicate)
    return success();
  if (op->getNumResults() || !isa<LLVM::LLVMFuncOp>(op->getParentOp()))
    return notEmulated(op, "with a predicate here");
  Block *block = op->getBlock();
  Block *after = block->splitBlock(op->getNextNode());
  Block *guarded = block->splitBlock(op);
  OpBuilder b = OpBuilder::atBlockEnd(block);
  LLVM::CondBrOp::create(b, op->getLoc(), predicate, guarded, after);
  b.setInsertionPointToEnd(guarded);
  LLVM::BrOp::create(b, op->getLoc(), after);
  return success();
}
