//===- Messages.h - Messages of assertions -------------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The texts of assertions as globals of a module, each once.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_SCFTORUNTIME_MESSAGES_H
#define MOE_LIB_CONVERSION_SCFTORUNTIME_MESSAGES_H

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::moe {

class Messages {
public:
  explicit Messages(ModuleOp module);

  /// The global with the message of `op`, its place in front and a zero at the
  /// end, and its length without that.
  std::pair<LLVM::GlobalOp, int64_t> get(cf::AssertOp op);

private:
  ModuleOp module;
  llvm::StringMap<LLVM::GlobalOp> globals;
  int64_t next = 0;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_SCFTORUNTIME_MESSAGES_H
