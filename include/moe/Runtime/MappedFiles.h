//===- MappedFiles.h - Files that shrink while they are read ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The system answers a read of a mapped page that its file no longer has, or
// that the disk does not give, with SIGBUS, on whatever thread and with
// whatever locks it holds. Here such pages read as zero, and the run ends with
// an error.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_MAPPEDFILES_H
#define MOE_RUNTIME_MAPPEDFILES_H

#include <cstdint>
#include <memory>
#include <string>

namespace mlir::moe::rt {

/// Says that pages of a file are mapped, as long as it lives. Nobody reads them
/// when it ends.
class MappedFile {
public:
  /// `begin` is the start of a page.
  MappedFile(char *begin, int64_t bytes, const std::string &path);
  ~MappedFile();

  /// One line about what could not be read; empty if nothing is missing.
  std::string failure() const;

  struct Pages;

private:
  std::unique_ptr<Pages> pages;
};

/// Makes missing pages of all mapped files read as zero while it lives; every
/// invocation has one. Any other SIGBUS goes to the handler that was there.
class MappedReads {
public:
  MappedReads();
  ~MappedReads();
  MappedReads(const MappedReads &) = delete;

  /// The failure of the first file that has one.
  static std::string failure();

private:
  bool active;
};

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_MAPPEDFILES_H
