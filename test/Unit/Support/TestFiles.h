//===- TestFiles.h - Files and errors in unit tests -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A directory that lives as long as a test, and one-line access to files in it
// and to the message of an error.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_SUPPORT_TESTFILES_H
#define MOE_TEST_UNIT_SUPPORT_TESTFILES_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace mlir::moe {

class TestDirectory {
public:
  TestDirectory() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("moe-unit", root));
  }
  ~TestDirectory() { llvm::sys::fs::remove_directories(root); }

  std::string path(const std::string &name = "") const {
    return name.empty() ? root.str().str() : root.str().str() + "/" + name;
  }
  std::string makeDirectory(const std::string &name) const {
    EXPECT_FALSE(llvm::sys::fs::create_directories(path(name)));
    return path(name);
  }
  std::string write(const std::string &name, const std::string &bytes) const {
    std::error_code code;
    llvm::raw_fd_ostream os(path(name), code);
    EXPECT_FALSE(code);
    os << bytes;
    return path(name);
  }
  std::string read(const std::string &name) const {
    auto buffer = llvm::MemoryBuffer::getFile(path(name));
    return buffer ? (*buffer)->getBuffer().str() : "<no such file>";
  }
  /// Names of what it holds, sorted.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(root, code), end; it != end;
         it.increment(code))
      names.push_back(it->path().substr(root.size() + 1));
    std::sort(names.begin(), names.end());
    return names;
  }

private:
  llvm::SmallString<128> root;
};

/// The message of an error, "" for success.
inline std::string message(llvm::Error error) {
  return llvm::toString(std::move(error));
}
template <typename T> std::string message(llvm::Expected<T> value) {
  return value ? "" : llvm::toString(value.takeError());
}

/// Whether an error's code says that a limit was reached.
inline bool isMemoryError(llvm::Error error) {
  return llvm::errorToErrorCode(std::move(error)) ==
         std::errc::not_enough_memory;
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// The bytes of little-endian values.
template <typename T> std::string bytesOf(std::vector<T> values) {
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(T));
}

} // namespace mlir::moe

/// An error of one line that holds `part`.
#define EXPECT_ERROR(value, part)                                              \
  do {                                                                         \
    std::string errorText = mlir::moe::message(value);                         \
    EXPECT_TRUE(mlir::moe::contains(errorText, part))                          \
        << "message: " << errorText;                                           \
    EXPECT_FALSE(mlir::moe::contains(errorText, "\n"))                         \
        << "message: " << errorText;                                           \
  } while (false)

#endif // MOE_TEST_UNIT_SUPPORT_TESTFILES_H
