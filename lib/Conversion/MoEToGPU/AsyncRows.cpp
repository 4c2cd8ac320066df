//===- AsyncRows.cpp - Rows on their way to shared memory -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AsyncRows.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr int64_t chunkBytes = SwizzledRows::chunkBytes;

AsyncRows::AsyncRows(KernelBuilder &kernel, SwizzledRows layout, int64_t count,
                     Value thread, int64_t threads, Source source)
    : k(kernel), layout(layout),
      chunk(k.remainder(thread, layout.chunksPerRow)) {
  int64_t atOnce = threads / layout.chunksPerRow;
  assert(count % atOnce == 0 && "threads without a row");
  for (int64_t first = 0; first < count; first += atOnce) {
    Value row = k.add(k.divide(thread, layout.chunksPerRow), first);
    SourceRow from = source(row, first);
    Row own;
    own.start = k.byte(from.base, k.multiply(from.index, k.spec.depth * 2));
    if (from.exists)
      own.size = k.select(from.exists, k.i32(chunkBytes), k.i32(0));
    own.offset = layout.offset(k, row, chunk);
    rows.push_back(own);
  }
}

void AsyncRows::copy(Value step, Value destination) {
  int64_t depthBytes = k.spec.depth * 2;
  Value exists, offset = k.add(k.multiply(step, layout.rowBytes()),
                               k.multiply(chunk, chunkBytes));
  if (depthBytes % layout.rowBytes() != 0) {
    exists = k.less(offset, depthBytes);
    offset = k.select(exists, offset, k.i32(0));
  }
  for (const Row &row : rows) {
    Value size = row.size;
    if (exists)
      size = k.select(exists, size ? size : k.i32(chunkBytes), k.i32(0));
    NVVM::CpAsyncOp::create(k.b, k.shared(k.add(destination, row.offset)),
                            k.byte(row.start, k.extend(offset)), chunkBytes,
                            NVVM::LoadCacheModifierKind::CG, size);
  }
}

void AsyncRows::commit(KernelBuilder &k) {
  NVVM::CpAsyncCommitGroupOp::create(k.b);
}

void AsyncRows::wait(KernelBuilder &k, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(k.b, pending);
}
