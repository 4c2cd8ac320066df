//===- RuntimeSymbols.h - Functions of the runtime -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names by which conversions of more than one room call the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_RUNTIMESYMBOLS_H
#define MOE_CONVERSION_RUNTIMESYMBOLS_H

#include "llvm/ADT/StringRef.h"

namespace mlir::moe {

/// Says how many threads there are: () -> i64.
inline constexpr llvm::StringLiteral threadsFunction = "moe_rt_threads";

} // namespace mlir::moe

#endif // MOE_CONVERSION_RUNTIMESYMBOLS_H
