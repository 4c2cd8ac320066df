//===- CheckpointFiles.h - Which files a checkpoint consists of -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds and opens the files behind the paths that a user named. A directory
// may have been downloaded, so neither its index nor its symbolic links lead
// out of it, but for the links of a Hugging Face cache to its own blobs.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_IMPORT_CHECKPOINTFILES_H
#define MOE_IMPORT_CHECKPOINTFILES_H

#include "moe/Tensor/File.h"

#include <string>
#include <utility>
#include <vector>

namespace mlir::moe {

/// What model.safetensors.index.json says.
struct CheckpointIndex {
  std::string path;
  /// Tensor and file, in the index's order.
  std::vector<std::pair<std::string, std::string>> weightMap;
  /// metadata.total_size; -1 if there is none.
  int64_t totalSize = -1;
};

/// The files of one path. `index.weightMap` is empty without an index.
struct CheckpointSource {
  bool isDirectory = false;
  CheckpointIndex index;
  std::vector<InputFile> files;
};

llvm::Expected<CheckpointSource> openCheckpointSource(StringRef path);

/// Checks and reads an index's text.
llvm::Expected<CheckpointIndex> parseCheckpointIndex(StringRef text,
                                                     StringRef path);

/// Opens `name` in `directory`, `name` being untrusted.
llvm::Expected<InputFile> openMember(StringRef directory, StringRef name);

} // namespace mlir::moe

#endif // MOE_IMPORT_CHECKPOINTFILES_H
