//===- File.cpp - Careful reading and writing of files --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/File.h"

#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
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

Error mlir::moe::checkWritable(StringRef path) {
  fs::file_status status;
  std::string name = canonicalPath(path);
  if (fs::status(name, status))
    return Error::success();
  if (fs::is_directory(status))
    return createStringError(path + ": is a directory");
  // The superuser may write to any file; its owner said no all the same.
  if (!(status.permissions() & fs::all_write) ||
      ::access(name.c_str(), W_OK) != 0)
    return createStringError(path + ": is read-only");
  return Error::success();
}

static std::string temporaryModel(StringRef name) {
  return (name + ".%%%%%%%%.tmp").str();
}

/// Whether `name` is one that a temporary file for `target` may get.
static bool isTemporaryOf(StringRef name, StringRef target) {
  return name.consume_front(target) && name.consume_front(".") &&
         name.consume_back(".tmp") && name.size() == 8 &&
         llvm::all_of(name, llvm::isHexDigit);
}

/// Removes the temporary files of processes that were killed: whoever lives
/// holds a lock on his.
static void removeAbandoned(StringRef target) {
  StringRef directory = llvm::sys::path::parent_path(target);
  std::error_code code;
  for (fs::directory_iterator it(directory, code), end; !code && it != end;
       it.increment(code)) {
    if (!isTemporaryOf(llvm::sys::path::filename(it->path()),
                       llvm::sys::path::filename(target)))
      continue;
    int fd = ::open(it->path().c_str(),
                    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
      continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
      fs::remove(it->path());
    ::close(fd);
  }
}

/// Creates a locked file beside `target`.
static std::error_code createTemporary(StringRef target, int &descriptor,
                                       std::string &name) {
  while (true) {
    SmallString<256> path;
    if (std::error_code code =
            fs::createUniqueFile(temporaryModel(target), descriptor, path,
                                 fs::OF_None, fs::all_read | fs::all_write))
      return code;
    struct stat status;
    // Where there are no locks, nobody removes what is not locked.
    bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    if (!locked || ::fstat(descriptor, &status) != 0 || status.st_nlink > 0) {
      name = path.str().str();
      return {};
    }
    // Another process took it for abandoned before it was locked.
    ::close(descriptor);
  }
}

Expected<OutputFile> OutputFile::create(StringRef path) {
  if (Error refused = checkWritable(path))
    return std::move(refused);
  OutputFile file;
  file.name = canonicalPath(path);
  fs::file_status status;
  std::error_code missing = fs::status(file.name, status);
  if (!missing && !fs::is_regular_file(status)) {
    std::error_code code;
    file.stream = std::make_unique<llvm::raw_fd_ostream>(
        file.name, code, fs::CD_OpenExisting, fs::FA_Write, fs::OF_None);
    if (code)
      return systemError(path, "cannot write", code.value());
    return file;
  }
  removeAbandoned(file.name);
  if (std::error_code code =
          createTemporary(file.name, file.descriptor, file.temporary))
    return systemError(path, "cannot write", code.value());
  file.stream = std::make_unique<llvm::raw_fd_ostream>(file.descriptor, true);
  llvm::sys::RemoveFileOnSignal(file.temporary);
  if (!missing)
    ::fchmod(file.descriptor, status.permissions());
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
  // Closing lets go of the lock, so the file has its name by then.
  if (!temporary.empty()) {
    if (::fsync(descriptor) < 0)
      return systemError(name, "cannot write", errno);
    if (std::error_code code = fs::rename(temporary, name))
      return systemError(name, "cannot write", code.value());
    llvm::sys::DontRemoveFileOnSignal(temporary);
    temporary.clear();
  }
  stream->close();
  Error error = Error::success();
  if (stream->has_error())
    error = systemError(name, "cannot write", stream->error().value());
  stream->clear_error();
  stream.reset();
  return error;
}

Error OutputFiles::add(StringRef path,
                       llvm::function_ref<Error(raw_ostream &)> print) {
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error failed = print(file->os()))
    return failed;
  if (Error failed = file->finish())
    return failed;
  files.push_back(std::move(*file));
  return Error::success();
}

Error OutputFiles::commit() {
  for (OutputFile &file : files)
    if (Error failed = file.commit())
      return failed;
  files.clear();
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
