//===- Random.h - Random tensors that are the same everywhere ---*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A counter-based generator: an element's value depends on the seed and on its
// linear index alone, not on shape, machine or order of evaluation.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_RANDOM_H
#define MOE_TENSOR_RANDOM_H

#include "moe/Tensor/HostTensor.h"

namespace mlir::moe {

/// The output number `index` of SplitMix64 started at `seed`.
uint64_t randomBits(uint64_t seed, uint64_t index);

/// Fills `tensor`; with z = randomBits(seed, i), element i is
/// - for a float: (z >> 40) * 2^-23 - 1, which lies in [-1, 1) and is exact in
///   f32; narrower types truncate it toward zero;
/// - for an integer of N bits: the N highest bits of z; for i1 the highest.
void fillRandom(HostTensor &tensor, uint64_t seed);

} // namespace mlir::moe

#endif // MOE_TENSOR_RANDOM_H
