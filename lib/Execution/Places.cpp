//===- Places.cpp - Which files a run reads and writes --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Places.h. Weights count as read in every mode: nobody means to overwrite
// those of the model at hand.
//
//===----------------------------------------------------------------------===//

#include "Places.h"
#include "NamedSpecs.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Lowering.h"
#include "moe/Import/TensorSpec.h"
#include "moe/Tensor/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::moe;
namespace fs = llvm::sys::fs;

/// Appends the files of a directory that have one of the endings.
static void list(StringRef directory, ArrayRef<StringRef> endings,
                 std::vector<std::string> &files) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    if (llvm::is_contained(endings, llvm::sys::path::extension(it->path())))
      files.push_back(it->path());
}

std::vector<std::string> moe::findWeights(const RunOptions &options,
                                          const ModelSource &source) {
  if (!options.parameters.empty())
    return options.parameters;
  std::vector<std::string> beside;
  if (!source.weightsDirectory.empty())
    list(source.weightsDirectory, {".safetensors"}, beside);
  if (!beside.empty())
    return {source.weightsDirectory};
  if (!source.weightsFile.empty())
    return {source.weightsFile};
  return {};
}

std::string moe::fileOfSpec(StringRef spec) {
  StringRef file = fileSpecOf(spec);
  if (file.empty())
    return "";
  auto parsed = parseTensorSpec(file);
  if (parsed)
    return parsed->path;
  llvm::consumeError(parsed.takeError());
  return "";
}

static std::vector<std::string> filesRead(const RunOptions &options,
                                          const ModelSource &source) {
  std::vector<std::string> files;
  if (source.path != "-")
    files.push_back(source.path);
  for (StringRef spec : options.inputs)
    files.push_back(fileOfSpec(spec));
  for (StringRef spec : options.expectedOutputs)
    files.push_back(fileOfSpec(spec));
  for (const std::string &path : findWeights(options, source))
    if (fs::is_directory(path))
      list(path, {".safetensors", ".json"}, files);
    else
      files.push_back(path);
  llvm::erase(files, "");
  return files;
}

namespace {
struct WrittenFile {
  std::string path;
  /// Those of --output are told apart by whoever writes them: several tensors
  /// may go to one file.
  bool isOutput = false;
};
} // namespace

static std::vector<WrittenFile> filesWritten(const RunOptions &options) {
  std::vector<WrittenFile> files;
  for (StringRef spec : options.outputs)
    files.push_back({fileOfSpec(spec), /*isOutput=*/true});
  std::vector<std::string> others = {options.statsOut, options.benchmarkOut,
                                     options.traceOut, options.output};
  if (!options.dumpPhasesDir.empty())
    for (int phase = 0; phase <= static_cast<int>(Phase::Machine); ++phase)
      others.push_back(
          phaseFile(options.dumpPhasesDir, static_cast<Phase>(phase)));
  // Their names are known when there is code; one that is there may be one.
  if (!options.dumpObjectsDir.empty())
    list(options.dumpObjectsDir, {".o"}, others);
  for (std::string &path : others)
    files.push_back({std::move(path)});
  llvm::erase_if(files, [](const WrittenFile &file) {
    return file.path.empty() || file.path == "-";
  });
  return files;
}

/// Devices and pipes take whatever comes.
static bool isSpecial(StringRef path) {
  fs::file_status status;
  return !fs::status(path, status) && !fs::is_regular_file(status);
}

llvm::Error moe::checkPlaces(const RunOptions &options,
                             const ModelSource &source) {
  std::vector<std::string> read = filesRead(options, source);
  std::vector<WrittenFile> written = filesWritten(options);
  for (auto [index, file] : llvm::enumerate(written)) {
    for (StringRef other : read)
      if (sameFile(file.path, other))
        return usageError(file.path +
                          ": would be overwritten, though the run reads it");
    for (const WrittenFile &other : llvm::drop_begin(written, index + 1))
      if (!(file.isOutput && other.isOutput) && !isSpecial(file.path) &&
          sameFile(file.path, other.path))
        return usageError(other.path + ": two outputs go to this file");
    if (llvm::Error error = checkWritable(file.path))
      return error;
  }
  return llvm::Error::success();
}
