//===- Packing.cpp - Panels of the right-hand side ------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies a block of columns into a buffer with one row for each step of the
// depth, widened to the type of the accumulators.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::moe;

Value Kernel::pack(Value panel, Value column, Value from, Value count) {
  if (op.rhs.loops.back() == op.columns)
    return packRows(panel, column, from, count);
  if (op.rhs.loops.back() == op.depth)
    return packTransposed(panel, column, from, count);
  return packElements(panel, column, from, zero, count);
}

Value Kernel::packRows(Value panel, Value column, Value from, Value count) {
  return loop(zero, count, 1, panel, [&](Value k, Value carried) {
    for (int64_t j = 0; j < sizes.columns; j += sizes.lanes) {
      Value read = readVector(
          op.rhs.tensor,
          position(op.rhs, /*row=*/{}, add(column, constant(j)), add(from, k)),
          wholePanels);
      carried = writeVector(widen(read), carried, {k, constant(j)}, true);
    }
    return carried;
  });
}

Value Kernel::packTransposed(Value panel, Value column, Value from,
                             Value count) {
  Value whole = roundDown(count, sizes.lanes);
  Value last = subtract(extents[op.columns], constant(1));
  for (int64_t j = 0; j < sizes.columns; j += sizes.lanes) {
    // A column beyond the last repeats it: its sums are never stored.
    SmallVector<Value> columns;
    for (int64_t i = 0; i < sizes.lanes; ++i) {
      Value at = add(column, constant(j + i));
      columns.push_back(wholePanels ? at : minimum(at, last));
    }
    panel = loop(zero, whole, sizes.lanes, panel, [&](Value k, Value carried) {
      SmallVector<Value> square;
      for (Value at : columns)
        square.push_back(widen(readVector(
            op.rhs.tensor, position(op.rhs, {}, at, add(from, k)), true)));
      square = createTranspose(b, b.getLoc(), square);
      for (auto [i, row] : llvm::enumerate(square))
        carried =
            writeVector(row, carried, {add(k, constant(i)), constant(j)}, true);
      return carried;
    });
  }
  return packElements(panel, column, from, whole, count);
}

Value Kernel::packElements(Value panel, Value column, Value from, Value begin,
                           Value count) {
  Value last = subtract(extents[op.columns], constant(1));
  return loop(begin, count, 1, panel, [&](Value k, Value rows) {
    return loop(zero, constant(sizes.columns), 1, rows,
                [&](Value j, Value carried) -> Value {
                  Value at = minimum(add(column, j), last);
                  Value element = tensor::ExtractOp::create(
                      b, op.rhs.tensor, position(op.rhs, {}, at, add(from, k)));
                  return tensor::InsertOp::create(b, widen(element), carried,
                                                  ValueRange{k, j});
                });
  });
}
