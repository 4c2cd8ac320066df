//===- RowSlice.h - Backward slices that follow rows ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a value is computed from, and along which of its dimensions each
// dimension on the way runs.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_ROWSLICE_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_ROWSLICE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "moe/Analysis/RowFlow.h"
#include <set>

namespace mlir::moe {

/// Whether a value is made anew wherever it is needed: a constant that is the
/// same everywhere, or a tensor without contents.
bool isRematerializable(Value value);

class RowSlice {
public:
  /// Whether an operation, whose readers are all known, belongs to the slice.
  using MayEnter =
      llvm::function_ref<bool(const RowSlice &, Operation *, const RowFlow &)>;

  /// Walks back from `roots` through the operations of `blocks`, the innermost
  /// first, as far as `mayEnter` lets it.
  RowSlice(ArrayRef<Read> roots, ArrayRef<Block *> blocks, MayEnter mayEnter);

  bool contains(Operation *op) const { return inside.contains(op); }
  bool isInput(Value value) const {
    return llvm::any_of(inputs,
                        [&](const Read &read) { return read.value == value; });
  }
  /// All the ways in which a value is read.
  struct Reading {
    Labels labels;
    Operation *user;
  };
  ArrayRef<Reading> readingsOf(Value value) const {
    auto found = readings.find(value);
    return found == readings.end() ? ArrayRef<Reading>() : found->second;
  }
  bool knows(Value value) const { return readings.contains(value); }
  /// The first labels of a value that is known.
  const Labels &labelsOf(Value value) const {
    return readings.find(value)->second.front().labels;
  }
  /// The labels of the results of an operation inside; none of a result that is
  /// not read.
  SmallVector<Labels> labelsOfResults(Operation *op) const;
  /// What an operation inside reads by `map`.
  Labels labelsBy(linalg::LinalgOp op, AffineMap map) const {
    return getLabels(map, getLoopLabels(op, labelsOfResults(op)));
  }

  /// Values from outside as they are read, in the order they were met.
  ArrayRef<Read> getInputs() const { return inputs; }
  /// Where rows along some of the labels mix.
  ArrayRef<Obstacle> getObstacles() const { return obstacles; }
  /// The operations, from the last to the first.
  ArrayRef<Operation *> getOperations() const { return order; }

private:
  /// The order in which operations are met: users before what they use.
  struct Later {
    bool operator()(Operation *a, Operation *b) const {
      if (a->getBlock() == b->getBlock())
        return a != b && b->isBeforeInBlock(a);
      return b->getBlock()->getParent()->isProperAncestor(
          a->getBlock()->getParent());
    }
  };

  void visit(Value value, const Labels &labels, Operation *user);
  void addInput(Value value);
  RowFlow flowOf(Operation *op) const;

  ArrayRef<Block *> blocks;
  llvm::SmallDenseMap<Value, SmallVector<Reading, 1>> readings;
  std::set<Operation *, Later> pending;
  llvm::SmallDenseSet<Operation *> inside;
  SmallVector<Operation *> order;
  SmallVector<Read> inputs;
  SmallVector<Obstacle> obstacles;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_ROWSLICE_H
