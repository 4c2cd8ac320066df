//===- CheckpointFiles.cpp - Which files a checkpoint consists of ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointFiles.h"

#include "JsonScanner.h"

#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static constexpr const char *kIndexName = "model.safetensors.index.json";
static constexpr int64_t kMaxIndex = 100000000;

static bool isPlainFileName(StringRef name) {
  return !name.empty() && name.front() != '.' &&
         name.find_first_of(StringRef("/\\\0", 3)) == StringRef::npos;
}

/// True if `target`, a resolved path, is one of the places that a member of
/// `directory`, resolved too, may lead to: the directory itself, or, for
/// REPO/snapshots/REVISION, a file REPO/blobs/HEX.
static bool mayLeadTo(StringRef directory, StringRef target) {
  StringRef rest = target;
  if (rest.consume_front(directory) && rest.starts_with("/"))
    return true;
  StringRef snapshots = path::parent_path(directory);
  StringRef blobs = path::parent_path(target);
  return path::filename(snapshots) == "snapshots" &&
         path::filename(blobs) == "blobs" &&
         path::parent_path(snapshots) == path::parent_path(blobs) &&
         llvm::all_of(path::filename(target), llvm::isHexDigit);
}

Expected<InputFile> mlir::moe::openMember(StringRef directory, StringRef name) {
  SmallString<256> member(directory);
  path::append(member, name);
  SmallString<256> home, target;
  // A member that is missing or a dangling link fails with its own name.
  if (fs::real_path(directory, home) || fs::real_path(member, target))
    return InputFile::open(member);
  if (!mayLeadTo(home, target))
    return createStringError(Twine(member) +
                             ": a symbolic link out of its directory; to use "
                             "the file that it leads to, name that file");
  Expected<InputFile> file = InputFile::open(target);
  if (!file)
    return file.takeError();
  return std::move(*file).renamed(member);
}

//===----------------------------------------------------------------------===//
// The index
//===----------------------------------------------------------------------===//

static Error readWeightMap(JsonScanner &json, CheckpointIndex &index) {
  return json.readObject([&](StringRef tensor) -> Error {
    if (!json.peek('"'))
      return json.error("weight_map of " + quote(tensor) +
                        " is not the name of a file");
    Expected<std::string> file = json.readString();
    if (!file)
      return file.takeError();
    if (!isPlainFileName(*file))
      return json.error("weight_map of " + quote(tensor) + " is " +
                        quote(*file) +
                        ", not a plain name of a file in the same directory");
    index.weightMap.emplace_back(tensor.str(), std::move(*file));
    return Error::success();
  });
}

static Error readIndexMetadata(JsonScanner &json, CheckpointIndex &index) {
  if (!json.peek('{'))
    return json.skipValue();
  return json.readObject([&](StringRef key) -> Error {
    // Some writers put a float or a string here: a size that is no integer is
    // no reason to refuse weights.
    if (key != "total_size" || !json.peekUnsigned())
      return json.skipValue();
    Expected<uint64_t> size = json.readUnsigned();
    if (!size)
      return size.takeError();
    if (*size <= static_cast<uint64_t>(INT64_MAX))
      index.totalSize = *size;
    return Error::success();
  });
}

Expected<CheckpointIndex> mlir::moe::parseCheckpointIndex(StringRef text,
                                                          StringRef path) {
  auto *start = reinterpret_cast<const llvm::UTF8 *>(text.data());
  const llvm::UTF8 *bad = start;
  if (!llvm::isLegalUTF8String(&bad, start + text.size()))
    return createStringError(path + ": not UTF-8 at byte " +
                             Twine(bad - start));
  CheckpointIndex index;
  index.path = path.str();
  bool hasMap = false;
  JsonScanner json(text, path);
  Error failed = json.readObject([&](StringRef key) -> Error {
    if (key == "metadata")
      return readIndexMetadata(json, index);
    if (key != "weight_map")
      return json.skipValue();
    hasMap = true;
    return readWeightMap(json, index);
  });
  if (failed)
    return std::move(failed);
  if (Error failed = json.readEnd())
    return std::move(failed);
  if (!hasMap || index.weightMap.empty())
    return createStringError(path + ": names no tensors (no weight_map)");
  return index;
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

/// The files that the index names, each once, in its order.
static Error openIndexed(StringRef directory, CheckpointSource &source) {
  Expected<InputFile> file = openMember(directory, kIndexName);
  if (!file)
    return file.takeError();
  if (file->size() > kMaxIndex)
    return createStringError(file->path() + ": " + Twine(file->size()) +
                             " bytes, the limit is " + Twine(kMaxIndex));
  std::string text(file->size(), '\0');
  if (Error failed = file->read(text.data(), text.size(), 0))
    return failed;
  Expected<CheckpointIndex> index = parseCheckpointIndex(text, file->path());
  if (!index)
    return index.takeError();
  source.index = std::move(*index);
  llvm::StringSet<> opened;
  for (const auto &[tensor, name] : source.index.weightMap) {
    if (!opened.insert(name).second)
      continue;
    Expected<InputFile> shard = openMember(directory, name);
    if (!shard)
      return shard.takeError();
    source.files.push_back(std::move(*shard));
  }
  return Error::success();
}

static Error openAll(StringRef directory, CheckpointSource &source) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator it(directory, code), end; it != end && !code;
       it.increment(code)) {
    StringRef name = path::filename(it->path());
    if (name.ends_with(".safetensors") && name.front() != '.')
      names.push_back(name.str());
  }
  if (code)
    return createStringError(directory + ": cannot list: " + code.message());
  if (names.empty())
    return createStringError(directory + ": holds no *.safetensors file");
  llvm::sort(names);
  for (const std::string &name : names) {
    Expected<InputFile> file = openMember(directory, name);
    if (!file)
      return file.takeError();
    source.files.push_back(std::move(*file));
  }
  return Error::success();
}

Expected<CheckpointSource> mlir::moe::openCheckpointSource(StringRef location) {
  CheckpointSource source;
  source.isDirectory = fs::is_directory(location);
  if (!source.isDirectory) {
    Expected<InputFile> file = InputFile::open(location);
    if (!file)
      return file.takeError();
    source.files.push_back(std::move(*file));
    return source;
  }
  SmallString<256> index(location);
  path::append(index, kIndexName);
  // A dangling link is an index that cannot be read, not its absence.
  fs::file_status status;
  bool indexed = !fs::status(index, status, /*follow=*/false);
  if (Error failed =
          indexed ? openIndexed(location, source) : openAll(location, source))
    return std::move(failed);
  return source;
}
