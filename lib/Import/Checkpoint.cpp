//===- Checkpoint.cpp - The weights at hand -------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Import/Checkpoint.h"

#include "CheckpointFiles.h"

#include "moe/Import/SafeTensors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

Checkpoint::Region::~Region() {
  mapped.clear();
  if (base)
    ::munmap(base, bytes);
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Collects the files, then lays them out and maps them.
struct Checkpoint::Builder {
  Checkpoint result;
  std::vector<InputFile> files;
  std::vector<int64_t> fileStarts; // from the region's base
  std::vector<int64_t> offsets;    // of each tensor in its file
  int64_t page = ::sysconf(_SC_PAGESIZE);

  Error add(StringRef path);
  Error addTensors(SafeTensorsHeader header, unsigned file);
  Error checkIndex(const CheckpointIndex &index, unsigned firstFile);
  Error map();
  Error mapFile(unsigned file);
  /// Moves `end` on to a multiple of `alignment`, then by `bytes`; returns the
  /// place before the last step.
  Expected<int64_t> place(int64_t &end, int64_t bytes, int64_t alignment);
};

Error Checkpoint::Builder::add(StringRef path) {
  Expected<CheckpointSource> source = openCheckpointSource(path);
  if (!source)
    return source.takeError();
  unsigned firstFile = files.size();
  for (InputFile &file : source->files) {
    Expected<SafeTensorsHeader> header = readSafeTensorsHeader(file);
    if (!header)
      return header.takeError();
    unsigned index = files.size();
    result.origins.push_back({file.path().str(), source->isDirectory});
    files.push_back(std::move(file));
    if (Error failed = addTensors(std::move(*header), index))
      return failed;
  }
  if (source->index.weightMap.empty())
    return Error::success();
  return checkIndex(source->index, firstFile);
}

Error Checkpoint::Builder::addTensors(SafeTensorsHeader header, unsigned file) {
  for (SafeTensorsEntry &entry : header.tensors) {
    auto [known, isNew] =
        result.byName.try_emplace(entry.name, result.tensors.size());
    if (!isNew) {
      unsigned other = result.tensors[known->second].file;
      return createStringError(files[file].path() + ": tensor " +
                               quote(entry.name) + " is also in " +
                               files[other].path());
    }
    result.tensors.push_back({std::move(entry.name), entry.elementType,
                              entry.shape, nullptr, nullptr, entry.bytes, file,
                              false});
    offsets.push_back(entry.offset);
  }
  return Error::success();
}

/// Holds an index against the files it names, which are the last ones added.
Error Checkpoint::Builder::checkIndex(const CheckpointIndex &index,
                                      unsigned firstFile) {
  llvm::StringSet<> mapped;
  for (const auto &[tensor, name] : index.weightMap) {
    mapped.insert(tensor);
    const Parameter *parameter = result.lookup(tensor);
    if (!parameter || parameter->file < firstFile)
      return createStringError(Twine(index.path) + ": maps tensor " +
                               quote(tensor) + " to " + quote(name) +
                               ", which does not hold it");
    StringRef holder =
        llvm::sys::path::filename(result.origins[parameter->file].path);
    if (holder != name)
      return createStringError(Twine(index.path) + ": maps tensor " +
                               quote(tensor) + " to " + quote(name) +
                               ", it is in " + holder);
  }
  int64_t total = 0, unmapped = 0;
  for (const Parameter &parameter : result.tensors) {
    if (parameter.file < firstFile)
      continue;
    total += parameter.bytes;
    unmapped += !mapped.contains(parameter.name);
  }
  if (unmapped)
    result.remarks.push_back((Twine(index.path) + ": does not mention " +
                              Twine(unmapped) + " tensors of its files")
                                 .str());
  if (index.totalSize >= 0 && index.totalSize != total)
    result.remarks.push_back((Twine(index.path) + ": total_size is " +
                              Twine(index.totalSize) + ", the tensors take " +
                              Twine(total) + " bytes")
                                 .str());
  return Error::success();
}

Expected<int64_t> Checkpoint::Builder::place(int64_t &end, int64_t bytes,
                                             int64_t alignment) {
  int64_t start;
  if (__builtin_add_overflow(end, alignment - 1, &start) ||
      __builtin_add_overflow(start -= start % alignment, bytes, &end))
    return createStringError("the weight files exceed the address space");
  return start;
}

Error Checkpoint::Builder::mapFile(unsigned file) {
  char *where = result.region->base + fileStarts[file];
  void *mapped = ::mmap(where, files[file].size(), PROT_READ,
                        MAP_PRIVATE | MAP_FIXED, files[file].descriptor(), 0);
  if (mapped == MAP_FAILED)
    return createStringError(files[file].path() +
                             ": cannot map: " + std::strerror(errno));
  result.region->mapped.push_back(std::make_unique<rt::MappedFile>(
      where, files[file].size(), files[file].path().str()));
  return Error::success();
}

Error Checkpoint::Builder::map() {
  int64_t end = 0;
  for (InputFile &file : files) {
    Expected<int64_t> start = place(end, file.size(), page);
    if (!start)
      return start.takeError();
    fileStarts.push_back(*start);
  }
  Expected<int64_t> tail = place(end, 0, page);
  if (!tail)
    return tail.takeError();
  SmallVector<int64_t> copies(result.tensors.size(), -1);
  for (auto [i, parameter] : llvm::enumerate(result.tensors)) {
    int64_t unit = std::max(bitWidth(parameter.elementType) / 8, 1u);
    parameter.misaligned = parameter.bytes > 0 && offsets[i] % unit != 0;
    if (!parameter.misaligned)
      continue;
    Expected<int64_t> copy =
        place(end, parameter.bytes, HostTensor::kAlignment);
    if (!copy)
      return copy.takeError();
    copies[i] = *copy;
  }
  // At least one page, so that the base is an address without weights too.
  end = std::max(end, page);
  if (Expected<int64_t> rounded = place(end, 0, page); !rounded)
    return rounded.takeError();

  Region &region = *result.region;
  void *reserved = ::mmap(nullptr, end, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return memoryError(
        "cannot reserve " + Twine(end) +
        " bytes of addresses for weights: " + std::strerror(errno));
  region.base = static_cast<char *>(reserved);
  region.bytes = end;
  region.copied = std::make_unique<std::once_flag[]>(result.tensors.size());
  for (unsigned i = 0; i < files.size(); ++i)
    if (Error failed = mapFile(i))
      return failed;
  if (end > *tail &&
      ::mprotect(region.base + *tail, end - *tail, PROT_READ | PROT_WRITE) != 0)
    return memoryError(Twine("cannot reserve memory for aligned weights: ") +
                       std::strerror(errno));
  for (auto [i, parameter] : llvm::enumerate(result.tensors)) {
    parameter.address = region.base + fileStarts[parameter.file] + offsets[i];
    parameter.alignedAddress =
        parameter.misaligned ? region.base + copies[i] : parameter.address;
  }
  return Error::success();
}

Expected<Checkpoint> Checkpoint::open(ArrayRef<std::string> paths) {
  Builder builder;
  for (const std::string &path : paths)
    if (Error failed = builder.add(path))
      return std::move(failed);
  if (Error failed = builder.map())
    return std::move(failed);
  builder.result.region->files = std::move(builder.files);
  return std::move(builder.result);
}

//===----------------------------------------------------------------------===//
// Using
//===----------------------------------------------------------------------===//

const Parameter *Checkpoint::lookup(StringRef name) const {
  auto known = byName.find(name);
  return known == byName.end() ? nullptr : &tensors[known->second];
}

StringRef Checkpoint::nearest(StringRef name) const {
  // One letter in three may be wrong: enough for a missing "model." or
  // ".weight", too little for another layer's name to seem a typing error.
  unsigned best = std::max<unsigned>(2, name.size() / 3) + 1;
  StringRef found;
  for (const Parameter &parameter : tensors) {
    unsigned distance =
        name.edit_distance(parameter.name, /*AllowReplacements=*/true, best);
    if (distance < best) {
      best = distance;
      found = parameter.name;
    }
  }
  return found;
}

void Checkpoint::copyAligned(const Parameter &parameter) const {
  if (!parameter.misaligned)
    return;
  std::call_once(region->copied[&parameter - tensors.data()], [&] {
    char *target = region->base + (parameter.alignedAddress - region->base);
    std::memcpy(target, parameter.address, parameter.bytes);
    ++region->copies;
  });
}

Error Checkpoint::checkBooleans(const Parameter &parameter) const {
  if (parameter.elementType != ElementType::I1)
    return Error::success();
  return moe::checkBooleans(parameter.address, parameter.bytes,
                            origins[parameter.file].path + ": tensor " +
                                quote(parameter.name));
}

Error Checkpoint::checkFiles() const {
  for (auto [file, mapped] : llvm::zip_equal(region->files, region->mapped)) {
    struct stat status;
    // The rest of a page that a file ends in reads as zeros without a signal.
    if (::fstat(file.descriptor(), &status) == 0 &&
        status.st_size < file.size())
      return createStringError(
          file.path() + ": was shortened from " + Twine(file.size()) + " to " +
          Twine(status.st_size) + " bytes while it was in use");
    if (std::string failure = mapped->failure(); !failure.empty())
      return createStringError(failure);
  }
  return Error::success();
}
