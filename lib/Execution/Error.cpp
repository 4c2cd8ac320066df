//===- Error.cpp - Errors and their exit codes ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Making and taking apart errors that carry an exit code.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Error.h"
#include "llvm/ADT/ArrayRef.h"

using namespace llvm;
using namespace mlir;
using namespace mlir::moe;

char CodedError::ID;

llvm::Error moe::makeError(const llvm::Twine &message) {
  return llvm::make_error<CodedError>(ExitCode::Error, message.str());
}

llvm::Error moe::usageError(const llvm::Twine &message) {
  return llvm::make_error<CodedError>(ExitCode::Usage, message.str());
}

llvm::Error moe::limitError(const llvm::Twine &message) {
  return llvm::make_error<CodedError>(ExitCode::Limit, message.str());
}

std::pair<std::string, ExitCode> moe::takeMessage(llvm::Error error) {
  std::string text;
  ExitCode code = ExitCode::Ok;
  auto note = [&](StringRef message, ExitCode its) {
    if (text.empty())
      text = message.str();
    code = std::max(code, its);
  };
  llvm::handleAllErrors(
      std::move(error),
      [&](const CodedError &coded) { note(coded.message(), coded.code()); },
      [&](const llvm::ErrorInfoBase &other) {
        bool memory = other.convertToErrorCode() ==
                      std::make_error_code(std::errc::not_enough_memory);
        note(other.message(), memory ? ExitCode::Limit : ExitCode::Error);
      });
  // Names in messages are quoted where they are made; this is for messages of
  // others, which must not move the cursor of a terminal either.
  for (char &c : text)
    if (c == '\n' || c == '\t')
      c = ' ';
    else if (static_cast<unsigned char>(c) < 32 || c == 127 || c == '\x9b')
      c = '?';
  return {text, code};
}

std::string moe::didYouMean(StringRef name, ArrayRef<std::string> candidates) {
  unsigned best = std::max<size_t>(2, name.size() / 4) + 1;
  StringRef nearest;
  for (StringRef candidate : candidates) {
    unsigned distance = name.edit_distance(candidate, true, best);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  if (nearest.empty())
    return "";
  return (", did you mean '" + nearest + "'?").str();
}
