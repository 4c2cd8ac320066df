//===- Npy.h - NumPy's file format ------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads npy 1.0, 2.0 and 3.0 strictly (no pickles, no big-endian data, nothing
// behind the data) and writes npy 1.0. An i1 tensor is an array of bool.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_NPY_H
#define MOE_TENSOR_NPY_H

#include "moe/Tensor/HostTensor.h"

namespace mlir::moe {

/// Reads the whole of `contents`; `place` leads the messages.
llvm::Expected<HostTensor> readNpy(StringRef contents, StringRef place,
                                   int64_t maxBytes = HostTensor::kNoLimit);

/// An error for a type that npy lacks, such as bf16; nothing is written then.
llvm::Error checkNpyType(ElementType type);
llvm::Error writeNpy(raw_ostream &os, const HostTensor &tensor);

} // namespace mlir::moe

#endif // MOE_TENSOR_NPY_H
