//===- Executable.h - A model as machine code -------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links a lowered model against the runtime. What it runs in, weights above
// all, is a session's (Session.h), of which one executable may have several.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_EXECUTABLE_H
#define MOE_EXECUTION_EXECUTABLE_H

#include "mlir/IR/BuiltinOps.h"
#include "moe/Execution/Devices.h"
#include "moe/Execution/LazyJIT.h"
#include "moe/Execution/Model.h"
#include "moe/Runtime/Runtime.h"

namespace mlir::moe {

struct ExecutableOptions {
  /// Where object files are written; empty: nowhere.
  std::string dumpObjectsDir;
  /// Whether the module may link nothing but the table even if it tries; a
  /// trusted one is not looked at, though it links no more.
  bool trusted = false;
  /// Tensors that the code has copied to aligned memory before it reads them.
  std::vector<std::string> misaligned;
  /// What the module was lowered to.
  MachineKind machine = MachineKind::CPU;
  /// Where the times of compilations are recorded, or null.
  rt::Trace *trace = nullptr;
  /// Of LLVM, 0 to 3.
  unsigned optLevel = 3;
};

/// Whether compiled code has another meaning for that name, or no symbol can
/// have it. A function that is to run gets another one.
bool isReservedName(StringRef name);

/// What a call of a function leaves to the next. Its sizes are those of the
/// initial value at the beginning; without one it is zeros, none if the leading
/// size is dynamic.
struct StateType {
  std::string name;
  ValueType type;
  std::optional<HostTensor> initial;
};

/// Compiled code, which does not change. Functions may be called from several
/// threads at a time.
class Executable {
public:
  /// `module` is in phase `machine`; `entry` is what it was when imported.
  /// Compiles what is not compiled on first use.
  static llvm::Expected<std::unique_ptr<Executable>>
  create(ModuleOp module, EntryPoint entry, ExecutableOptions options);

  /// An error that names the first input that the function does not take.
  static llvm::Error checkInputs(const EntryPoint &entry,
                                 ArrayRef<HostTensor> inputs);

  /// The function as the host calls it: with a context, a pointer to each
  /// argument, and one to the returned value if there is one.
  using Function = void (*)(MoEContext *context, void **arguments);
  Function function() const { return invoke; }
  const EntryPoint &entryPoint() const { return entry; }
  /// The data that the code reads, in the order in which a context has it.
  ArrayRef<std::string> dataNames() const { return data; }
  /// The last arguments and the last results of the function, which
  /// entryPoint() has not.
  ArrayRef<StateType> states() const { return stateTypes; }
  /// Whether the code copies a tensor to aligned memory before it reads it.
  bool aligns(StringRef parameter) const {
    return llvm::is_contained(misaligned, parameter);
  }
  const LazyJIT &jit() const { return *code; }

private:
  explicit Executable(EntryPoint entry) : entry(std::move(entry)) {}

  EntryPoint entry;
  std::vector<StateType> stateTypes;
  std::vector<std::string> data;
  std::vector<std::string> misaligned;
  std::unique_ptr<LazyJIT> code;
  Function invoke = nullptr;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_EXECUTABLE_H
