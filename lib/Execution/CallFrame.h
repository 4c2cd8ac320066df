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
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::moe {

/// The words of a memref: allocated, aligned, offset, sizes, strides.
std::vector<int64_t> describeBuffer(const void *data, ArrayRef<int64_t> shape);
/// A block on the context's device, if it has one, else of the host.
llvm::Expected<void *> allocateBuffer(rt::Context &context, int64_t bytes);
llvm::Error writeBuffer(rt::Context &context, void *block, const void *source,
                        int64_t bytes);

class CallFrame {
public:
  /// Tensors are arguments and results on the context's device, if it has one.
  /// `states` are their descriptors, which a call may change.
  CallFrame(const Executable &code, ArrayRef<HostTensor> inputs,
            rt::Context &context, std::vector<std::vector<int64_t>> &states);
  CallFrame(const CallFrame &) = delete;
  ~CallFrame();

  /// Copies the inputs to the device, and those that are given away.
  llvm::Error upload(ArrayRef<HostTensor> inputs);

  rt::Result call();

  /// Copies the results out of what a call has returned, and frees that.
  llvm::Expected<std::vector<HostTensor>> takeResults();

private:
  llvm::Expected<HostTensor> readResult(const ValueType &type,
                                        const char *place) const;

  /// Memory of the context for `input`.
  llvm::Expected<void *> give(const HostTensor &input);
  /// The new states, and who of `blocks` is to be freed.
  llvm::Error takeStates(ArrayRef<int64_t> places,
                         llvm::SmallPtrSetImpl<void *> &blocks);

  const Executable &code;
  const EntryPoint &entry;
  rt::Context &context;
  std::vector<std::vector<int64_t>> &states;
  rt::Device *device;
  /// Where each result lies, and the size of all.
  SmallVector<int64_t> offsets;
  /// Copies of the inputs on the device.
  std::vector<void *> uploaded;
  /// Those of inputs that are given away, blocks of the context.
  std::vector<void *> given;
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
