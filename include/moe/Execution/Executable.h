//===- Executable.h - A model as machine code -------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links a lowered model against the runtime and its weights, and calls it with
// tensors of the host.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_EXECUTABLE_H
#define MOE_EXECUTION_EXECUTABLE_H

#include "mlir/IR/BuiltinOps.h"
#include "moe/Execution/Devices.h"
#include "moe/Execution/LazyJIT.h"
#include "moe/Execution/Model.h"

namespace mlir::moe {

struct ExecutableOptions {
  /// Weights and what comes with them; the runtime's functions are added.
  llvm::StringMap<const void *> symbols;
  /// Where object files are written; empty: nowhere.
  std::string dumpObjectsDir;
  /// Whether the module may link nothing but the table even if it tries; a
  /// trusted one is not looked at, though it links no more.
  bool trusted = false;
  /// What the module was lowered to.
  MachineKind machine = MachineKind::CPU;
  /// Of LLVM, 0 to 3.
  unsigned optLevel = 3;
};

/// Whether compiled code has another meaning for that name, or no symbol can
/// have it. A function that is to run gets another one.
bool isReservedName(StringRef name);

class Executable {
public:
  /// `module` is in phase `machine`; `entry` is what it was when imported.
  static llvm::Expected<std::unique_ptr<Executable>>
  create(ModuleOp module, EntryPoint entry, ExecutableOptions options);

  /// An error that names the first input that the function does not take.
  static llvm::Error checkInputs(const EntryPoint &entry,
                                 ArrayRef<HostTensor> inputs);

  /// Compiles what is not compiled on first use. run() does so if need be.
  llvm::Error compile();

  /// Calls the function once. Inputs are as checkInputs wants them.
  llvm::Expected<std::vector<HostTensor>> run(ArrayRef<HostTensor> inputs);

  /// A run that was captured on the current device, to be repeated at the price
  /// of one launch. It ends with the device's session.
  class Step;
  /// The function must have run before. An error says why a run cannot be
  /// captured, such as that the host must wait for the device in it.
  llvm::Expected<std::unique_ptr<Step>> capture(ArrayRef<HostTensor> inputs);

  const LazyJIT &jit() const { return *code; }

private:
  explicit Executable(EntryPoint entry) : entry(std::move(entry)) {}

  EntryPoint entry;
  std::unique_ptr<LazyJIT> code;
  void (*invoke)(void **) = nullptr;
};

class Executable::Step {
public:
  ~Step();
  /// Runs the step so many times on the inputs of the capture, and waits.
  llvm::Error replay(int64_t times = 1);

private:
  friend class Executable;
  struct Frame;
  explicit Step(std::unique_ptr<Frame> frame);

  std::unique_ptr<Frame> frame;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_EXECUTABLE_H
