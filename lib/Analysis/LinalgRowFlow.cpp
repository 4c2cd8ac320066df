//===- LinalgRowFlow.cpp - How structured operations move rows ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops are labelled as the dimensions of the results that they index, and what
// is read as the loops that index it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/RowFlow.h"

using namespace mlir;
using namespace mlir::moe;

Labels moe::getLoopLabels(linalg::LinalgOp op, ArrayRef<Labels> results) {
  Labels loops(op.getNumLoops(), kInner);
  for (auto [result, labels] : llvm::zip_equal(op->getResults(), results)) {
    if (labels.empty())
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(result);
    for (auto [label, index] : llvm::zip_equal(labels, map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(index))
        loops[dim.getPosition()] = label;
  }
  return loops;
}

Labels moe::getLabels(AffineMap map, const Labels &loops) {
  Labels labels = getLabels(map);
  for (int64_t &label : labels)
    if (label != kInner)
      label = loops[label];
  return labels;
}

/// Dimensions of results that are not those of one loop, and loops that are.
static void followResults(linalg::LinalgOp op, ArrayRef<Labels> results,
                          const Labels &loops, RowFlow &flow) {
  for (auto [result, labels] : llvm::zip_equal(op->getResults(), results)) {
    if (labels.empty())
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(result);
    for (auto [label, index] : llvm::zip_equal(labels, map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(index);
      if (!dim)
        flow.add(op, label, "writes rows at computed positions");
      else if (int64_t loop = loops[dim.getPosition()]; loop != label)
        flow.add(op, {loop, label}, "combines different rows");
    }
  }
  for (auto [loop, label] : llvm::enumerate(loops))
    if (llvm::is_contained(ArrayRef(loops).take_front(loop), label))
      flow.add(op, label, "combines different rows");
}

/// What the body does beside computing with its arguments.
static void followBody(linalg::LinalgOp op, const Labels &loops,
                       RowFlow &flow) {
  op.getBlock()->walk([&](Operation *nested) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested))
      flow.add(op, loops[index.getDim()], "uses the position of a row",
               Obstacle::UsesPosition);
    else if (!isMemoryEffectFree(nested) ||
             (nested->getNumRegions() == 0 && !isPure(nested) &&
              !nested->hasTrait<OpTrait::IsTerminator>()))
      flow.add(op, loops, "may fail or has side effects", Obstacle::MayFail);
    for (Value operand : nested->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        flow.add(op, loops, "may read any row", Obstacle::ReadsAny);
  });
}

static void mapBody(linalg::LinalgOp from, linalg::GenericOp to,
                    const Labels &loops, ArrayRef<int64_t> newLoops,
                    const RowRebuilder &rebuilder) {
  IRMapping mapping;
  from->getRegion(0).cloneInto(&to.getRegion(), mapping);
  IRRewriter rewriter(rebuilder.b.getContext());
  to.getBody()->walk([&](linalg::IndexOp index) {
    if (rebuilder.isFixed(loops[index.getDim()]))
      rewriter.replaceOp(index, rebuilder.getNumber());
    else
      index.setDim(newLoops[index.getDim()]);
  });
}

namespace {

template <typename Op>
struct StructuredFlow
    : RowFlowOpInterface::ExternalModel<StructuredFlow<Op>, Op> {
  RowFlow getRowFlow(Operation *operation, ArrayRef<Labels> results) const {
    auto op = cast<linalg::LinalgOp>(operation);
    RowFlow flow;
    if (!op.hasPureTensorSemantics()) {
      flow.isKnown = false;
      for (const Labels &labels : results)
        flow.add(op, labels, "is not known to keep rows apart");
      return flow;
    }
    Labels loops = getLoopLabels(op, results);
    followResults(op, results, loops, flow);
    for (auto [label, type] :
         llvm::zip_equal(loops, op.getIteratorTypesArray()))
      if (type != utils::IteratorType::parallel)
        flow.add(op, label, "reduces over rows");
    for (OpOperand &operand : op->getOpOperands()) {
      if (!op.payloadUsesValueFromOperand(&operand))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (AffineExpr index : map.getResults())
        if (!isa<AffineDimExpr>(index))
          index.walk([&](AffineExpr e) {
            if (auto dim = dyn_cast<AffineDimExpr>(e))
              flow.add(op, loops[dim.getPosition()],
                       "reads rows beside its own");
          });
      flow.reads.push_back({operand.get(), getLabels(map, loops)});
    }
    followBody(op, loops, flow);
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *operation, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto op = cast<linalg::LinalgOp>(operation);
    OpBuilder &b = rebuilder.b;
    Labels loops = getLoopLabels(op, results);
    SmallVector<utils::IteratorType> iterators;
    if (rebuilder.hasRows(loops))
      iterators.push_back(utils::IteratorType::parallel);
    SmallVector<int64_t> newLoops(loops.size(), -1);
    SmallVector<AffineExpr> dims;
    for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (rebuilder.isRow(loops[loop])) {
        newLoops[loop] = 0;
      } else if (!rebuilder.isFixed(loops[loop])) {
        newLoops[loop] = iterators.size();
        iterators.push_back(type);
      }
      dims.push_back(newLoops[loop] < 0 ? b.getAffineConstantExpr(0)
                                        : b.getAffineDimExpr(newLoops[loop]));
    }
    SmallVector<Value> inputs, inits;
    SmallVector<AffineMap> maps;
    SmallVector<Type> types;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      Labels labels = getLabels(map, loops);
      Value value = operand.get();
      if (isa<RankedTensorType>(value.getType()))
        value = op.payloadUsesValueFromOperand(&operand)
                    ? rebuilder.get(value, labels)
                    : Value(tensor::EmptyOp::create(
                          b, op.getLoc(), rebuilder.getSizes(value, labels),
                          getElementTypeOrSelf(value.getType())));
      SmallVector<AffineExpr> indices;
      if (rebuilder.hasRows(labels))
        indices.push_back(b.getAffineDimExpr(0));
      for (auto [label, index] : llvm::zip_equal(labels, map.getResults()))
        if (rebuilder.isKept(label))
          indices.push_back(index.replaceDims(dims));
      maps.push_back(
          AffineMap::get(iterators.size(), 0, indices, b.getContext()));
      (op.isDpsInput(&operand) ? inputs : inits).push_back(value);
      if (op.isDpsInit(&operand))
        types.push_back(value.getType());
    }
    auto rebuilt = linalg::GenericOp::create(b, op.getLoc(), types, inputs,
                                             inits, maps, iterators);
    mapBody(op, rebuilt, loops, newLoops, rebuilder);
    return llvm::to_vector_of<Value>(rebuilt.getResults());
  }

  SmallVector<Value> getMovedTensors(Operation *op) const {
    if (!isCopy(op))
      return {};
    Value source = cast<linalg::LinalgOp>(op).getDpsInputs().front();
    if (!isa<RankedTensorType>(source.getType()))
      return {};
    return {source};
  }
};

struct SoftmaxFlow
    : RowFlowOpInterface::ExternalModel<SoftmaxFlow, linalg::SoftmaxOp> {
  RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results) const {
    auto softmax = cast<linalg::SoftmaxOp>(op);
    RowFlow flow;
    if (op->getNumResults() != 1) {
      flow.isKnown = false;
      return flow;
    }
    flow.add(op, results.front()[softmax.getDimension()], "reduces over rows");
    flow.reads.push_back({softmax.getInput(), results.front()});
    return flow;
  }

  SmallVector<Value> rebuildRows(Operation *op, RowRebuilder &rebuilder,
                                 ArrayRef<Labels> results) const {
    auto softmax = cast<linalg::SoftmaxOp>(op);
    const Labels &labels = results.front();
    int64_t dim = rebuilder.hasRows(labels);
    for (uint64_t before = 0; before < softmax.getDimension(); ++before)
      dim += rebuilder.isKept(labels[before]);
    Value input = rebuilder.get(softmax.getInput(), labels);
    Value empty = tensor::EmptyOp::create(
        rebuilder.b, op->getLoc(),
        rebuilder.getSizes(softmax.getInput(), labels),
        getElementTypeOrSelf(op->getResult(0).getType()));
    return llvm::to_vector_of<Value>(
        linalg::SoftmaxOp::create(rebuilder.b, op->getLoc(),
                                  TypeRange{empty.getType()}, input, empty, dim)
            ->getResults());
  }
};

} // namespace

template <typename... Ops> static void attach(MLIRContext *context) {
  (Ops::template attachInterface<StructuredFlow<Ops>>(*context), ...);
}

void moe::registerLinalgRowFlow(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    linalg::SoftmaxOp::attachInterface<SoftmaxFlow>(*context);
    attach<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(context);
  });
}
