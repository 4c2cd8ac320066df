//===- RowFlow.cpp - How operations move rows -----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One rule for each kind of operation: which dimensions of what it reads run
// along which dimensions of its result, and which rows it brings together.
//
//===----------------------------------------------------------------------===//

#include "RowSlice.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Extents.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

Labels moe::getLabels(AffineMap map) {
  Labels labels;
  for (AffineExpr index : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    labels.push_back(dim ? dim.getPosition() : kInner);
  }
  return labels;
}

void RowFlow::add(Operation *op, ArrayRef<int64_t> where, StringRef reason,
                  Obstacle::Kind kind) {
  SmallVector<int64_t> labels;
  for (int64_t label : where)
    if (label != kInner && !llvm::is_contained(labels, label))
      labels.push_back(label);
  if (!labels.empty())
    obstacles.push_back({kind, op, labels, reason});
}

static void followGeneric(linalg::GenericOp op, ArrayRef<Labels> results,
                          RowFlow &flow) {
  SmallVector<int64_t> loops(op.getNumLoops(), kInner);
  for (auto [result, labels] : llvm::zip_equal(op->getResults(), results)) {
    if (labels.empty())
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(result);
    for (auto [label, index] : llvm::zip_equal(labels, map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(index);
      if (!dim) {
        flow.add(op, label, "writes rows at computed positions");
        continue;
      }
      int64_t &loop = loops[dim.getPosition()];
      if (loop != kInner && loop != label)
        flow.add(op, {loop, label}, "combines different rows");
      loop = label;
    }
  }
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.payloadUsesValueFromOperand(&operand))
      continue;
    Labels labels;
    for (AffineExpr index : op.getMatchingIndexingMap(&operand).getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(index)) {
        labels.push_back(loops[dim.getPosition()]);
        continue;
      }
      index.walk([&](AffineExpr e) {
        if (auto dim = dyn_cast<AffineDimExpr>(e))
          flow.add(op, loops[dim.getPosition()], "reads rows beside its own");
      });
      labels.push_back(kInner);
    }
    flow.reads.push_back({operand.get(), labels});
  }
  op.getBody()->walk([&](Operation *nested) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested))
      flow.add(op, loops[index.getDim()], "uses the position of a row",
               Obstacle::UsesPosition);
    else if (!isMemoryEffectFree(nested) ||
             (nested->getNumRegions() == 0 && !isPure(nested) &&
              !nested->hasTrait<OpTrait::IsTerminator>()))
      flow.add(op, loops, "may fail or has side effects");
    for (Value operand : nested->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        flow.add(op, loops, "may read any row", Obstacle::ReadsAny);
  });
}

/// A slice of a tensor of type `whole`: what is not taken as a whole mixes. A
/// dimension that is dropped is none of the slice.
static Labels followSlice(OffsetSizeAndStrideOpInterface op, Value whole,
                          const llvm::SmallBitVector &dropped,
                          const Labels &labels, StringRef reason,
                          RowFlow &flow) {
  Labels result;
  size_t next = 0;
  for (int64_t dim = 0,
               rank = cast<RankedTensorType>(whole.getType()).getRank();
       dim < rank; ++dim) {
    int64_t label = dropped.test(dim) ? kInner : labels[next++];
    if (!isConstantIntValue(op.getMixedOffsets()[dim], 0) ||
        !isConstantIntValue(op.getMixedStrides()[dim], 1) ||
        !(getExtent(whole, dim) == getExtent(op.getMixedSizes()[dim]))) {
      flow.add(op, label, reason);
      label = kInner;
    }
    result.push_back(label);
  }
  return result;
}

/// Labels of the other side of a reshape. Groups are of one dimension, units
/// aside; where they are not, rows are taken apart.
static Labels followReshape(Operation *op,
                            ArrayRef<ReassociationIndices> groups,
                            RankedTensorType wide, const Labels &from,
                            bool fromWide, RowFlow &flow) {
  Labels to(fromWide ? groups.size() : wide.getRank(), kInner);
  for (auto [narrow, group] : llvm::enumerate(groups)) {
    SmallVector<int64_t> real;
    for (int64_t dim : group)
      if (wide.getDimSize(dim) != 1)
        real.push_back(dim);
    if (real.size() > 1) {
      for (int64_t dim : group)
        flow.add(op, fromWide ? from[dim] : from[narrow],
                 "joins or splits the dimension of the rows");
      continue;
    }
    int64_t dim = real.empty() ? group.front() : real.front();
    if (fromWide)
      to[narrow] = from[dim];
    else
      to[dim] = from[narrow];
  }
  return to;
}

RowFlow moe::getRowFlow(Operation *op, ArrayRef<Labels> results) {
  RowFlow flow;
  const Labels &labels = results.front();
  auto unknown = [&] {
    flow.isKnown = false;
    for (const Labels &each : results)
      flow.add(op, each, "is not known to keep rows apart");
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](linalg::GenericOp generic) {
        if (!generic.hasPureTensorSemantics())
          return unknown();
        followGeneric(generic, results, flow);
      })
      .Case([&](tensor::CastOp cast) {
        if (!isa<RankedTensorType>(cast.getSource().getType()))
          return unknown();
        flow.reads.push_back({cast.getSource(), labels});
      })
      .Case([&](tensor::ExtractSliceOp slice) {
        flow.reads.push_back(
            {slice.getSource(),
             followSlice(slice, slice.getSource(), slice.getDroppedDims(),
                         labels, "takes some of the rows", flow)});
      })
      .Case([&](tensor::ExpandShapeOp reshape) {
        flow.reads.push_back(
            {reshape.getSrc(),
             followReshape(op, reshape.getReassociationIndices(),
                           reshape.getResultType(), labels, true, flow)});
      })
      .Case([&](tensor::CollapseShapeOp reshape) {
        flow.reads.push_back(
            {reshape.getSrc(),
             followReshape(op, reshape.getReassociationIndices(),
                           reshape.getSrcType(), labels, false, flow)});
      })
      .Case([&](tensor::ConcatOp concat) {
        flow.add(op, labels[concat.getDim()], "concatenates rows");
        for (Value input : concat.getInputs())
          flow.reads.push_back({input, labels});
      })
      .Case([&](tensor::PadOp pad) {
        if (!pad.getConstantPaddingValue())
          return unknown();
        for (auto [dim, label] : llvm::enumerate(labels))
          if (!isConstantIntValue(pad.getMixedLowPad()[dim], 0) ||
              !isConstantIntValue(pad.getMixedHighPad()[dim], 0))
            flow.add(op, label, "pads rows");
        flow.reads.push_back({pad.getSource(), labels});
      })
      .Case([&](tensor::InsertSliceOp slice) {
        if (slice.getSourceType().getRank() != slice.getDestType().getRank())
          return unknown();
        llvm::SmallBitVector none(slice.getDestType().getRank());
        flow.reads.push_back({slice.getSource(),
                              followSlice(slice, slice.getDest(), none, labels,
                                          "writes some of the rows", flow)});
        flow.reads.push_back({slice.getDest(), labels});
      })
      .Default([&](Operation *) { unknown(); });
  return flow;
}
