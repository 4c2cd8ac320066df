//===- EmulatedKernel.h - A kernel that the emulator runs -------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_SUPPORT_EMULATEDKERNEL_H
#define MOE_TEST_UNIT_SUPPORT_EMULATEDKERNEL_H

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include "moe/Emulator/Emulator.h"

namespace mlir::moe {

class EmulatedKernel {
public:
  /// Lowers the one kernel of the one gpu.module in `module`, which is gone
  /// afterwards, to code of this machine. A failure is a failure of the test,
  /// and gives null.
  static std::unique_ptr<EmulatedKernel> create(ModuleOp module);

  /// Returns an empty string or what went wrong, at once or later.
  std::string launch(rt::Device &device, const rt::Launch &launch);

private:
  std::unique_ptr<ExecutionEngine> engine;
  MoEKernel *kernel = nullptr;
};

} // namespace mlir::moe

#endif // MOE_TEST_UNIT_SUPPORT_EMULATEDKERNEL_H
