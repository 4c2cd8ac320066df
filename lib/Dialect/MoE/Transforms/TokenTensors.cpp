//===- TokenTensors.cpp - Tensors with a row for each token --- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See the header.
//
//===----------------------------------------------------------------------===//

#include "TokenTensors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::moe;

/// Rows that `keepFirst` counts one after another.
static constexpr int64_t chunkRows = 128;

TokenTensors::TokenTensors(ImplicitLocOpBuilder &builder, Value source,
                           bool parallel)
    : b(builder), source(source),
      columns(cast<RankedTensorType>(source.getType()).getDimSize(1)),
      parallel(parallel),
      tokens(tensor::getMixedSize(b, b.getLoc(), source, 0)) {}

IndexedTensor TokenTensors::each(Value tensor) {
  unsigned rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return {tensor, llvm::to_vector(llvm::seq(0u, rank))};
}

Value TokenTensors::empty(ArrayRef<int64_t> trailing, Type element) {
  SmallVector<OpFoldResult> sizes = {tokens};
  llvm::append_range(sizes, getAsIndexOpFoldResult(b.getContext(), trailing));
  return tensor::EmptyOp::create(b, sizes, element);
}

Value TokenTensors::generic(ArrayRef<IndexedTensor> ins, Value out,
                            Payload payload) {
  unsigned loops = cast<RankedTensorType>(out.getType()).getRank();
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const IndexedTensor &in : ins) {
    inputs.push_back(in.tensor);
    SmallVector<AffineExpr> dims;
    for (unsigned loop : in.loops)
      dims.push_back(b.getAffineDimExpr(loop));
    maps.push_back(AffineMap::get(loops, 0, dims, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(loops));
  auto body = [&](OpBuilder &nested, Location loc, ValueRange elements) {
    ImplicitLocOpBuilder inner(loc, nested);
    linalg::YieldOp::create(inner, payload(inner, elements));
  };
  return linalg::GenericOp::create(b, out.getType(), inputs, out, maps,
                                   iterators, body)
      .getResult(0);
}

Value TokenTensors::map(ArrayRef<IndexedTensor> ins, ArrayRef<int64_t> trailing,
                        Type element, Payload payload) {
  return generic(ins, empty(trailing, element), payload);
}

Value TokenTensors::update(Value value, ArrayRef<IndexedTensor> others,
                           Type element, Payload payload) {
  SmallVector<IndexedTensor> ins(others);
  if (value == source || getElementTypeOrSelf(value) != element) {
    ins.insert(ins.begin(), each(value));
    return map(ins, {columns}, element, payload);
  }
  return generic(ins, value, [&](ImplicitLocOpBuilder &b, ValueRange e) {
    SmallVector<Value> elements = {e.back()};
    llvm::append_range(elements, e.drop_back());
    return payload(b, elements);
  });
}

Value TokenTensors::forEachRow(ArrayRef<int64_t> trailing, Type element,
                               RowPayload payload) {
  if (parallel)
    return map({}, trailing, element, [&](ImplicitLocOpBuilder &b, ValueRange) {
      SmallVector<Value> row;
      for (size_t dim = 0; dim <= trailing.size(); ++dim)
        row.push_back(linalg::IndexOp::create(b, dim));
      return payload(b, row);
    });
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  SmallVector<Value> ends = {
      getValueOrCreateConstantIndexOp(b, b.getLoc(), tokens)};
  for (int64_t size : trailing)
    ends.push_back(arith::ConstantIndexOp::create(b, size));
  SmallVector<Value> begins(ends.size(), zero), steps(ends.size(), one);
  auto body = [&](OpBuilder &nested, Location loc, ValueRange row,
                  ValueRange result) -> scf::ValueVector {
    ImplicitLocOpBuilder inner(loc, nested);
    Value value = payload(inner, row);
    return {tensor::InsertOp::create(inner, value, result.front(), row)};
  };
  return scf::buildLoopNest(b, b.getLoc(), begins, ends, steps,
                            empty(trailing, element), body)
      .results.front();
}

Value TokenTensors::reduceRow(ImplicitLocOpBuilder &b,
                              ArrayRef<IndexedTensor> ins, ValueRange row,
                              TypedAttr identity, Payload payload) {
  auto type = cast<RankedTensorType>(ins.front().tensor.getType());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end = arith::ConstantIndexOp::create(b, type.getShape().back());
  Value initial = arith::ConstantOp::create(b, identity);
  auto body = [&](OpBuilder &nested, Location loc, Value last,
                  ValueRange accumulator) {
    ImplicitLocOpBuilder inner(loc, nested);
    SmallVector<Value> loops(row);
    loops.push_back(last);
    SmallVector<Value> elements;
    for (const IndexedTensor &in : ins) {
      SmallVector<Value> indices;
      for (unsigned loop : in.loops)
        indices.push_back(loops[loop]);
      elements.push_back(tensor::ExtractOp::create(inner, in.tensor, indices));
    }
    llvm::append_range(elements, accumulator);
    scf::YieldOp::create(inner, payload(inner, elements));
  };
  return scf::ForOp::create(b, zero, end, one, initial, body).getResult(0);
}

Value TokenTensors::reduceRows(ArrayRef<IndexedTensor> ins,
                               ArrayRef<int64_t> trailing, TypedAttr identity,
                               Payload payload) {
  return forEachRow(trailing, identity.getType(),
                    [&](ImplicitLocOpBuilder &b, ValueRange row) {
                      return reduceRow(b, ins, row, identity, payload);
                    });
}

/// `sum` and the elements of column `column` in the rows [first, end).
static Value addColumn(ImplicitLocOpBuilder &b, Value tensor, Value first,
                       Value end, Value column, Value sum) {
  auto body = [&](OpBuilder &nested, Location loc, Value row, ValueRange sums) {
    ImplicitLocOpBuilder b(loc, nested);
    Value element = tensor::ExtractOp::create(b, tensor, {row, column});
    if (element.getType() != sum.getType())
      element = arith::ExtUIOp::create(b, sum.getType(), element);
    scf::YieldOp::create(
        b, ValueRange{arith::AddIOp::create(b, sums[0], element)});
  };
  Value one = arith::ConstantIndexOp::create(b, 1);
  return scf::ForOp::create(b, first, end, one, sum, body).getResult(0);
}

// Counted are the rows of each chunk, of all chunks before, and of a chunk up
// to a row.
Value TokenTensors::keepFirst(Value mask, Value limit) {
  Value size = arith::ConstantIndexOp::create(b, chunkRows);
  Value count = getValueOrCreateConstantIndexOp(b, b.getLoc(), tokens);
  Value chunks = arith::CeilDivUIOp::create(b, count, size);
  auto ofChunks =
      [&](function_ref<Value(ImplicitLocOpBuilder &, Value, Value, Value)>
              element) {
        Value empty = tensor::EmptyOp::create(
            b, SmallVector<OpFoldResult>{chunks, b.getIndexAttr(columns)},
            b.getI64Type());
        return generic({}, empty, [&](ImplicitLocOpBuilder &b, ValueRange) {
          Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
          return element(b, linalg::IndexOp::create(b, 0),
                         linalg::IndexOp::create(b, 1), none);
        });
      };
  Value counts = ofChunks([&](ImplicitLocOpBuilder &b, Value chunk,
                              Value column, Value none) {
    Value first = arith::MulIOp::create(b, chunk, size);
    Value end =
        arith::MinUIOp::create(b, arith::AddIOp::create(b, first, size), count);
    return addColumn(b, mask, first, end, column, none);
  });
  Value before = ofChunks(
      [&](ImplicitLocOpBuilder &b, Value chunk, Value column, Value none) {
        Value first = arith::ConstantIndexOp::create(b, 0);
        return addColumn(b, counts, first, chunk, column, none);
      });
  return map({each(mask)}, {columns}, b.getI1Type(),
             [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
               Value row = linalg::IndexOp::create(b, 0);
               Value column = linalg::IndexOp::create(b, 1);
               Value one = arith::ConstantIndexOp::create(b, 1);
               Value chunk = arith::DivUIOp::create(b, row, size);
               Value number = addColumn(
                   b, mask, arith::MulIOp::create(b, chunk, size),
                   arith::AddIOp::create(b, row, one), column,
                   tensor::ExtractOp::create(b, before, {chunk, column}));
               Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                                  number, limit);
               return arith::AndIOp::create(b, e[0], fits);
             });
}
