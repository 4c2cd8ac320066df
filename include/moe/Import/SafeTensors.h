//===- SafeTensors.h - The safetensors file format --------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A strict reader of headers, since weight files are not trusted, and a writer.
// The rules and their order are those of the reference implementation; where
// its specification and its code differ, the specification decides.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_IMPORT_SAFETENSORS_H
#define MOE_IMPORT_SAFETENSORS_H

#include "moe/Tensor/File.h"
#include "moe/Tensor/HostTensor.h"

#include <utility>
#include <vector>

namespace mlir::moe {

struct SafeTensorsEntry {
  std::string name;
  ElementType elementType;
  SmallVector<int64_t, 4> shape;
  /// Where the tensor's bytes lie in the file.
  int64_t offset;
  int64_t bytes;
};

struct SafeTensorsHeader {
  /// In the order in which they lie in the file.
  std::vector<SafeTensorsEntry> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;

  const SafeTensorsEntry *lookup(StringRef name) const;
};

/// Reads and checks the header. The tensors' own bytes are not read.
llvm::Expected<SafeTensorsHeader> readSafeTensorsHeader(const InputFile &file);

/// Checks a header of which the length was found good: `json` is its text,
/// `fileSize` the size of the file named `path`.
llvm::Expected<SafeTensorsHeader>
parseSafeTensorsHeader(StringRef json, int64_t fileSize, StringRef path);

/// Reads one tensor's bytes into memory of its own.
llvm::Expected<HostTensor>
readSafeTensor(const InputFile &file, const SafeTensorsEntry &entry,
               int64_t maxBytes = HostTensor::kNoLimit);

/// Writes a whole file. Tensors are laid out by falling alignment, then by
/// name, and the header is padded so that all of them are aligned.
llvm::Error
writeSafeTensors(raw_ostream &os,
                 ArrayRef<std::pair<std::string, const HostTensor *>> tensors);

/// The name of a type in the files' headers: "F32", "BOOL".
StringRef stringifySafeTensorsType(ElementType type);

} // namespace mlir::moe

#endif // MOE_IMPORT_SAFETENSORS_H
