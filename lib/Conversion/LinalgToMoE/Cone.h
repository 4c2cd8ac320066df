//===- Cone.h - What is computed for one expert alone -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operations that only one term of a sum or select needs, and along which
// loops of its root each dimension of their values runs.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_CONE_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_CONE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "moe/Analysis/Masks.h"
#include "llvm/ADT/MapVector.h"
#include <set>

namespace mlir::moe {

/// For each dimension of a value the loop of the root that indexes it, or
/// `kInner` where none does, or not alone.
using Labels = SmallVector<int64_t>;
constexpr int64_t kInner = -1;

/// A value as it is read: one value may be read along different loops, and what
/// is known of one reading is not known of the others.
struct Read {
  Value value;
  Labels labels;

  bool operator==(const Read &other) const {
    return value == other.value && labels == other.labels;
  }
};

/// A row-level value that decides which rows are needed: those where a truth
/// value is `needed`, or where a number is not zero.
struct MaskUse {
  Read mask;
  bool isNumber;
  bool needed = true;
};

/// What is found out once for a function.
struct ConeAnalyses {
  MaskAnalysis masks;
  llvm::DenseMap<Operation *, bool> sumsOfMasked;
};

class Cone {
public:
  /// An operation that keeps rows along `loops` from being told apart, or all
  /// operations of a kind that is not known.
  struct Obstacle {
    enum Kind { Mixes, UsesPosition, ReadsAny } kind;
    Operation *op;
    SmallVector<int64_t> loops;
    StringRef reason;
  };

  /// Walks back from `term`, whose only users may be `sinks`, to what is used
  /// elsewhere and to the results of `outside`. With `isGiven` everything is
  /// entered but what that says, masks too.
  Cone(Value term, const Labels &labels,
       const llvm::SmallPtrSetImpl<Operation *> &sinks, ConeAnalyses &analyses,
       llvm::function_ref<bool(Operation *)> isGiven = nullptr,
       const llvm::SmallPtrSetImpl<Operation *> *outside = nullptr);

  bool contains(Operation *op) const { return inside.contains(op); }
  bool isInput(Value value) const {
    return llvm::any_of(inputs,
                        [&](const Read &r) { return r.value == value; });
  }
  /// The loops along which a value that is computed inside runs.
  const Labels &labelsOf(Value value) const {
    return readings.find(value)->second.front().labels;
  }
  bool knows(Value value) const { return readings.contains(value); }
  /// All the ways in which a value is read.
  struct Reading {
    Labels labels;
    Operation *user;
  };
  ArrayRef<Reading> readingsOf(Value value) const {
    auto found = readings.find(value);
    return found == readings.end() ? ArrayRef<Reading>() : found->second;
  }
  /// What an operation that is computed inside reads by `map`.
  Labels labelsBy(linalg::GenericOp op, AffineMap map) const;

  /// Values that are computed outside as they are read, in the order they were
  /// met.
  ArrayRef<Read> getInputs() const { return inputs; }
  /// Row-level masks of products and selects.
  ArrayRef<MaskUse> getMasks() const { return maskUses; }
  /// Row-level factors that are no masks, although they look like some.
  ArrayRef<MaskUse> getNearMasks() const { return nearMasks; }
  /// Where rows mix, for rows along the loops that are named.
  ArrayRef<Obstacle> getObstacles() const { return obstacles; }
  /// Whether anything is computed at all.
  bool computes() const { return work; }

  /// The operations, from the last to the first.
  ArrayRef<Operation *> getOperations() const { return order; }

private:
  struct Later {
    bool operator()(Operation *a, Operation *b) const {
      return a != b && b->isBeforeInBlock(a);
    }
  };

  bool isSumOfMasked(Operation *op);
  bool isMask(Value value) const;
  void addInput(Value value);
  SmallVector<int64_t> getLoops(linalg::GenericOp op) const;
  void mixReadings(Value value);
  void visit(Value value, Labels where, Operation *user);
  void expand(Operation *op);
  void expandGeneric(linalg::GenericOp op);
  bool findMasks(linalg::GenericOp op, ArrayRef<int64_t> loops);
  void mix(Operation *op, ArrayRef<int64_t> where, StringRef reason,
           Obstacle::Kind kind = Obstacle::Mixes);

  ConeAnalyses &analyses;
  Block *block;
  bool entersMasks;
  llvm::SmallDenseMap<Value, SmallVector<Reading, 1>> readings;
  std::set<Operation *, Later> pending;
  llvm::SmallDenseSet<Operation *> inside;
  SmallVector<Operation *> order;
  SmallVector<Read> inputs;
  SmallVector<MaskUse> maskUses, nearMasks;
  SmallVector<Obstacle> obstacles;
  bool work = false;
};

/// Whether a value is made anew wherever it is needed: a constant that is the
/// same everywhere, or a tensor without contents.
bool isRemade(Value value);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_CONE_H
