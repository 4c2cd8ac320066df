//===- CPUTarget.h - What the host processor offers -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector registers and caches of a processor, and the kernel sizes that follow
// from them. Passes take every tile size from here and write none themselves.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TARGET_CPUTARGET_H
#define MOE_TARGET_CPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>

namespace mlir::moe {

/// The sizes of a contraction kernel: `rows` x `columns` accumulators are kept
/// in registers, `columns` is a multiple of `lanes`, and a packed panel of the
/// right-hand side has `depth` x `columns` elements.
struct ContractionTile {
  int64_t rows;
  int64_t columns;
  int64_t lanes;
  int64_t depth;
  /// The depth of a panel if the result has less than `manyRows` rows.
  int64_t shallowDepth;
  int64_t manyRows;
  /// Up to `fewRows` rows, a right-hand side with contiguous rows is better
  /// read where it is, `shortDepth` of its rows at a time.
  int64_t fewRows;
  int64_t shortDepth;
};

struct CPUTarget {
  unsigned vectorBits;
  unsigned vectorRegisters;
  bool hasFMA;
  int64_t l1Bytes;
  int64_t l2Bytes;

  /// The processor this process runs on.
  static CPUTarget host();

  /// "host", or one of the fixed descriptions "avx512", "avx2" and "sse".
  static llvm::Expected<CPUTarget> fromName(llvm::StringRef name);

  /// Number of elements of a vector register.
  int64_t lanes(unsigned elementBits) const { return vectorBits / elementBits; }

  /// The kernel for accumulators of the given width. A result known to be
  /// narrow gets a narrow one.
  ContractionTile
  contractionTile(unsigned accumulatorBits,
                  std::optional<int64_t> resultColumns = std::nullopt) const;
};

} // namespace mlir::moe

#endif // MOE_TARGET_CPUTARGET_H
