//===- ContractionKernel.cpp - Loops and vectors of a contraction ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each panel of columns and each block of the depth: pack the panel of the
// right-hand side, then for each tile of rows keep the accumulators in
// registers over the block. An accumulator visits the depth in ascending order
// and rounds after every step alike in memory and in registers, so neither the
// blocks nor the height of a tile show in the result.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

#include <functional>

using namespace mlir;
using namespace mlir::moe;

Kernel::Kernel(OpBuilder &builder, Location loc, const Contraction &contraction,
               const CPUTarget &target)
    : b(loc, builder), op(contraction), hasFMA(target.hasFMA),
      accumulator(getElementTypeOrSelf(contraction.result.tensor)),
      outer(contraction.extents.size()) {
  sizes = target.contractionTile(accumulator.getIntOrFloatBitWidth(),
                                 getConstantIntValue(op.extents[op.columns]));
  vector = VectorType::get(sizes.lanes, accumulator);
  zero = constant(0);
  for (OpFoldResult extent : op.extents)
    extents.push_back(getValueOrCreateConstantIndexOp(b, loc, extent));
  wholePanels = isMultiple(op.columns, sizes.columns);
}

//===----------------------------------------------------------------------===//
// Indices and loops
//===----------------------------------------------------------------------===//

Value Kernel::constant(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}
Value Kernel::add(Value lhs, Value rhs) {
  return b.createOrFold<arith::AddIOp>(lhs, rhs);
}
Value Kernel::subtract(Value lhs, Value rhs) {
  return b.createOrFold<arith::SubIOp>(lhs, rhs);
}
Value Kernel::minimum(Value lhs, Value rhs) {
  return b.createOrFold<arith::MinSIOp>(lhs, rhs);
}
Value Kernel::roundDown(Value value, int64_t divisor) {
  return subtract(value,
                  b.createOrFold<arith::RemUIOp>(value, constant(divisor)));
}

bool Kernel::isEmpty(Value from, Value to) {
  std::optional<int64_t> lower = getConstantIntValue(from);
  std::optional<int64_t> upper = getConstantIntValue(to);
  return from == to || (lower && upper && *lower >= *upper);
}

bool Kernel::isMultiple(unsigned loop, int64_t divisor) const {
  std::optional<int64_t> extent = getConstantIntValue(op.extents[loop]);
  return extent && *extent % divisor == 0;
}

Value Kernel::loop(Value from, Value to, Value step, Value init,
                   LoopBody body) {
  if (isEmpty(from, to))
    return init;
  std::optional<int64_t> end = getConstantIntValue(to);
  std::optional<int64_t> stride = getConstantIntValue(step);
  if (from == zero && end && stride && *end <= *stride)
    return body(zero, init);
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, from, to, step, init);
  b.setInsertionPointToStart(loop.getBody());
  Value carried = body(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, carried);
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

SmallVector<Value> Kernel::position(const ContractionOperand &operand,
                                    Value row, Value column,
                                    Value depth) const {
  SmallVector<Value> position;
  for (unsigned loop : operand.loops)
    position.push_back(loop == op.rows      ? row
                       : loop == op.columns ? column
                       : loop == op.depth   ? depth
                                            : outer[loop]);
  return position;
}

Value Kernel::readVector(Value tensor, ValueRange position, bool inBounds,
                         int64_t lanes) {
  Type element = getElementTypeOrSelf(tensor);
  Value padding = arith::ConstantOp::create(b, b.getFloatAttr(element, 0.0));
  return vector::TransferReadOp::create(b, VectorType::get(lanes, element),
                                        tensor, position, padding,
                                        ArrayRef<bool>{inBounds});
}

Value Kernel::writeVector(Value vector, Value tensor, ValueRange position,
                          bool inBounds) {
  return vector::TransferWriteOp::create(b, vector, tensor, position,
                                         ArrayRef<bool>{inBounds})
      .getResult();
}

/// Converts a scalar or a vector to the type of the accumulators.
Value Kernel::widen(Value value) {
  if (getElementTypeOrSelf(value) == accumulator)
    return value;
  Type type = isa<VectorType>(value.getType()) ? Type(vector) : accumulator;
  return arith::ExtFOp::create(b, type, value);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

Value Kernel::create() {
  // Loops of neither rows, columns nor depth, outermost first.
  std::function<Value(ArrayRef<unsigned>, Value)> nest =
      [&](ArrayRef<unsigned> loops, Value result) -> Value {
    if (loops.empty())
      return panels(result);
    return loop(zero, extents[loops.front()], 1, result,
                [&](Value index, Value carried) {
                  outer[loops.front()] = index;
                  return nest(loops.drop_front(), carried);
                });
  };
  return nest(op.outer, op.result.tensor);
}

Value Kernel::panels(Value result) {
  // Packing pays when several tiles of rows use a panel, and it is needed when
  // a row of the panel is not contiguous.
  if (op.rhs.loops.back() != op.columns)
    return packedPanels(result);
  if (!op.rows)
    return inPlace(result);
  if (auto rows = getConstantIntValue(op.extents[*op.rows]))
    return *rows <= sizes.fewRows ? inPlace(result) : packedPanels(result);
  Value few = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                    extents[*op.rows], constant(sizes.fewRows));
  auto choice = scf::IfOp::create(b, result.getType(), few,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, inPlace(result));
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, packedPanels(result));
  return choice.getResult(0);
}

/// How many steps of the depth are packed at a time.
Value Kernel::blockDepth() {
  Value deep = constant(sizes.depth), shallow = constant(sizes.shallowDepth);
  if (!op.rows)
    return shallow;
  Value few = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::slt, extents[*op.rows], constant(sizes.manyRows));
  return b.createOrFold<arith::SelectOp>(few, shallow, deep);
}

/// Runs `body` over blocks of the depth, given where each begins and how long
/// it is.
Value Kernel::blocks(
    Value size, Value result,
    llvm::function_ref<Value(Value from, Value count, Value carried)> body) {
  Value end = extents[op.depth];
  std::optional<int64_t> extent = getConstantIntValue(end);
  std::optional<int64_t> known = getConstantIntValue(size);
  // Where there is nothing to add, the initial value is stored all the same.
  Value stop =
      op.initial ? b.createOrFold<arith::MaxSIOp>(end, constant(1)) : end;
  return loop(zero, stop, size, result, [&](Value from, Value carried) {
    Value count = size;
    if (extent && known && *extent <= *known)
      count = end;
    else if (!extent || !known || *extent % *known != 0)
      count = minimum(size, subtract(end, from));
    return body(from, count, carried);
  });
}

/// Reads the right-hand side where it is, a few of its rows from end to end.
Value Kernel::inPlace(Value result) {
  return blocks(constant(sizes.shortDepth), result,
                [&](Value from, Value count, Value outer) {
                  return loop(zero, extents[op.columns], sizes.columns, outer,
                              [&](Value column, Value inner) {
                                return tiles(inner, /*panel=*/{}, column, from,
                                             count);
                              });
                });
}

Value Kernel::packedPanels(Value result) {
  // The panel is a buffer: what it holds never outlives one block of depth.
  Value size = blockDepth();
  Value longest = minimum(extents[op.depth], size);
  Value panel = tensor::EmptyOp::create(
      b,
      ArrayRef<OpFoldResult>{getAsOpFoldResult(longest),
                             b.getIndexAttr(sizes.columns)},
      accumulator);
  return loop(zero, extents[op.columns], sizes.columns, result,
              [&](Value column, Value outer) {
                return blocks(
                    size, outer, [&](Value from, Value count, Value inner) {
                      Value packed = pack(panel, column, from, count);
                      return tiles(inner, packed, column, from, count);
                    });
              });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value Kernel::tiles(Value result, Value panel, Value column, Value from,
                    Value count) {
  if (!op.rows)
    return tile(1, result, panel, /*row=*/{}, column, from, count);
  Value rows = extents[*op.rows];
  Value begin = zero;
  // Whole tiles, then at most one of each smaller power of two.
  for (int64_t height = sizes.rows; height > 0;
       height = llvm::bit_floor<uint64_t>(height - 1)) {
    Value end = begin;
    if (height == sizes.rows)
      end = roundDown(rows, height);
    else
      end = add(begin, roundDown(subtract(rows, begin), height));
    result = loop(begin, end, height, result, [&](Value row, Value carried) {
      return tile(height, carried, panel, row, column, from, count);
    });
    begin = end;
  }
  return result;
}

Value Kernel::tile(int64_t height, Value result, Value panel, Value row,
                   Value column, Value from, Value count) {
  SmallVector<SmallVector<Value>> positions;
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < sizes.columns; j += sizes.lanes)
      positions.push_back(position(op.result,
                                   row ? add(row, constant(i)) : Value(),
                                   add(column, constant(j)), /*depth=*/{}));
  SmallVector<Value> accumulators = start(result, positions, from);

  auto loop = scf::ForOp::create(b, zero, count, constant(1), accumulators);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> sums(loop.getRegionIterArgs());
    step(sums, panel, row, column, from, loop.getInductionVar());
    scf::YieldOp::create(b, sums);
  }

  for (auto [sum, at] : llvm::zip_equal(loop.getResults(), positions))
    result = writeVector(sum, result, at, wholePanels);
  return result;
}

/// The accumulators of a tile before the block of depth that begins at `from`.
SmallVector<Value> Kernel::start(Value result,
                                 ArrayRef<SmallVector<Value>> positions,
                                 Value from) {
  auto read = [&] {
    SmallVector<Value> values;
    for (ValueRange at : positions)
      values.push_back(readVector(result, at, wholePanels));
    return values;
  };
  if (!op.initial)
    return read();
  SmallVector<Value> initial(
      positions.size(), vector::BroadcastOp::create(b, vector, op.initial));
  // There is only one block.
  if (getConstantIntValue(from) == 0)
    return initial;
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, from, zero);
  auto choice = scf::IfOp::create(b, ValueRange(initial).getTypes(), first,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, initial);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, read());
  return SmallVector<Value>(choice.getResults());
}

/// One step of the depth: every accumulator of the tile takes one product.
void Kernel::step(MutableArrayRef<Value> accumulators, Value panel, Value row,
                  Value column, Value from, Value k) {
  int64_t vectors = sizes.columns / sizes.lanes;
  SmallVector<Value> columns;
  for (int64_t j = 0; j < vectors; ++j) {
    Value offset = constant(j * sizes.lanes);
    columns.push_back(
        panel ? readVector(panel, {k, offset}, true)
              : widen(readVector(
                    op.rhs.tensor,
                    position(op.rhs, {}, add(column, offset), add(from, k)),
                    wholePanels)));
  }
  for (size_t i = 0; i < accumulators.size() / vectors; ++i) {
    Value at = row ? add(row, constant(i)) : Value();
    Value element = tensor::ExtractOp::create(
        b, op.lhs.tensor, position(op.lhs, at, {}, add(from, k)));
    Value factor = vector::BroadcastOp::create(b, vector, widen(element));
    for (int64_t j = 0; j < vectors; ++j) {
      Value &sum = accumulators[i * vectors + j];
      if (hasFMA)
        sum = vector::FMAOp::create(b, factor, columns[j], sum);
      else
        sum = arith::AddFOp::create(
            b, sum, arith::MulFOp::create(b, factor, columns[j]));
    }
  }
}

Value mlir::moe::createContractionKernel(OpBuilder &builder, Location loc,
                                         const Contraction &contraction,
                                         const CPUTarget &target) {
  return Kernel(builder, loc, contraction, target).create();
}
