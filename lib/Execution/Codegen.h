//===- Codegen.h - From an LLVM module to an object -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's optimisation pipeline and code generator for one module. Private to
// this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_CODEGEN_H
#define MOE_LIB_EXECUTION_CODEGEN_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::moe {

/// The target for `cpu` (empty: this machine) with `features` in addition.
llvm::Expected<llvm::orc::JITTargetMachineBuilder>
createTarget(llvm::StringRef cpu, llvm::ArrayRef<std::string> features,
             unsigned optLevel);

/// Optimises `module` and makes an object of it. Optimisations introduce calls
/// of no library function but those that can be linked.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> generateObject(
    llvm::Module &module, const llvm::orc::JITTargetMachineBuilder &target,
    unsigned optLevel, llvm::function_ref<bool(llvm::StringRef)> canLink);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_CODEGEN_H
