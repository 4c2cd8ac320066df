//===- ForeignDialects.h - Models that are not lowered yet ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What to do about operations and types that another compiler has to lower
// first. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_FOREIGNDIALECTS_H
#define MOE_LIB_EXECUTION_FOREIGNDIALECTS_H

#include "mlir/IR/Diagnostics.h"
#include <optional>
#include <string>

namespace mlir::moe {

/// The error in place of `diagnostic`, if the parser of MLIR says in it that it
/// does not know a dialect. `source` is the text it parses; it tells the name
/// of an operation in generic form.
std::optional<std::string> explainForeignDialect(Diagnostic &diagnostic,
                                                 llvm::StringRef source);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_FOREIGNDIALECTS_H
