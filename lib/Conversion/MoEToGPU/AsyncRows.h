//===- AsyncRows.h - Rows on their way to shared memory ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async by chunks of 16 bytes. Threads beside each other copy chunks beside
// each other; what does not exist is filled with zeros and not read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_ASYNCROWS_H
#define MOE_LIB_CONVERSION_MOETOGPU_ASYNCROWS_H

#include "WarpMMA.h"

namespace mlir::moe {

/// A row of an operand, along the whole depth.
struct SourceRow {
  Value base;
  /// Of the row in `base`, i64. It is in bounds even if the row does not exist.
  Value index;
  /// i1; null if the row always exists.
  Value exists;
};

class AsyncRows {
public:
  /// `source` says what row to copy, given the row in shared memory, and its
  /// number for the first of the threads.
  using Source = llvm::function_ref<SourceRow(Value row, int64_t first)>;

  /// Of `rows` rows those that `thread` of `threads` copies; all threads take
  /// whole rows, at the same time.
  AsyncRows(KernelBuilder &kernel, SwizzledRows layout, int64_t rows,
            Value thread, int64_t threads, Source source);

  /// Begins to copy the `step`th length of a row in shared memory to
  /// `destination` in the dynamic shared memory.
  void copy(Value step, Value destination);

  /// Ends what the thread has begun since the last time.
  static void commit(KernelBuilder &k);
  /// Waits until all but the last `pending` of what the thread has committed
  /// is there.
  static void wait(KernelBuilder &k, int64_t pending);

private:
  struct Row {
    Value start;
    /// Bytes of each of the thread's chunks; null for whole ones.
    Value size;
    /// Of the chunk in shared memory, from the first row.
    Value offset;
  };

  KernelBuilder &k;
  SwizzledRows layout;
  Value chunk;
  SmallVector<Row> rows;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_ASYNCROWS_H
