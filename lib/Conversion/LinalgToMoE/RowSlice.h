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
#include <set>

namespace mlir::moe {

/// For each dimension of a value the dimension of the root that it runs along,
/// or `kInner` where it is none, or not one alone.
using Labels = SmallVector<int64_t>;
constexpr int64_t kInner = -1;

/// The dimensions that index those of a value.
Labels getLabels(AffineMap map);

/// A value as it is read: one value may be read along different dimensions, and
/// what is known of one reading is not known of the others.
struct Read {
  Value value;
  Labels labels;

  bool operator==(const Read &other) const {
    return value == other.value && labels == other.labels;
  }
};

/// An operation that keeps rows along `labels` from being told apart.
struct Obstacle {
  enum Kind { Mixes, UsesPosition, ReadsAny } kind;
  Operation *op;
  SmallVector<int64_t> labels;
  StringRef reason;
};

/// How the rows of an operation's results follow those of what it reads.
struct RowFlow {
  SmallVector<Read> reads;
  SmallVector<Obstacle> obstacles;
  /// False for an operation of which nothing is known.
  bool isKnown = true;

  void add(Operation *op, ArrayRef<int64_t> labels, StringRef reason,
           Obstacle::Kind kind = Obstacle::Mixes);
};

/// Follows rows through `op`, whose results are labelled so; a result without
/// labels is not asked for.
RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results);

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
  /// What an operation inside reads by `map`.
  Labels labelsBy(linalg::GenericOp op, AffineMap map) const;

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
