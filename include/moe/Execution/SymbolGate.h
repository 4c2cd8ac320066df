//===- SymbolGate.h - What compiled code may link ---------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last check before machine code: a module that a model became may reach
// nothing but the names of a table.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_SYMBOLGATE_H
#define MOE_EXECUTION_SYMBOLGATE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::moe {

/// Refuses a module with a declaration that is neither an intrinsic nor
/// allowed, a definition of an allowed name, inline assembly, a constructor or
/// destructor, an alias or ifunc, a thread-local variable, or a function in
/// another address space.
llvm::Error checkLinkage(const llvm::Module &module,
                         llvm::function_ref<bool(llvm::StringRef)> isAllowed);

} // namespace mlir::moe

#endif // MOE_EXECUTION_SYMBOLGATE_H
