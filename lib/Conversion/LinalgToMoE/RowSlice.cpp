//===- RowSlice.cpp - Backward slices that follow rows --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSlice.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

bool moe::isRematerializable(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (isa<tensor::EmptyOp, linalg::FillOp>(op) || getSplat(value));
}

RowSlice::RowSlice(ArrayRef<Read> roots, ArrayRef<Block *> blocks,
                   MayEnter mayEnter)
    : blocks(blocks) {
  for (const auto &[value, labels] : roots)
    visit(value, labels, nullptr);
  while (!pending.empty()) {
    Operation *op = *pending.begin();
    pending.erase(pending.begin());
    RowFlow flow = flowOf(op);
    if (!mayEnter(*this, op, flow)) {
      for (Value result : op->getResults())
        addInput(result);
      continue;
    }
    inside.insert(op);
    order.push_back(op);
    llvm::append_range(obstacles, flow.obstacles);
    for (const Read &read : flow.reads)
      visit(read.value, read.labels, op);
  }
}

/// How rows flow through an operation whose readers are all known.
RowFlow RowSlice::flowOf(Operation *op) const {
  RowFlow flow = getRowFlow(op, labelsOfResults(op));
  // Each row of what is computed is known by one labelling.
  for (Value result : op->getResults())
    for (const Reading &other : readingsOf(result)) {
      SmallVector<int64_t> differ;
      for (auto [a, b] : llvm::zip_equal(labelsOf(result), other.labels))
        if (a != b)
          differ.append({a, b});
      flow.add(other.user, differ, "combines different rows");
    }
  return flow;
}

void RowSlice::addInput(Value value) {
  for (const Reading &reading : readingsOf(value)) {
    Read read{value, reading.labels};
    if (!llvm::is_contained(inputs, read))
      inputs.push_back(read);
  }
}

void RowSlice::visit(Value value, const Labels &labels, Operation *user) {
  if (!isa<RankedTensorType>(value.getType()) || isRematerializable(value))
    return;
  SmallVector<Reading, 1> &known = readings[value];
  if (llvm::any_of(known, [&](const Reading &r) { return r.labels == labels; }))
    return;
  known.push_back({labels, user});
  Operation *op = value.getDefiningOp();
  if (op && llvm::is_contained(blocks, op->getBlock()))
    pending.insert(op);
  else
    addInput(value);
}

SmallVector<Labels> RowSlice::labelsOfResults(Operation *op) const {
  return llvm::map_to_vector(op->getResults(), [&](Value result) {
    return knows(result) ? labelsOf(result) : Labels();
  });
}
