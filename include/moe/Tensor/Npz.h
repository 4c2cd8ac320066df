//===- Npz.h - NumPy's archives ---------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads one array of an npz file: a zip archive of npy files, stored or
// deflated, without zip64 and encryption.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_NPZ_H
#define MOE_TENSOR_NPZ_H

#include "moe/Tensor/HostTensor.h"

namespace mlir::moe {

/// Reads the member `key`, or `key`.npy; an empty key takes the only member.
/// `place` leads the messages.
llvm::Expected<HostTensor> readNpz(StringRef archive, StringRef key,
                                   StringRef place,
                                   int64_t maxBytes = HostTensor::kNoLimit);

} // namespace mlir::moe

#endif // MOE_TENSOR_NPZ_H
