//===- TensorSpec.h - Where a tensor comes from or goes to ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The SPEC of --input, --output and --expected-output: a literal, or a file
// after '@', with a key in brackets where a file holds several tensors.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_IMPORT_TENSORSPEC_H
#define MOE_IMPORT_TENSORSPEC_H

#include "moe/Tensor/File.h"
#include "moe/Tensor/HostTensor.h"

#include <vector>

namespace mlir::moe {

struct TensorSpec {
  enum class Kind { Literal, Npy, Npz, SafeTensors };
  Kind kind;
  std::string path; // of a file
  std::string key;  // empty if none is given
};

/// Splits a spec without looking at any file.
llvm::Expected<TensorSpec> parseTensorSpec(StringRef spec);

/// Reads "2x3xf32=...", "@x.npy", "@x.npz[key]" or "@x.safetensors[key]"; the
/// key may be left out where the file holds one tensor.
llvm::Expected<HostTensor> readTensor(StringRef spec,
                                      int64_t maxBytes = HostTensor::kNoLimit);

/// Writes outputs to "@y.npy" and "@y.safetensors[key]". Tensors for one
/// safetensors file are gathered.
class TensorWriter {
public:
  /// Checks the spec against those added before. `tensor` must live until
  /// write().
  llvm::Error add(StringRef spec, const HostTensor &tensor);
  /// Writes all files, for `output` to give them their names.
  llvm::Error write(OutputFiles &output);

private:
  using Tensors = std::vector<std::pair<std::string, const HostTensor *>>;
  struct File {
    TensorSpec::Kind kind;
    std::string path;
    Tensors tensors;
  };
  std::vector<File> files;
};

/// An error if `spec` is none that TensorWriter takes, for a check before the
/// work is done.
llvm::Expected<TensorSpec> parseOutputSpec(StringRef spec);

/// Writes a single tensor.
llvm::Error writeTensor(StringRef spec, const HostTensor &tensor);

} // namespace mlir::moe

#endif // MOE_IMPORT_TENSORSPEC_H
