//===- File.h - Careful reading and writing of files ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files that come from outside are opened so that a pipe or a device cannot
// block or flood the reader; files that go out appear under their name only
// when they are whole.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_FILE_H
#define MOE_TENSOR_FILE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>
#include <vector>

namespace mlir::moe {

/// A regular file open for reading, closed by the destructor.
class InputFile {
public:
  /// An error unless `path` names a regular file.
  static llvm::Expected<InputFile> open(StringRef path);
  InputFile(InputFile &&other);
  InputFile &operator=(InputFile &&other) = delete;
  ~InputFile();

  int descriptor() const { return fd; }
  /// Size in bytes when the file was opened.
  int64_t size() const { return bytes; }
  StringRef path() const { return name; }
  /// The same file under the name that messages are to give it.
  InputFile renamed(StringRef path) &&;
  /// Reads exactly `count` bytes at `offset`.
  llvm::Error read(char *target, int64_t count, int64_t offset) const;

private:
  InputFile(StringRef path, int fd, int64_t size)
      : name(path), fd(fd), bytes(size) {}

  std::string name;
  int fd;
  int64_t bytes;
};

/// The whole content of a regular file of at most `maxBytes`.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(StringRef path, int64_t maxBytes = INT64_MAX);

/// A file under construction. It is written beside its name and takes the name
/// in commit(); without a commit nothing is left behind, and what a killed
/// process left is removed when the file is next created. A path that names a
/// device or a pipe is written directly.
class OutputFile {
public:
  /// An error for a directory, and for a file that nobody may write to.
  static llvm::Expected<OutputFile> create(StringRef path);
  OutputFile(OutputFile &&) = default;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  raw_ostream &os() { return *stream; }
  /// Flushes, and reports any error of the writes so far.
  llvm::Error finish();
  /// finish(), then give the file its name.
  llvm::Error commit();

private:
  OutputFile() = default;

  std::string name;
  std::string temporary; // empty if written directly
  int descriptor = -1;   // of the temporary file, owned by the stream
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

/// Files of which each takes its name only when all have been written.
class OutputFiles {
public:
  /// Creates a file and lets `print` write it.
  llvm::Error add(StringRef path,
                  llvm::function_ref<llvm::Error(raw_ostream &)> print);
  /// An error leaves those that have no name yet without one.
  llvm::Error commit();

private:
  std::vector<OutputFile> files;
};

/// An error if OutputFile::create refuses what is at the path.
llvm::Error checkWritable(StringRef path);

/// Writes `contents` to a file that appears whole or not at all.
llvm::Error writeFile(StringRef path, StringRef contents);

/// True if both paths name one file, or would once they are created.
bool sameFile(StringRef a, StringRef b);

} // namespace mlir::moe

#endif // MOE_TENSOR_FILE_H
