//===- WarpEpilogue.h - The epilogue of a warp's fragments ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor cores leave 16 rows in a warp: of each block of 8 columns, a lane has
// two neighbours in each of rows lane / 4 and lane / 4 + 8. Results of two
// bytes pass through shared memory, so that a row is stored by 16 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_WARPEPILOGUE_H
#define MOE_LIB_CONVERSION_MOETOGPU_WARPEPILOGUE_H

#include "KernelBuilder.h"

namespace mlir::moe {

struct WarpFragments {
  /// Of the warp in the tile, and in the result; a multiple of `columns`.
  Value firstRow, firstColumn;
  /// 16, 32 or a multiple of 64.
  int64_t columns;
  /// The lane's accumulator of a contraction: its column `side` (0 or 1) of
  /// block `block` of 8 columns, in its upper or lower row `half`.
  llvm::function_ref<Value(int64_t contraction, int64_t block, int64_t half,
                           int64_t side)>
      accumulator;
  /// Where warpStagingBytes of the warp's own begin in the dynamic shared
  /// memory, aligned to 16 bytes.
  Value staging;
};

/// Shared memory that the epilogue of a warp needs.
int64_t warpStagingBytes(const GroupedContraction &spec, int64_t columns);

/// Applies the epilogue and stores the results, in all lanes of a warp.
void emitWarpEpilogue(KernelBuilder &kernel, const Tile &tile,
                      const WarpFragments &fragments);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_WARPEPILOGUE_H
