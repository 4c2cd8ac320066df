//===- RowLists.h - Which tensors list the rows of a mask -------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model that computes chosen rows only asks where a mask holds and gathers
// those rows. Front ends write the question as arithmetic: each row that is
// chosen writes its position at the number of chosen rows before it, and the
// list is cut off after as many as there are. The analysis follows what an
// element is, as a function of its row, through that arithmetic and through
// what is done to positions afterwards without changing any.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ROWLISTS_H
#define MOE_ANALYSIS_ROWLISTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "moe/Analysis/Extents.h"

namespace mlir::moe {

class RowListAnalysis {
public:
  /// The mask, a tensor of i1 with one dimension that is no unit, of whose rows
  /// `value` is a list: element r is the position of the r-th row where the
  /// mask holds. `value` is the list, or what a body that reads one makes of
  /// its element. Null if it is none.
  Value getListedMask(Value value);
  /// Whether the size is the number of rows where `mask` holds, or one if none.
  bool counts(const Extent &size, Value mask);
  /// Whether `index` is the position of its own row in a list of `mask`.
  bool isOwnRow(Value index, Value mask);
  /// The loop of a linalg.generic that `index`, a value of its body, is the
  /// position of, in a dimension of `size`.
  std::optional<unsigned> getOwnLoop(Value index, const Extent &size);
  /// Whether a truth value holds whatever the inputs are.
  bool isTrue(Value condition);

private:
  enum class Kind {
    Unknown,
    Constant,
    /// A size, at least zero, and one less.
    Size,
    Last,
    /// The position of its own row.
    Row,
    /// Where a mask holds.
    Holds,
    /// 1 where a mask holds, else 0.
    Mask,
    /// How many rows are chosen up to this one, with it or without it, the
    /// latter at least zero.
    Prefix,
    Before,
    Rank,
    /// The position of its own row where a mask holds, else 0.
    ChosenRow,
    /// The positions of all chosen rows, then zeros.
    Compacted,
    Listed,
    /// How many rows are chosen; the same, at least one; whether it is one.
    Count,
    CountOrOne,
    CountIsOne
  };

  struct Symbol {
    Kind kind = Kind::Unknown;
    Value mask;
    Extent extent;
    TypedAttr constant;

    bool operator==(const Symbol &other) const;
    std::optional<int64_t> getNumber() const;
  };

  Symbol of(Value value);
  Symbol compute(Value value);
  Symbol ofTensor(Value tensor);
  Symbol ofGeneric(OpResult result);
  Symbol ofLoop(OpResult result);
  Symbol ofSlice(Value slice);
  Symbol ofArgument(BlockArgument argument);
  Symbol ofElement(Value tensor, ValueRange indices);
  Symbol ofSize(const Extent &size);
  Symbol apply(Operation *op, ArrayRef<Symbol> operands);
  Symbol applyCompare(Operation *op, const Symbol &lhs, const Symbol &rhs);
  Symbol applySelect(ArrayRef<Symbol> operands);

  bool isAtMost(const Symbol &position, const Symbol &last);
  bool isBelow(const Symbol &position, const Symbol &size);
  bool isSameSize(const Extent &a, const Extent &b);
  Extent getRange(const Symbol &position);
  bool holdsRows(Type type, const Symbol &symbol);

  static Symbol makeConstant(TypedAttr constant);

  llvm::DenseMap<Value, Symbol> known;
  unsigned depth = 0;
};

} // namespace mlir::moe

#endif // MOE_ANALYSIS_ROWLISTS_H
