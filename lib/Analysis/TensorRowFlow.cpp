//===- TensorRowFlow.cpp - How operations on tensors move rows ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Casts, reshapes, slices and concatenations keep rows apart where each of them
// stays whole.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Extents.h"
#include "moe/Analysis/RowFlow.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

template <typename CastOp>
struct CastFlow : RowFlowOpInterface::ExternalModel<CastFlow<CastOp>, CastOp> {
  static bool isRanked(Operation *op) {
    return isa<RankedTensorType>(op->getOperand(0).getType()) &&
           isa<RankedTensorType>(op->getResult(0).getType());
  }

  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    RowFlow flow;
    flow.isKnown = isRanked(op);
    if (flow.isKnown)
      flow.reads.push_back({op->getOperand(0), results.front()});
    else
      flow.add(op, results.front(), "is not known to keep rows apart");
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    Value source = rebuilder.get(op->getOperand(0), results.front());
    Type type = rebuilder.getType(op->getResult(0), results.front());
    if (source.getType() == type)
      return {source};
    return {CastOp::create(rebuilder.b, op->getLoc(), type, source)};
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    // The bits of an element are not the element.
    if (!isRanked(op) || std::is_same_v<CastOp, tensor::BitcastOp>)
      return {};
    return {op->getOperand(0)};
  }
};

struct EmptyFlow
    : RowFlowOpInterface::ExternalModel<EmptyFlow, tensor::EmptyOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    RowFlow flow;
    for (auto [size, label] : llvm::zip_equal(
             cast<tensor::EmptyOp>(op).getMixedSizes(), results.front()))
      flow.sizes.push_back({size, label});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto empty = cast<tensor::EmptyOp>(op);
    return {tensor::EmptyOp::create(rebuilder.b, op->getLoc(),
                                    rebuilder.getSizes(empty, results.front()),
                                    empty.getType().getElementType())};
  }
};

/// How a slice of the tensor `whole` is labelled, whose dimensions are labelled
/// as `labels` say: what is not taken as a whole mixes. A dimension that is
/// dropped is none of the slice.
static Labels followSlice(OffsetSizeAndStrideOpInterface op, Value whole,
                          const llvm::SmallBitVector &dropped,
                          const Labels &labels, StringRef reason,
                          RowFlow &flow) {
  flow.addScalars(op.getMixedOffsets());
  flow.addScalars(op.getMixedStrides());
  Labels result;
  size_t next = 0;
  for (int64_t dim = 0,
               rank = cast<RankedTensorType>(whole.getType()).getRank();
       dim < rank; ++dim) {
    OpFoldResult size = op.getMixedSizes()[dim];
    int64_t label = dropped.test(dim) ? kInner : labels[next++];
    flow.sizes.push_back({size, label});
    if (!isConstantIntValue(op.getMixedOffsets()[dim], 0) ||
        !isConstantIntValue(op.getMixedStrides()[dim], 1) ||
        !(getExtent(whole, dim) == getExtent(size))) {
      flow.add(op, label, reason);
      label = kInner;
    }
    result.push_back(label);
  }
  return result;
}

/// Offsets, sizes and strides of a slice that takes all rows.
struct SliceOfRows {
  SliceOfRows(OffsetSizeAndStrideOpInterface op, RowRebuilder &rebuilder,
              const Labels &labels)
      : offsets(rebuilder.getKept(op.getMixedOffsets(), labels,
                                  rebuilder.b.getIndexAttr(0))),
        sizes(
            rebuilder.getKept(op.getMixedSizes(), labels, rebuilder.getRows())),
        strides(rebuilder.getKept(op.getMixedStrides(), labels,
                                  rebuilder.b.getIndexAttr(1))) {}
  SmallVector<OpFoldResult> offsets, sizes, strides;
};

struct ExtractSliceFlow
    : RowFlowOpInterface::ExternalModel<ExtractSliceFlow,
                                        tensor::ExtractSliceOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    RowFlow flow;
    Labels labels =
        followSlice(slice, slice.getSource(), slice.getDroppedDims(),
                    results.front(), "takes some of the rows", flow);
    flow.reads.push_back({slice.getSource(), labels});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    Labels from = getRowFlow(op, results).reads.back().labels;
    SliceOfRows rows(slice, rebuilder, from);
    return {tensor::ExtractSliceOp::create(
        rebuilder.b, op->getLoc(), rebuilder.getType(slice, results.front()),
        rebuilder.get(slice.getSource(), from), rows.offsets, rows.sizes,
        rows.strides)};
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    return {cast<tensor::ExtractSliceOp>(op).getSource()};
  }
};

struct InsertSliceFlow
    : RowFlowOpInterface::ExternalModel<InsertSliceFlow,
                                        tensor::InsertSliceOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto slice = cast<tensor::InsertSliceOp>(op);
    RowFlow flow;
    llvm::SmallBitVector dropped = slice.getDroppedDims(),
                         none(slice.getDestType().getRank());
    Labels labels;
    for (auto [dim, label] : llvm::enumerate(
             followSlice(slice, slice.getDest(), none, results.front(),
                         "writes some of the rows", flow)))
      if (!dropped.test(dim))
        labels.push_back(label);
    flow.reads.push_back({slice.getDest(), results.front()});
    flow.reads.push_back({slice.getSource(), labels});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto slice = cast<tensor::InsertSliceOp>(op);
    Labels from = getRowFlow(op, results).reads.back().labels;
    SliceOfRows rows(slice, rebuilder, results.front());
    Value source = rebuilder.get(slice.getSource(), from);
    return {tensor::InsertSliceOp::create(
        rebuilder.b, op->getLoc(), source,
        rebuilder.get(slice.getDest(), results.front()), rows.offsets,
        rows.sizes, rows.strides)};
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    auto slice = cast<tensor::InsertSliceOp>(op);
    return {slice.getSource(), slice.getDest()};
  }
};

template <typename ReshapeOp>
struct ReshapeFlow
    : RowFlowOpInterface::ExternalModel<ReshapeFlow<ReshapeOp>, ReshapeOp> {
  static constexpr bool isExpand =
      std::is_same_v<ReshapeOp, tensor::ExpandShapeOp>;

  /// Groups are of one dimension, units aside; where they are not, rows are
  /// taken apart.
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto reshape = cast<ReshapeOp>(op);
    const Labels &labels = results.front();
    RowFlow flow;
    RankedTensorType wide =
        isExpand ? reshape.getResultType() : reshape.getSrcType();
    Labels from(reshape.getSrcType().getRank(), kInner);
    for (auto [narrow, group] :
         llvm::enumerate(reshape.getReassociationIndices())) {
      SmallVector<int64_t> real;
      for (int64_t dim : group)
        if (wide.getDimSize(dim) != 1)
          real.push_back(dim);
      if (real.size() > 1) {
        for (int64_t dim : group)
          flow.add(op, labels[isExpand ? dim : narrow],
                   "joins or splits the dimension of the rows");
        continue;
      }
      int64_t dim = real.empty() ? group.front() : real.front();
      from[isExpand ? narrow : dim] = labels[isExpand ? dim : narrow];
    }
    if constexpr (isExpand)
      for (auto [size, label] :
           llvm::zip_equal(reshape.getMixedOutputShape(), labels))
        flow.sizes.push_back({size, label});
    flow.reads.push_back({reshape.getSrc(), from});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto reshape = cast<ReshapeOp>(op);
    const Labels &labels = results.front();
    Labels from = getRowFlow(op, results).reads.back().labels;
    Value source = rebuilder.get(reshape.getSrc(), from);
    RankedTensorType type = rebuilder.getType(reshape, labels);
    if (source.getType() == type)
      return {source};
    const Labels &narrow = isExpand ? from : labels;
    const Labels &wide = isExpand ? labels : from;
    // Groups of what is kept; a unit beside a row joins its neighbour.
    SmallVector<ReassociationIndices> groups;
    int64_t next = 0;
    if (rebuilder.hasRows(wide))
      groups.push_back({next++});
    for (auto [dim, group] :
         llvm::enumerate(reshape.getReassociationIndices())) {
      ReassociationIndices kept;
      for (int64_t position : group)
        if (rebuilder.isKept(wide[position]))
          kept.push_back(next++);
      if (rebuilder.isKept(narrow[dim]))
        groups.push_back(kept);
      else if (!groups.empty())
        llvm::append_range(groups.back(), kept);
    }
    if constexpr (isExpand)
      return {tensor::ExpandShapeOp::create(
          rebuilder.b, op->getLoc(), type, source, groups,
          rebuilder.getSizes(reshape, labels))};
    else
      return {tensor::CollapseShapeOp::create(rebuilder.b, op->getLoc(), type,
                                              source, groups)};
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    return {cast<ReshapeOp>(op).getSrc()};
  }
};

struct ConcatFlow
    : RowFlowOpInterface::ExternalModel<ConcatFlow, tensor::ConcatOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto concat = cast<tensor::ConcatOp>(op);
    Labels labels(results.front());
    RowFlow flow;
    flow.add(op, labels[concat.getDim()], "concatenates rows");
    labels[concat.getDim()] = kInner;
    for (Value input : concat.getInputs())
      flow.reads.push_back({input, labels});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto concat = cast<tensor::ConcatOp>(op);
    const Labels &labels = results.front();
    SmallVector<Value> inputs;
    for (const Read &read : getRowFlow(op, results).reads)
      inputs.push_back(rebuilder.get(read.value, read.labels));
    int64_t dim = rebuilder.hasRows(labels);
    for (int64_t before = 0; before < int64_t(concat.getDim()); ++before)
      dim += rebuilder.isKept(labels[before]);
    return {tensor::ConcatOp::create(rebuilder.b, op->getLoc(),
                                     rebuilder.getType(concat, labels), dim,
                                     inputs)};
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    return llvm::to_vector(cast<tensor::ConcatOp>(op).getInputs());
  }
};

struct PadFlow : RowFlowOpInterface::ExternalModel<PadFlow, tensor::PadOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto pad = cast<tensor::PadOp>(op);
    const Labels &labels = results.front();
    RowFlow flow;
    Value padding = pad.getConstantPaddingValue();
    if (!padding) {
      flow.isKnown = false;
      flow.add(op, labels, "pads with what depends on the position");
      return flow;
    }
    if (!pad.getRegion().isAncestor(padding.getParentRegion()))
      flow.addScalars(OpFoldResult(padding));
    flow.addScalars(pad.getMixedLowPad());
    flow.addScalars(pad.getMixedHighPad());
    for (auto [dim, label] : llvm::enumerate(labels))
      if (!isConstantIntValue(pad.getMixedLowPad()[dim], 0) ||
          !isConstantIntValue(pad.getMixedHighPad()[dim], 0))
        flow.add(op, label, "pads rows");
    flow.reads.push_back({pad.getSource(), labels});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto pad = cast<tensor::PadOp>(op);
    OpBuilder &b = rebuilder.b;
    const Labels &labels = results.front();
    Value padding = pad.getConstantPaddingValue();
    if (pad.getRegion().isAncestor(padding.getParentRegion()))
      padding = b.clone(*padding.getDefiningOp())->getResult(0);
    OpFoldResult none = b.getIndexAttr(0);
    return {tensor::PadOp::create(
        b, op->getLoc(), rebuilder.getType(pad, labels),
        rebuilder.get(pad.getSource(), labels),
        rebuilder.getKept(pad.getMixedLowPad(), labels, none),
        rebuilder.getKept(pad.getMixedHighPad(), labels, none), padding)};
  }
};

} // namespace

void moe::registerTensorRowFlow(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CastOp::attachInterface<CastFlow<tensor::CastOp>>(*context);
    tensor::BitcastOp::attachInterface<CastFlow<tensor::BitcastOp>>(*context);
    tensor::EmptyOp::attachInterface<EmptyFlow>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceFlow>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceFlow>(*context);
    tensor::ExpandShapeOp::attachInterface<ReshapeFlow<tensor::ExpandShapeOp>>(
        *context);
    tensor::CollapseShapeOp::attachInterface<
        ReshapeFlow<tensor::CollapseShapeOp>>(*context);
    tensor::ConcatOp::attachInterface<ConcatFlow>(*context);
    tensor::PadOp::attachInterface<PadFlow>(*context);
  });
}
