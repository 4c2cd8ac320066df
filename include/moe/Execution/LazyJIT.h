//===- LazyJIT.h - Machine code on first use --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles LLVM modules in partitions: the body of an expert, with the helpers
// that only it uses, becomes machine code when it is first called; everything
// else is one partition. Code links against a table and nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_LAZYJIT_H
#define MOE_EXECUTION_LAZYJIT_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class DataLayout;
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::moe {
namespace rt {
class Trace;
} // namespace rt

struct LazyJITOptions {
  /// All that code may link: functions of the runtime.
  llvm::StringMap<const void *> symbols;
  /// A function whose name begins so is compiled on its first call.
  std::vector<std::string> lazyPrefixes = {"moe_expert_"};
  /// Where each object file is written when it is generated; empty: nowhere.
  std::string dumpObjectsDir;
  /// Where the times of compilations are recorded, or null.
  rt::Trace *trace = nullptr;
  /// 0 to 3, as in -O3.
  unsigned optLevel = 3;
  /// Empty: this machine's.
  std::string cpu;
  /// In LLVM's spelling, for example "-avx512bf16"; added to those of `cpu`.
  std::vector<std::string> features;
};

/// What one compilation made.
struct CompiledPartition {
  std::string name;
  std::vector<std::string> functions;
  double seconds = 0;
  size_t objectBytes = 0;
};

class LazyJIT {
public:
  class Impl;

  static llvm::Expected<std::unique_ptr<LazyJIT>>
  create(LazyJITOptions options);
  ~LazyJIT();

  /// Takes a module; compiles nothing.
  llvm::Error addModule(std::unique_ptr<llvm::Module> module,
                        std::unique_ptr<llvm::LLVMContext> context);

  /// The address of a public function, compiled now with all that is not lazy.
  llvm::Expected<void *> lookup(llvm::StringRef name);

  const llvm::DataLayout &getDataLayout() const;

  /// What has been compiled, in the order of completion.
  std::vector<CompiledPartition> compiledPartitions() const;
  /// The functions of these partitions.
  std::vector<std::string> compiledFunctions() const;

private:
  explicit LazyJIT(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_LAZYJIT_H
