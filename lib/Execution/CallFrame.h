//===- CallFrame.h - Arguments and results of one call ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory that one call of a compiled function reads its arguments from and
// writes its results to, in the layout of MLIR's C interface. Private to this
// room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_CALLFRAME_H
#define MOE_LIB_EXECUTION_CALLFRAME_H

#include "moe/Execution/Executable.h"
#include "moe/Runtime/Device.h"

namespace mlir::moe {

class CallFrame {
public:
  /// Tensors are arguments and results on the context's device, if it has one.
  CallFrame(const EntryPoint &entry, ArrayRef<HostTensor> inputs,
            rt::Context &context);
  CallFrame(const CallFrame &) = delete;
  ~CallFrame();

  /// Copies the inputs to the device.
  llvm::Error upload(ArrayRef<HostTensor> inputs);

  rt::Result call(Executable::Function function);

  /// Copies the results out of what a call has returned, and frees that.
  llvm::Expected<std::vector<HostTensor>> takeResults();

private:
  llvm::Expected<HostTensor> readResult(const ValueType &type,
                                        const char *place) const;

  const EntryPoint &entry;
  rt::Context &context;
  rt::Device *device;
  /// Copies of the inputs.
  std::vector<void *> uploaded;
  /// allocated, aligned, offset, sizes, strides of each tensor argument.
  std::vector<std::vector<int64_t>> descriptors;
  /// What a pointer argument points to.
  std::vector<void *> values;
  /// To each argument, and to the returned value if there is one.
  std::vector<void *> pointers;
  /// A struct of all results.
  std::vector<int64_t> results;
  void *resultsAddress = nullptr;
};

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_CALLFRAME_H
