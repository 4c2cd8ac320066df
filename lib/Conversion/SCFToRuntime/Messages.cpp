//===- Messages.cpp - Messages of assertions ------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Messages.h.
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/IR/Locations.h"

using namespace mlir;
using namespace mlir::moe;

Messages::Messages(ModuleOp module) : module(module) {}

std::pair<LLVM::GlobalOp, int64_t> Messages::get(cf::AssertOp op) {
  std::string place = placeOf(op.getLoc());
  std::string message = (place.empty() ? "" : place + ": ") +
                        inLayer(op.getLoc()) + op.getMsg().str();
  int64_t bytes = message.size();
  LLVM::GlobalOp &global = globals[message];
  if (global)
    return {global, bytes};
  auto b = ImplicitLocOpBuilder::atBlockBegin(op.getLoc(), module.getBody());
  std::string name;
  do
    name = ("moe.message." + Twine(next++)).str();
  while (module.lookupSymbol(name));
  global = LLVM::GlobalOp::create(
      b, LLVM::LLVMArrayType::get(b.getI8Type(), bytes + 1),
      /*isConstant=*/true, LLVM::Linkage::Internal, name,
      b.getStringAttr(message + StringRef("\0", 1)));
  return {global, bytes};
}
