//===- RowFlow.cpp - How operations move rows -----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all operations have in common; TensorRowFlow.cpp and LinalgRowFlow.cpp
// have a model for each.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/RowFlow.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "moe/Analysis/RowFlowOpInterface.cpp.inc"

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

Labels moe::getOwnLabels(Value tensor) {
  return llvm::to_vector(llvm::seq<int64_t>(
      0, cast<RankedTensorType>(tensor.getType()).getRank()));
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

void RowFlow::addScalars(ArrayRef<OpFoldResult> scalars) {
  for (OpFoldResult scalar : scalars)
    if (auto value = dyn_cast<Value>(scalar))
      reads.push_back({value, {}});
}

RowFlow moe::getRowFlow(Operation *op, ArrayRef<Labels> results) {
  if (auto moves = dyn_cast<RowFlowOpInterface>(op))
    return moves.getRowFlow(results);
  RowFlow flow;
  flow.isKnown = false;
  for (const Labels &labels : results)
    flow.add(op, labels, "is not known to keep rows apart");
  return flow;
}

SmallVector<Value> moe::getMovedTensors(Operation *op) {
  auto moves = dyn_cast_or_null<RowFlowOpInterface>(op);
  return moves ? moves.getMovedTensors() : SmallVector<Value>();
}

bool RowRebuilder::hasRows(ArrayRef<int64_t> labels) const {
  return llvm::any_of(labels, [&](int64_t label) { return isRow(label); });
}

RankedTensorType RowRebuilder::getType(Value value,
                                       const Labels &labels) const {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  if (hasRows(labels))
    shape.push_back(ShapedType::kDynamic);
  for (auto [size, label] : llvm::zip_equal(type.getShape(), labels))
    if (isKept(label))
      shape.push_back(size);
  return RankedTensorType::get(shape, type.getElementType());
}

SmallVector<OpFoldResult> RowRebuilder::getSizes(Value value,
                                                 const Labels &labels) {
  SmallVector<OpFoldResult> sizes;
  if (hasRows(labels))
    sizes.push_back(rows);
  for (auto [dim, label] : llvm::enumerate(labels))
    if (isKept(label))
      sizes.push_back(tensor::getMixedSize(b, value.getLoc(), value, dim));
  return sizes;
}

SmallVector<OpFoldResult> RowRebuilder::getKept(ArrayRef<OpFoldResult> all,
                                                const Labels &labels,
                                                OpFoldResult ofRows) const {
  SmallVector<OpFoldResult> kept;
  if (hasRows(labels))
    kept.push_back(ofRows);
  for (auto [each, label] : llvm::zip_equal(all, labels))
    if (isKept(label))
      kept.push_back(each);
  return kept;
}

void moe::registerRowFlow(DialectRegistry &registry) {
  registerTensorRowFlow(registry);
  registerLinalgRowFlow(registry);
}
