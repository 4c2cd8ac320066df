//===- Copy.cpp - Copies between strided buffers --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// memrefCopy, to which memref.copy of a strided buffer is lowered. Trailing
// dimensions that are dense on both sides are copied as one run.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Runtime.h"

#include <cstring>

namespace {
/// A view of a descriptor: allocated, aligned, offset, sizes, strides.
struct StridedBuffer {
  StridedBuffer(const MoEUnrankedMemRef &memref, int64_t elementBytes) {
    auto *pointers = static_cast<char **>(memref.descriptor);
    auto *numbers = static_cast<int64_t *>(memref.descriptor) + 2;
    // An empty buffer may have no memory to point into.
    data = pointers[1] ? pointers[1] + numbers[0] * elementBytes : nullptr;
    sizes = numbers + 1;
    strides = sizes + memref.rank;
  }
  char *data;
  const int64_t *sizes;
  const int64_t *strides;
};

/// The two sides of a copy of which the dimensions from `runDim` on are dense.
struct StridedCopy {
  StridedBuffer source, target;
  int64_t elementBytes;
  int64_t runDim;
  int64_t runBytes;

  void copyFrom(int64_t dim, const char *from, char *to) const {
    if (dim == runDim) {
      std::memcpy(to, from, runBytes);
      return;
    }
    for (int64_t i = 0; i < source.sizes[dim]; ++i) {
      copyFrom(dim + 1, from, to);
      from += source.strides[dim] * elementBytes;
      to += target.strides[dim] * elementBytes;
    }
  }
};
} // namespace

extern "C" void memrefCopy(int64_t elementBytes, MoEUnrankedMemRef *source,
                           MoEUnrankedMemRef *target) {
  StridedCopy copy{{*source, elementBytes},
                   {*target, elementBytes},
                   elementBytes,
                   source->rank,
                   elementBytes};
  int64_t runElements = 1;
  for (int64_t dim = 0; dim < source->rank; ++dim)
    if (copy.source.sizes[dim] == 0)
      return;
  while (copy.runDim > 0 &&
         copy.source.strides[copy.runDim - 1] == runElements &&
         copy.target.strides[copy.runDim - 1] == runElements)
    runElements *= copy.source.sizes[--copy.runDim];
  copy.runBytes = runElements * elementBytes;
  copy.copyFrom(0, copy.source.data, copy.target.data);
}
