//===- Checkpoint.h - The weights at hand -----------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All weight files of a model, mapped read-only into one contiguous region of
// addresses, so that compiled code reaches each weight as an offset from one
// base. Opening reads headers only; a page of weights is read when something
// touches it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_IMPORT_CHECKPOINT_H
#define MOE_IMPORT_CHECKPOINT_H

#include "moe/Runtime/MappedFiles.h"
#include "moe/Tensor/File.h"
#include "moe/Tensor/HostTensor.h"

#include "llvm/ADT/StringMap.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace mlir::moe {

/// One tensor of a checkpoint.
struct Parameter {
  std::string name;
  ElementType elementType;
  SmallVector<int64_t, 4> shape;
  /// Where its bytes are mapped.
  const char *address;
  /// Where compiled code finds it: `address`, or, if misaligned, its place for
  /// a copy, which holds the tensor after Checkpoint::copyAligned.
  const char *alignedAddress;
  int64_t bytes;
  /// Index into Checkpoint::files().
  unsigned file;
  /// `address` is no multiple of the element size.
  bool misaligned;

  std::string typeString() const {
    return stringifyTensorType(elementType, shape);
  }
};

struct CheckpointFile {
  std::string path;
  /// Found in a directory that was named; otherwise the file itself was named,
  /// and a tensor in it that no model uses is worth an error.
  bool fromDirectory;
};

class Checkpoint {
public:
  /// Each path is a safetensors file or a directory. A directory's files are
  /// those of its model.safetensors.index.json, else all its *.safetensors.
  static llvm::Expected<Checkpoint> open(ArrayRef<std::string> paths);
  Checkpoint(Checkpoint &&) = default;
  Checkpoint &operator=(Checkpoint &&) = default;

  /// Start of the mapped region, and its size.
  const char *base() const { return region->base; }
  int64_t sizeInBytes() const { return region->bytes; }

  ArrayRef<Parameter> parameters() const { return tensors; }
  ArrayRef<CheckpointFile> files() const { return origins; }
  const Parameter *lookup(StringRef name) const;
  /// The name that a misspelt `name` most likely means, empty if none is near.
  StringRef nearest(StringRef name) const;
  /// What is odd about the index files without being an error, a line each.
  ArrayRef<std::string> warnings() const { return remarks; }

  /// Copies a misaligned parameter to its aligned address, once; does nothing
  /// for an aligned one. Safe to call from several threads.
  void copyAligned(const Parameter &parameter) const;
  /// The number of parameters copied so far.
  int64_t numAlignedCopies() const { return region->copies; }

  /// An error if a boolean parameter holds a byte other than 0 and 1. Reads
  /// the pages of boolean parameters, of others nothing.
  llvm::Error checkBooleans(const Parameter &parameter) const;

  /// An error if a file has become shorter than it was when it was opened, or
  /// could not be read: what was read of it since may be zeros. Reads happen
  /// under rt::MappedReads.
  llvm::Error checkFiles() const;

private:
  /// Reserved addresses: the files one after another, each from a page's
  /// start, then writable memory for aligned copies.
  struct Region {
    char *base = nullptr;
    int64_t bytes = 0;
    std::unique_ptr<std::once_flag[]> copied; // one for each parameter
    std::atomic<int64_t> copies{0};
    std::vector<InputFile> files;
    std::vector<std::unique_ptr<rt::MappedFile>> mapped; // one for each file
    ~Region();
  };
  struct Builder;

  Checkpoint() : region(std::make_unique<Region>()) {}

  std::unique_ptr<Region> region;
  std::vector<Parameter> tensors;
  std::vector<CheckpointFile> origins;
  std::vector<std::string> remarks;
  llvm::StringMap<unsigned> byName;
};

} // namespace mlir::moe

#endif // MOE_IMPORT_CHECKPOINT_H
