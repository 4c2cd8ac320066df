//===- Interface.h - What a module in machine code offers ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In phase `machine` functions take addresses and weights are symbols. What
// they were is kept in an attribute of the module, so that a text of that phase
// can be run.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_INTERFACE_H
#define MOE_LIB_EXECUTION_INTERFACE_H

#include "moe/Execution/Model.h"
#include "moe/Execution/Parameters.h"

namespace mlir::moe {

/// Writes the public functions and the weights of `module`, which is before
/// phase `machine`, to its attribute.
void recordInterface(ModuleOp module);

/// A public function, and what its arguments and results are called.
struct Signature {
  std::string function;
  FunctionType type;
  std::vector<ValueName> inputNames;
  std::vector<ValueName> resultNames;
};

/// Those of `module`, or, in phase `machine`, those that it had, with buffers
/// in place of tensors.
SmallVector<Signature> getSignatures(ModuleOp module);

/// Calls `parameter` and `family` for the recorded weights.
void visitRecordedWeights(
    ModuleOp module, function_ref<void(StringRef name, Type type)> parameter,
    function_ref<void(StringRef symbol, StringRef pattern,
                      ArrayRef<int64_t> counts, Type type)>
        family);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_INTERFACE_H
