//===- Error.h - Errors and their exit codes --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which exit code an error leads to. An error that does not say is one in the
// input, the compilation or the run.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_ERROR_H
#define MOE_EXECUTION_ERROR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir::moe {

/// The exit codes of moe-run. A bug is one of ours.
enum class ExitCode {
  Ok = 0,
  Error = 1,
  Usage = 2,
  Mismatch = 3,
  Limit = 4,
  Bug = 70
};

/// An error that decides the exit code.
class CodedError : public llvm::ErrorInfo<CodedError> {
public:
  static char ID;

  CodedError(ExitCode code, std::string message)
      : exitCode(code), text(std::move(message)) {}

  ExitCode code() const { return exitCode; }
  void log(llvm::raw_ostream &os) const override { os << text; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }

private:
  ExitCode exitCode;
  std::string text;
};

llvm::Error makeError(const llvm::Twine &message);
llvm::Error usageError(const llvm::Twine &message);
llvm::Error limitError(const llvm::Twine &message);

/// The message in one line and the exit code; consumes the error.
std::pair<std::string, ExitCode> takeMessage(llvm::Error error);

/// ", did you mean 'NAME'?" with the candidate nearest to `name`, or nothing if
/// none is near.
std::string didYouMean(llvm::StringRef name,
                       llvm::ArrayRef<std::string> candidates);

} // namespace mlir::moe

#endif // MOE_EXECUTION_ERROR_H
