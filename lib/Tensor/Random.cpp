//===- Random.cpp - Random tensors that are the same everywhere -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Random.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mlir::moe;
using llvm::APFloat;

uint64_t mlir::moe::randomBits(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void mlir::moe::fillRandom(HostTensor &tensor, uint64_t seed) {
  ElementType type = tensor.elementType();
  const llvm::fltSemantics *semantics = floatSemantics(type);
  unsigned width = type == ElementType::I1 ? 1 : bitWidth(type);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    uint64_t bits = randomBits(seed, i);
    if (!semantics) {
      tensor.writeBits(i, bits >> (64 - width));
      continue;
    }
    double value = static_cast<double>(bits >> 40) * 0x1p-23 - 1.0;
    if (width >= 32) {
      tensor.writeDouble(i, value);
      continue;
    }
    APFloat narrow(value);
    bool losesInfo;
    narrow.convert(*semantics, APFloat::rmTowardZero, &losesInfo);
    tensor.writeBits(i, narrow.bitcastToAPInt().getZExtValue());
  }
}
