//===- TrialParse.h - Whether a text can be parsed --------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parsers and verifiers of upstream's operations are written for programs
// that compilers make. Some end the process where an operand has a type that
// nobody thought of.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_TRIALPARSE_H
#define MOE_EXECUTION_TRIALPARSE_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::moe {

/// Parses `text` in a process of its own and forgets it. An error "FILE:line:
/// what" if that process broke down. A text that is merely wrong is none: it is
/// for the parse that follows to say so.
llvm::Error tryToParse(StringRef text, StringRef fileName,
                       const DialectRegistry &dialects);

} // namespace mlir::moe

#endif // MOE_EXECUTION_TRIALPARSE_H
