//===- WGMMATile.h - Sizes of a kernel of wgmma -----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block has one producer and one or two consumers, each a warpgroup of 128
// threads. A consumer has 64 rows of the tile. The right-hand sides lie beside
// each other in one operand of wgmma, so that all accumulators of an element of
// the result are in one thread.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_WGMMATILE_H
#define MOE_LIB_CONVERSION_MOETOGPU_WGMMATILE_H

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

#include <optional>

namespace mlir::moe {

struct WGMMATile {
  static constexpr int64_t warpgroup = 128;
  static constexpr int64_t consumerRows = 64;
  /// A row of a stage is 128 bytes, which is what its swizzle is for.
  static constexpr int64_t rowBytes = 128;
  static constexpr int64_t depth = rowBytes / 2;

  int64_t consumers;
  /// Columns of wgmma, and the columns of the result that they make.
  int64_t columns, resultColumns;
  int64_t stages;
  /// Blocks on a multiprocessor.
  int64_t minBlocks;
  /// Registers of a thread after the warpgroups have shared them out anew;
  /// 0 if each keeps what it was launched with.
  int64_t producerRegisters, consumerRegisters;
  /// Of all consumer warps, in bytes.
  int64_t stagingBytes;

  int64_t rows() const { return consumers * consumerRows; }
  int64_t threads() const { return (1 + consumers) * warpgroup; }
  int64_t lhsBytes() const { return rows() * rowBytes; }
  int64_t rhsBytes() const { return columns * rowBytes; }
  int64_t stageBytes() const { return lhsBytes() + rhsBytes(); }
  /// Stages come first, aligned to 1024 bytes; staging and barriers follow.
  int64_t stagingOffset() const { return stages * stageBytes(); }
  int64_t barrierOffset() const { return stagingOffset() + stagingBytes; }
  int64_t sharedBytes() const;

  /// The sizes for `spec`; none if the target has too little shared memory.
  static std::optional<WGMMATile> choose(const GroupedContraction &spec,
                                         const GPUTarget &target);
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_WGMMATILE_H
