//===- Loops.cpp - Building loops over rows -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Loops.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToSCF/Loops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/RuntimeSymbols.h"

using namespace mlir;
using namespace mlir::moe;

SmallVector<Value> mlir::moe::forEach(ImplicitLocOpBuilder &b, Value lower,
                                      Value upper, ValueRange inits,
                                      LoopBody body) {
  Value one = constantIndex(b, 1);
  auto loop = scf::ForOp::create(
      b, lower, upper, one, inits,
      [&](OpBuilder &nested, Location loc, Value iv, ValueRange carried) {
        ImplicitLocOpBuilder inner(loc, nested);
        scf::YieldOp::create(inner, body(inner, iv, carried));
      });
  return SmallVector<Value>(loop.getResults());
}

Value mlir::moe::generate(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
                          Type type, Element element) {
  // Not a tensor.generate: what extracts an element of one would be made to
  // compute it again.
  Value empty = tensor::EmptyOp::create(b, sizes, type);
  AffineMap identity = b.getMultiDimIdentityMap(sizes.size());
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, empty.getType(), ValueRange(), empty, identity, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange) {
        ImplicitLocOpBuilder inner(loc, nested);
        SmallVector<Value> indices;
        for (size_t dim = 0; dim < sizes.size(); ++dim)
          indices.push_back(linalg::IndexOp::create(inner, dim));
        linalg::YieldOp::create(inner, element(inner, indices));
      });
  return generic.getResult(0);
}

Value mlir::moe::constantIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value mlir::moe::extractAt(ImplicitLocOpBuilder &b, Value tensor,
                           ValueRange indices) {
  return tensor::ExtractOp::create(b, tensor, indices);
}

Value mlir::moe::numThreads(ImplicitLocOpBuilder &b) {
  auto call =
      func::CallOp::create(b, threadsFunction, b.getI64Type(), ValueRange());
  return arith::IndexCastOp::create(b, b.getIndexType(), call.getResult(0));
}

/// Sizes of `rows` rows of `like`.
static SmallVector<OpFoldResult> rowSizes(ImplicitLocOpBuilder &b, Value rows,
                                          Value like) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), like);
  sizes[0] = rows;
  return sizes;
}

Value mlir::moe::emptyRowsLike(ImplicitLocOpBuilder &b, Value rows, Value like,
                               Type element) {
  if (!element)
    element = getElementTypeOrSelf(like.getType());
  return tensor::EmptyOp::create(b, rowSizes(b, rows, like), element);
}

Value mlir::moe::emptyRows(ImplicitLocOpBuilder &b, Value rows,
                           RankedTensorType type) {
  return tensor::EmptyOp::create(b, type, ValueRange{rows});
}

Value mlir::moe::fill(ImplicitLocOpBuilder &b, Value tensor, Value scalar) {
  return linalg::FillOp::create(b, scalar, tensor).getResult(0);
}

/// Offsets and strides of rows from `first` on, in `rank` dimensions.
static std::pair<SmallVector<OpFoldResult>, SmallVector<OpFoldResult>>
rowOffsetsAndStrides(ImplicitLocOpBuilder &b, Value first, int64_t rank) {
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  offsets[0] = first;
  return {offsets, SmallVector<OpFoldResult>(rank, b.getIndexAttr(1))};
}

Value mlir::moe::sliceRows(ImplicitLocOpBuilder &b, Value tensor, Value first,
                           Value count) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  auto [offsets, strides] = rowOffsetsAndStrides(b, first, rank);
  return tensor::ExtractSliceOp::create(b, tensor, offsets,
                                        rowSizes(b, count, tensor), strides);
}

Value mlir::moe::insertRows(ImplicitLocOpBuilder &b, Value rows, Value into,
                            Value first, Value count) {
  int64_t rank = cast<RankedTensorType>(into.getType()).getRank();
  auto [offsets, strides] = rowOffsetsAndStrides(b, first, rank);
  return tensor::InsertSliceOp::create(b, rows, into, offsets,
                                       rowSizes(b, count, into), strides);
}

void mlir::moe::insertRowsInParallel(ImplicitLocOpBuilder &b, Value rows,
                                     Value into, Value first, Value count) {
  auto type = cast<RankedTensorType>(into.getType());
  auto [offsets, strides] = rowOffsetsAndStrides(b, first, type.getRank());
  // Nothing but the insertion may stand in the region of in_parallel: results
  // of a dispatch are static apart from dimension 0.
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  sizes[0] = count;
  tensor::ParallelInsertSliceOp::create(b, rows, into, offsets, sizes, strides);
}

SmallVector<Value> mlir::moe::putInto(ImplicitLocOpBuilder &b,
                                      ValueRange results,
                                      ValueRange destinations) {
  SmallVector<Value> put;
  for (auto [result, destination] : llvm::zip_equal(results, destinations))
    put.push_back(bufferization::MaterializeInDestinationOp::create(b, result,
                                                                    destination)
                      .getResult());
  return put;
}

void mlir::moe::assertEqual(ImplicitLocOpBuilder &b, Value a, Value c,
                            StringRef message) {
  Value equal = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, a, c);
  cf::AssertOp::create(b, equal, message);
}
