//===- WarpMMA.h - Products of a warp from shared memory --------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync of 16 rows, 8 columns and a depth of 16, whose operands of two bytes
// lie in shared memory with the depth as the inner dimension.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_WARPMMA_H
#define MOE_LIB_CONVERSION_MOETOGPU_WARPMMA_H

#include "KernelBuilder.h"

namespace mlir::moe {

/// Rows in shared memory, swizzled so that a chunk of each of eight rows, which
/// is what ldmatrix reads at once, lie in banks of their own.
struct SwizzledRows {
  static constexpr int64_t chunkBytes = 16;
  /// 4 or 8.
  int64_t chunksPerRow;

  int64_t rowBytes() const { return chunksPerRow * chunkBytes; }
  /// Bytes from the first row to a chunk. It is linear in multiples of eight
  /// rows.
  Value offset(KernelBuilder &k, Value row, Value chunk) const;
};

class WarpMMA {
public:
  static constexpr int64_t rows = 16, columns = 8, depth = 16;
  /// Accumulators of a lane: two columns in the upper rows, two in the lower.
  static constexpr int64_t accumulators = 4;

  WarpMMA(KernelBuilder &kernel, SwizzledRows layout, Value lane)
      : k(kernel), layout(layout), lane(lane) {}

  /// Where the lane reads 16 rows of an lhs, at the `step`th depth of 16.
  Value lhsOffset(int64_t step);
  /// Where the lane reads 16 rows of an rhs, that is 16 columns of the product,
  /// at the `step`th depth of 16.
  Value rhsOffset(int64_t step);
  /// Where the lane reads 8 rows of an rhs at the `step`th depth of 32.
  Value narrowRhsOffset(int64_t step);

  /// The four registers at one of these, from the start of the shared memory. A
  /// pair of them is 8 rows of an rhs at a depth of 16.
  SmallVector<Value, 4> load(Value offset);
  /// accumulators + lhs * rhs.
  SmallVector<Value, 4> multiply(ArrayRef<Value> lhs, ArrayRef<Value> rhs,
                                 ArrayRef<Value> accumulators);

private:
  KernelBuilder &k;
  SwizzledRows layout;
  Value lane;
};

/// Whether the target has mma.sync and it takes the operands of `spec` from
/// rows of whole chunks; if not, `why` says why not.
bool canBuildFromChunks(const GroupedContraction &spec, const GPUTarget &target,
                        std::string &why);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_WARPMMA_H
