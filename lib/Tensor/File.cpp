//===- File.cpp - Careful reading and writing of files --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/File.h"

#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
namespace fs = llvm::sys::fs;

static Error systemError(StringRef path, StringRef what, int code) {
  return createStringError(std::error_code(code, std::generic_category()),
                           path + ": " + what + ": " + std::strerror(code));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Expected<InputFile> InputFile::open(StringRef path) {
  if (path.contains('\0'))
    return createStringError("file name " + quote(path) + " has a null byte");
  std::string name = path.str();
  int fd;
  do {
    fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return systemError(path, "cannot open", errno);
  struct stat status;
  int failed = ::fstat(fd, &status) < 0 ? errno : 0;
  InputFile file(path, fd, failed ? 0 : status.st_size);
  if (failed)
    return systemError(path, "cannot read", failed);
  if (!S_ISREG(status.st_mode))
    return createStringError(path + ": not a regular file");
  return file;
}

InputFile::InputFile(InputFile &&other)
    : name(std::move(other.name)), fd(other.fd), bytes(other.bytes) {
  other.fd = -1;
}

InputFile::~InputFile() {
  if (fd >= 0)
    ::close(fd);
}

InputFile InputFile::renamed(StringRef path) && {
  name = path.str();
  return std::move(*this);
}

Error InputFile::read(char *target, int64_t count, int64_t offset) const {
  while (count > 0) {
    ssize_t done = ::pread(fd, target, count, offset);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return systemError(name, "cannot read", errno);
    if (done == 0)
      return createStringError(name + ": ends at byte " + Twine(offset) + ", " +
                               Twine(count) + " bytes too early");
    target += done;
    offset += done;
    count -= done;
  }
  return Error::success();
}

Expected<std::unique_ptr<llvm::MemoryBuffer>>
mlir::moe::readFile(StringRef path, int64_t maxBytes) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.takeError();
  if (file->size() > maxBytes)
    return memoryError(path + ": " + Twine(file->size()) +
                       " bytes, the limit is " + Twine(maxBytes));
  auto buffer =
      llvm::WritableMemoryBuffer::getNewUninitMemBuffer(file->size(), path);
  if (!buffer)
    return memoryError(path + ": out of memory for " + Twine(file->size()) +
                       " bytes");
  if (Error error = file->read(buffer->getBufferStart(), file->size(), 0))
    return std::move(error);
  return std::move(buffer);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The file that `path` leads to through symbolic links, whether or not the
/// last component exists.
static std::string canonicalPath(StringRef path) {
  SmallString<256> real;
  if (!fs::real_path(path, real))
    return real.str().str();
  StringRef parent = llvm::sys::path::parent_path(path);
  if (fs::real_path(parent.empty() ? "." : parent, real))
    return path.str();
  llvm::sys::path::append(real, llvm::sys::path::filename(path));
  return real.str().str();
}

Expected<OutputFile> OutputFile::create(StringRef path) {
  OutputFile file;
  file.name = canonicalPath(path);
  fs::file_status status;
  std::error_code missing = fs::status(file.name, status);
  if (!missing && fs::is_directory(status))
    return createStringError(path + ": is a directory");
  if (!missing && !fs::is_regular_file(status)) {
    std::error_code code;
    file.stream = std::make_unique<llvm::raw_fd_ostream>(
        file.name, code, fs::CD_OpenExisting, fs::FA_Write, fs::OF_None);
    if (code)
      return systemError(path, "cannot write", code.value());
    return file;
  }
  SmallString<256> temporary;
  if (std::error_code code = fs::createUniqueFile(
          file.name + ".%%%%%%%%.tmp", file.descriptor, temporary, fs::OF_None,
          fs::all_read | fs::all_write))
    return systemError(path, "cannot write", code.value());
  file.temporary = temporary.str().str();
  file.stream = std::make_unique<llvm::raw_fd_ostream>(file.descriptor, true);
  llvm::sys::RemoveFileOnSignal(file.temporary);
  return file;
}

OutputFile::~OutputFile() {
  if (!stream)
    return;
  // A stream with an unreported error would end the process.
  stream->close();
  stream->clear_error();
  if (temporary.empty())
    return;
  fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

Error OutputFile::finish() {
  stream->flush();
  if (stream->has_error()) {
    int code = stream->error().value();
    stream->clear_error();
    return systemError(name, "cannot write", code);
  }
  return Error::success();
}

Error OutputFile::commit() {
  if (Error error = finish())
    return error;
  if (!temporary.empty() && ::fsync(descriptor) < 0)
    return systemError(name, "cannot write", errno);
  stream->close();
  if (stream->has_error()) {
    int code = stream->error().value();
    stream->clear_error();
    return systemError(name, "cannot write", code);
  }
  if (!temporary.empty()) {
    if (std::error_code code = fs::rename(temporary, name))
      return systemError(name, "cannot write", code.value());
    llvm::sys::DontRemoveFileOnSignal(temporary);
  }
  stream.reset();
  return Error::success();
}

Error mlir::moe::writeFile(StringRef path, StringRef contents) {
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  file->os() << contents;
  return file->commit();
}

bool mlir::moe::sameFile(StringRef a, StringRef b) {
  bool equivalent = false;
  if (!fs::equivalent(a, b, equivalent) && equivalent)
    return true;
  return canonicalPath(a) == canonicalPath(b);
}
