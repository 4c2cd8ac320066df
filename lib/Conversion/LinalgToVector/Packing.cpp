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

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

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
  // Blocks of depth begin at multiples of twice the lanes.
  bool pairs = getElementTypeOrSelf(op.rhs.tensor).isBF16() &&
               accumulator.isF32() && isMultiple(op.depth, 2 * sizes.lanes);
  int64_t step = pairs ? 2 * sizes.lanes : sizes.lanes;
  Value whole = isMultiple(op.depth, step) ? count : roundDown(count, step);
  Value last = subtract(extents[op.columns], constant(1));
  for (int64_t j = 0; j < sizes.columns; j += sizes.lanes) {
    // A column beyond the last repeats it: its sums are never stored.
    SmallVector<Value> columns;
    for (int64_t i = 0; i < sizes.lanes; ++i) {
      Value at = add(column, constant(j + i));
      columns.push_back(wholePanels ? at : minimum(at, last));
    }
    panel = loop(zero, whole, step, panel, [&](Value k, Value carried) {
      SmallVector<Value> rows = readSquare(columns, add(from, k), step);
      for (auto [i, row] : llvm::enumerate(rows))
        carried =
            writeVector(row, carried, {add(k, constant(i)), constant(j)}, true);
      return carried;
    });
  }
  return packElements(panel, column, from, whole, count);
}

/// Reads `steps` elements of each column from `depth` on; returns a vector of
/// all columns for each step.
SmallVector<Value> Kernel::readSquare(ArrayRef<Value> columns, Value depth,
                                      int64_t steps) {
  SmallVector<Value> square;
  for (Value column : columns)
    square.push_back(readVector(op.rhs.tensor,
                                position(op.rhs, /*row=*/{}, column, depth),
                                /*inBounds=*/true, steps));
  if (steps == sizes.lanes) {
    for (Value &row : square)
      row = widen(row);
    return createTranspose(b, b.getLoc(), square);
  }
  // Two steps of bf16 move together, in half as many instructions; each is the
  // upper half of its value in f32.
  for (Value &row : square)
    row = vector::BitCastOp::create(b, vector, row);
  auto bits = VectorType::get(sizes.lanes, b.getI32Type());
  Value half = arith::ConstantOp::create(
      b, DenseElementsAttr::get(bits, b.getI32IntegerAttr(16)));
  Value upper = arith::ConstantOp::create(
      b, DenseElementsAttr::get(bits, b.getI32IntegerAttr(0xFFFF0000)));
  SmallVector<Value> rows;
  for (Value pair : createTranspose(b, b.getLoc(), square)) {
    pair = vector::BitCastOp::create(b, bits, pair);
    Value first = arith::ShLIOp::create(b, pair, half);
    Value second = arith::AndIOp::create(b, pair, upper);
    rows.push_back(vector::BitCastOp::create(b, vector, first));
    rows.push_back(vector::BitCastOp::create(b, vector, second));
  }
  return rows;
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
