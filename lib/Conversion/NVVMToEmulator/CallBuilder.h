//===- CallBuilder.h - Calls of the emulator --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes calls of moe_emu_* in front of an operation, and declares what is
// called. Pointers into any address space may be passed: all become plain ones
// when the kernel has been converted.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_NVVMTOEMULATOR_CALLBUILDER_H
#define MOE_LIB_CONVERSION_NVVMTOEMULATOR_CALLBUILDER_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace mlir::moe {

class CallBuilder : public ImplicitLocOpBuilder {
public:
  /// Inserts in front of `op`; declarations go to `module`.
  CallBuilder(Operation *op, ModuleOp module)
      : ImplicitLocOpBuilder(op->getLoc(), op), module(module) {}

  Value call(StringRef name, Type result, ValueRange operands);
  void call(StringRef name, ValueRange operands);
  Value i32(int64_t value);
  Value i64(int64_t value);
  Type pointer() { return LLVM::LLVMPointerType::get(getContext()); }
  /// An integer of another width, without sign.
  Value resize(Value value, Type type);
  /// Memory of the thread, made once for each call of the function.
  Value local(Type type);

private:
  LLVM::LLVMFuncOp declare(StringRef name, Type result, ValueRange operands);

  ModuleOp module;
};

/// Shared memory of a block, or of one of its cluster.
bool isShared(Type type);

/// "'nvvm.xyz' is not emulated", and why.
LogicalResult notEmulated(Operation *op, const Twine &why = "");

/// Executes `op` only if `predicate` holds; null is always.
LogicalResult guard(Operation *op, Value predicate);

/// Each converts and erases an operation of its family, or returns nothing.
std::optional<LogicalResult> convertThreadOp(Operation *op, CallBuilder &b);
std::optional<LogicalResult> convertBarrierOp(Operation *op, CallBuilder &b);
std::optional<LogicalResult> convertMemoryOp(Operation *op, CallBuilder &b);
std::optional<LogicalResult> convertCopyOp(Operation *op, CallBuilder &b);
std::optional<LogicalResult> convertMatrixOp(Operation *op, CallBuilder &b);
std::optional<LogicalResult> convertMathOp(Operation *op, CallBuilder &b);

/// Fails at the first use of a wgmma's result that may come before the result.
LogicalResult checkWarpgroupRegisters(LLVM::LLVMFuncOp kernel);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_NVVMTOEMULATOR_CALLBUILDER_H
