//===- DecomposeAggregates.cpp - Composite operations in simple ones ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// linalg.softmax and its like have neither loops nor buffers of their own;
// tensor.gather and tensor.scatter have no code at all upstream.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_DECOMPOSEAGGREGATESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Component `number` of the coordinates at `leading`.
static Value coordinate(ImplicitLocOpBuilder &b, Value indices,
                        ArrayRef<Value> leading, int64_t number) {
  SmallVector<Value> at(leading);
  at.push_back(arith::ConstantIndexOp::create(b, number));
  Value index = tensor::ExtractOp::create(b, indices, at);
  if (index.getType().isIndex())
    return index;
  return arith::IndexCastOp::create(b, b.getIndexType(), index);
}

/// Each element of the result is one of the source: its place is that of the
/// coordinates and, in the dimensions that are not gathered, its own.
static void decompose(IRRewriter &rewriter, tensor::GatherOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  RankedTensorType type = op.getResultType();
  int64_t leading = op.getIndicesType().getRank() - 1;
  int64_t sourceRank = op.getSourceType().getRank();
  bool dropped = type.getRank() - leading != sourceRank;
  auto gathered = [&](int64_t dim) {
    return llvm::find(op.getGatherDims(), dim) - op.getGatherDims().begin();
  };
  auto isGathered = [&](int64_t dim) {
    return llvm::is_contained(op.getGatherDims(), dim);
  };

  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getIndices());
  sizes.pop_back();
  for (int64_t dim = 0; dim < sourceRank; ++dim) {
    if (!isGathered(dim))
      sizes.push_back(tensor::getMixedSize(b, b.getLoc(), op.getSource(), dim));
    else if (!dropped)
      sizes.push_back(b.getIndexAttr(1));
  }
  Value init = tensor::EmptyOp::create(b, sizes, type.getElementType());
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(type.getRank())};
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  Value result =
      linalg::GenericOp::create(
          b, init.getType(), ValueRange(), init, maps, loops,
          [&](OpBuilder &nested, Location loc, ValueRange) {
            ImplicitLocOpBuilder b(loc, nested);
            SmallVector<Value> at, place;
            int64_t loop = 0;
            for (; loop < leading; ++loop)
              at.push_back(linalg::IndexOp::create(b, loop));
            for (int64_t dim = 0; dim < sourceRank; ++dim) {
              if (isGathered(dim)) {
                place.push_back(
                    coordinate(b, op.getIndices(), at, gathered(dim)));
                loop += !dropped;
              } else {
                place.push_back(linalg::IndexOp::create(b, loop++));
              }
            }
            Value element = tensor::ExtractOp::create(b, op.getSource(), place);
            linalg::YieldOp::create(b, element);
          })
          .getResult(0);
  rewriter.replaceOpWithNewOp<tensor::CastOp>(op, type, result);
}

/// Slices are put where their coordinates say, one after another.
static void decompose(IRRewriter &rewriter, tensor::ScatterOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  int64_t leading = op.getIndicesType().getRank() - 1;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  // A slice of the source has the shape of a window, perhaps without its ones.
  SmallVector<OpFoldResult> offsets(op.getSourceType().getRank(), zero);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getSource());
  std::fill_n(sizes.begin(), leading, one);
  SmallVector<OpFoldResult> steps(sizes.size(), one);
  auto slice =
      RankedTensorType::get(op.getSourceType().getShape().drop_front(leading),
                            op.getSourceType().getElementType());
  int64_t destRank = op.getDestType().getRank();
  bool dropped = slice.getRank() != destRank;
  SmallVector<OpFoldResult> places(destRank, zero), units(destRank, one);
  SmallVector<OpFoldResult> window;
  ArrayRef<OpFoldResult> trailing = ArrayRef(sizes).drop_front(leading);
  for (int64_t dim = 0; dim < destRank; ++dim) {
    if (dropped && llvm::is_contained(op.getScatterDims(), dim)) {
      window.push_back(one);
      continue;
    }
    window.push_back(trailing.front());
    trailing = trailing.drop_front();
  }

  SmallVector<Value> lower(leading, arith::ConstantIndexOp::create(b, 0));
  SmallVector<Value> step(leading, arith::ConstantIndexOp::create(b, 1));
  SmallVector<Value> upper;
  for (int64_t dim = 0; dim < leading; ++dim)
    upper.push_back(b.createOrFold<tensor::DimOp>(op.getIndices(), dim));
  scf::LoopNest nest = scf::buildLoopNest(
      b, b.getLoc(), lower, upper, step, op.getDest(),
      [&](OpBuilder &nested, Location loc, ValueRange ivs, ValueRange dest) {
        ImplicitLocOpBuilder b(loc, nested);
        SmallVector<Value> at(ivs);
        std::copy(ivs.begin(), ivs.end(), offsets.begin());
        for (auto [number, dim] : llvm::enumerate(op.getScatterDims()))
          places[dim] = coordinate(b, op.getIndices(), at, number);
        Value part = tensor::ExtractSliceOp::create(b, slice, op.getSource(),
                                                    offsets, sizes, steps);
        Value result = tensor::InsertSliceOp::create(b, part, dest.front(),
                                                     places, window, units);
        return scf::ValueVector{result};
      });
  rewriter.replaceOp(op, nest.results);
}

namespace {
struct DecomposeAggregatesPass
    : moe::impl::DecomposeAggregatesPassBase<DecomposeAggregatesPass> {
  using Base::Base;

  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::AggregatedOpInterface> aggregates;
    // linalg.pack and linalg.unpack are aggregates as well; they are only
    // decomposed where softmax is.
    getOperation()->walk([&](linalg::SoftmaxOp op) {
      aggregates.push_back(
          cast<linalg::AggregatedOpInterface>(op.getOperation()));
    });
    getOperation()->walk([&](Operation *op) {
      rewriter.setInsertionPoint(op);
      if (auto gather = dyn_cast<tensor::GatherOp>(op))
        decompose(rewriter, gather);
      else if (auto scatter = dyn_cast<tensor::ScatterOp>(op))
        decompose(rewriter, scatter);
    });
    for (linalg::AggregatedOpInterface op : aggregates) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.decomposeOperation(rewriter);
      if (failed(values)) {
        op->emitOpError("cannot be decomposed");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *values);
    }
  }
};
} // namespace
