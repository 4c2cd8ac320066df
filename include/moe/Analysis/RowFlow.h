//===- RowFlow.h - How operations move rows ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Along which dimensions of what an operation reads the dimensions of its
// results run, which rows it brings together, and how it is written for rows
// of another number.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ROWFLOW_H
#define MOE_ANALYSIS_ROWFLOW_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"

namespace mlir::moe {

/// For each dimension of a value the dimension of the root that it runs along,
/// or `kInner` where it is none, or not one alone.
using Labels = SmallVector<int64_t>;
constexpr int64_t kInner = -1;

/// The dimensions that index those of a value.
Labels getLabels(AffineMap map);

/// A value as it is read: one value may be read along different dimensions, and
/// what is known of one reading is not known of the others. A scalar has no
/// labels.
struct Read {
  Value value;
  Labels labels;

  bool operator==(const Read &other) const {
    return value == other.value && labels == other.labels;
  }
};

/// An operation that keeps rows along `labels` from being told apart.
struct Obstacle {
  enum Kind { Mixes, UsesPosition, ReadsAny, MayFail } kind;
  Operation *op;
  SmallVector<int64_t> labels;
  /// What it does, lower case, no full stop.
  StringRef reason;
};

/// How the rows of an operation's results follow those of what it reads.
struct RowFlow {
  SmallVector<Read> reads;
  SmallVector<Obstacle> obstacles;
  /// Sizes of a result that operands say, and the labels they are sizes of.
  SmallVector<std::pair<OpFoldResult, int64_t>> sizes;
  /// False for an operation of which nothing is known.
  bool isKnown = true;

  /// Adds an obstacle along those of `labels` that are any.
  void add(Operation *op, ArrayRef<int64_t> labels, StringRef reason,
           Obstacle::Kind kind = Obstacle::Mixes);
  /// Adds what is the same for all rows. Constants are left out.
  void addScalars(ArrayRef<OpFoldResult> scalars);
};

/// What operations are written anew with, for other rows. A label is one of
/// rows, which together become dimension 0 of what has any, or fixed, and its
/// dimension is left out, or kept.
class RowRebuilder {
public:
  RowRebuilder(OpBuilder &b, Value rows, Value number)
      : b(b), rows(rows), number(number) {}
  virtual ~RowRebuilder() = default;

  virtual bool isRow(int64_t label) const = 0;
  virtual bool isFixed(int64_t label) const = 0;
  /// [rows if it has some, the kept dimensions...] of `value`.
  virtual Value get(Value value, const Labels &labels) = 0;

  bool isKept(int64_t label) const { return !isRow(label) && !isFixed(label); }
  bool hasRows(ArrayRef<int64_t> labels) const;
  /// How many rows there are, and the position along what is fixed; null where
  /// nothing is.
  Value getRows() const { return rows; }
  Value getNumber() const { return number; }
  /// The type and the sizes of what `get` gives.
  RankedTensorType getType(Value value, const Labels &labels) const;
  SmallVector<OpFoldResult> getSizes(Value value, const Labels &labels);
  /// Those of `all`, one for each label, that are kept, behind `ofRows` if
  /// there are rows.
  SmallVector<OpFoldResult> getKept(ArrayRef<OpFoldResult> all,
                                    const Labels &labels,
                                    OpFoldResult ofRows) const;

  OpBuilder &b;

private:
  Value rows, number;
};

/// Follows rows through `op`, whose results are labelled so; a result without
/// labels is not asked for. Nothing is known of an operation without the
/// interface.
RowFlow getRowFlow(Operation *op, ArrayRef<Labels> results);

/// The tensors whose elements those of the result of `op` are, unchanged;
/// nothing if there may be others. `op` may be null.
SmallVector<Value> getMovedTensors(Operation *op);

/// What the loops of `op` run along, if its results are labelled so: where
/// dimensions of results that differ are of one loop, that of the last.
Labels getLoopLabels(linalg::LinalgOp op, ArrayRef<Labels> results);
/// What an operand is read along by `map` from loops labelled so.
Labels getLabels(AffineMap map, const Labels &loops);

/// The labels of a tensor each of whose dimensions is one of the root.
Labels getOwnLabels(Value tensor);

/// Lets operations of the dialects tensor and linalg say how they move rows.
void registerRowFlow(DialectRegistry &registry);
void registerTensorRowFlow(DialectRegistry &registry);
void registerLinalgRowFlow(DialectRegistry &registry);

} // namespace mlir::moe

#include "moe/Analysis/RowFlowOpInterface.h.inc"

#endif // MOE_ANALYSIS_ROWFLOW_H
