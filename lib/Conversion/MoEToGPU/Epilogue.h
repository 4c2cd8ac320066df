//===- Epilogue.h - The epilogue at places of the result --------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands by row are loaded once for each row, and operands by column once for
// each group of columns. Rows and columns that do not exist read the last ones
// that do, and are not stored.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_EPILOGUE_H
#define MOE_LIB_CONVERSION_MOETOGPU_EPILOGUE_H

#include "KernelBuilder.h"

namespace mlir::moe {

struct EpilogueRow {
  /// i1: the tile has the row.
  Value exists;
  /// first + r and row(r), i64; row(r) only if an operand needs it.
  Value position, gathered;
  /// Those by row; null for others.
  SmallVector<Value> operands;
};

/// Columns beside each other.
struct EpilogueColumns {
  /// i1: the result has the columns; null if it always has.
  Value exist;
  /// The first column, i32.
  Value first;
  int64_t width;
  /// For each operand by column its elements; empty for others.
  SmallVector<SmallVector<Value>> operands;
};

class EpilogueEmitter {
public:
  EpilogueEmitter(KernelBuilder &kernel, const Tile &tile)
      : k(kernel), tile(tile) {}

  /// Row `r` (i32) of the tile.
  EpilogueRow row(Value r);
  /// Columns [first, first + width), where `width` divides `first` and the
  /// columns of the result. They are known to exist if `blockColumns`, which
  /// the blocks of columns are long, divides the columns of the result.
  EpilogueColumns columns(Value first, int64_t width, int64_t blockColumns);
  /// The elements of the result at a row and columns. `accumulators` has for
  /// each column those of the contractions.
  SmallVector<Value> apply(const EpilogueRow &row,
                           const EpilogueColumns &columns,
                           ArrayRef<SmallVector<Value>> accumulators);
  /// Stores what `apply` returned if row and columns exist.
  void store(const EpilogueRow &row, const EpilogueColumns &columns,
             ArrayRef<Value> results);

private:
  /// `width` elements from `index` on, which is a multiple of `width`.
  SmallVector<Value> load(Value base, Type type, Value index, int64_t width);

  KernelBuilder &k;
  Tile tile;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_EPILOGUE_H
