//===- TensorMap.h - Descriptors of TMA -------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the emulator writes into the 128 bytes of a tensor map.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_TENSORMAP_H
#define MOE_LIB_EMULATOR_TENSORMAP_H

#include "moe/Runtime/Device.h"

namespace mlir::moe::emu {

struct TensorMap {
  static constexpr uint64_t expectedMagic = 0x70616d726f736e65;
  static constexpr int maximumRank = 5;

  uint64_t magic;
  unsigned char *base;
  int64_t sizes[maximumRank];
  /// In bytes; that of dimension 0 is the size of an element.
  int64_t strides[maximumRank];
  uint16_t box[maximumRank];
  uint8_t elementBytes, rank;

  int64_t boxBytes() const;
  bool isSwizzled() const { return box[0] * elementBytes == 128; }
};
static_assert(sizeof(TensorMap) <= MoETensorMapBytes);

/// The problem of a shape that TMA does not take, or none.
std::string makeTensorMap(TensorMap &map, const rt::TensorMapShape &shape);

/// Where the swizzle of 128 bytes puts what belongs at `address`: among the
/// pieces of 16 bytes in each 128, by the number of the 128 bytes modulo 8.
inline uint32_t swizzled(uint32_t address) {
  return address ^ ((address >> 7 & 7) << 4);
}

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_TENSORMAP_H
