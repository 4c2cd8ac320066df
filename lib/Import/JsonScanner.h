//===- JsonScanner.h - Strict pull scanner for JSON -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads JSON out of untrusted files, one token at a time, as the caller
// expects it. llvm::json does not serve here: it lets the last of two equal
// keys win, takes 1.0 for an integer and 01 for a number, and recurses without
// a limit. Messages name the byte, never the content: the file may be any file.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_IMPORT_JSONSCANNER_H
#define MOE_IMPORT_JSONSCANNER_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace mlir::moe {

class JsonScanner {
public:
  /// `text` must be valid UTF-8; `place` leads every message.
  JsonScanner(StringRef text, StringRef place) : text(text), place(place) {}

  /// `member` is called with each key, in order, and must read its value.
  /// Equal keys are an error.
  llvm::Error readObject(llvm::function_ref<llvm::Error(StringRef key)> member);
  /// `element` is called before each element and must read it.
  llvm::Error readArray(llvm::function_ref<llvm::Error()> element);
  llvm::Expected<std::string> readString();
  /// Decimal digits only: no sign, fraction, exponent or leading zero.
  llvm::Expected<uint64_t> readUnsigned();
  /// Any value, nested at most kMaxDepth deep.
  llvm::Error skipValue();
  /// Only whitespace may follow.
  llvm::Error readEnd();
  /// True if the next value begins with `opening`.
  bool peek(char opening);
  /// True if the next value is an unsigned integer.
  bool peekUnsigned();

  llvm::Error error(const llvm::Twine &message) const;

private:
  static constexpr unsigned kMaxDepth = 64;

  void skipSpace();
  bool consume(char c);
  llvm::Error expect(char c);
  llvm::Error readEscape(std::string &value);
  llvm::Expected<unsigned> readHexWord();
  llvm::Error skipNumber();

  StringRef text;
  StringRef place;
  size_t position = 0;
  unsigned depth = 0;
};

} // namespace mlir::moe

#endif // MOE_IMPORT_JSONSCANNER_H
