//===- ExpertTerms.h - Experts whose results become one tensor --*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The regions of a moe.where, of several whose results are added up, or of one
// that holds a stack. "Loops" number the dimensions of the results, and that
// of the stack.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTTERMS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTTERMS_H

#include "RowSlice.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include <memory>
#include <optional>

namespace mlir::moe {

/// What a region yields.
struct Term {
  /// Null for what only MaskedRows computes.
  mutable WhereOp where;
  /// Of the cases; their number for what is behind `else`.
  size_t number = 0;
  /// For each result, as the loops read it.
  SmallVector<Read, 1> values;
  std::unique_ptr<RowSlice> slice;
  bool isExpert = false;

  bool isOtherwise() const { return number == where.getCases().size(); }
  /// Mask `number` of the moe.where, as the loops read it.
  Read getMask(size_t number) const;
  /// What a truth value is, as it is read there, wherever the expert runs.
  std::optional<bool> getKnown(const Read &condition) const;
};

struct ExpertTerms {
  /// What is replaced, and the loops over its dimensions. Several results of a
  /// moe.where have the loops over tokens in common.
  SmallVector<Read, 1> results;
  /// The loop of a sum over stacked experts, or one of those over tokens where
  /// each expert has rows of its own.
  std::optional<int64_t> expertLoop;
  std::vector<Term> terms;
  /// What is added to the terms of a sum.
  SmallVector<Read> addends;
  /// Loops over tokens, in the order of the dimensions of the results.
  SmallVector<int64_t> tokens;
  /// Loops that have no number yet.
  int64_t numLoops = 0;

  /// Whether all dimensions of a value are loops over tokens or experts.
  bool isRowLevel(const Read &read) const;
  /// Whether each expert has rows of its own.
  bool haveOwnRows() const { return expertLoop && isToken(*expertLoop); }
  /// Whether a value has a row for each token, or for each of an expert's own.
  bool hasRows(const Labels &labels) const;
  bool isToken(int64_t loop) const { return llvm::is_contained(tokens, loop); }
  /// What tells readings of a value from outside apart where tokens are known:
  /// the loops over tokens and experts alone.
  Read getRowRead(const Read &read) const;
  /// Loops over the elements of a row of a result, in their order.
  SmallVector<int64_t> getFeatures(const Read &result) const;
  /// How often the loop over stacked experts runs, if a type says so.
  std::optional<int64_t> getNumStacked() const;
};

/// The terms that end in `op`: a moe.where, or a sum of some. Null where none
/// of them is an expert; then `reason` says why, if there is one.
std::unique_ptr<ExpertTerms> findExpertTerms(Operation *op,
                                             std::string &reason);

/// Replaces the results of `terms` by a computation in which its experts run on
/// their own rows.
void replaceByDispatch(ExpertTerms &terms);
/// Gives each dispatch of `function` whose bodies are the same, up to which
/// tensors of static shape they read, a single body that picks the tensors by
/// the number of the expert.
void mergeLikeExperts(func::FuncOp function);
/// Joins dispatches of `function` whose rows are intervals of tokens, one for
/// each expert. That intervals do not overlap is checked while running; where
/// they do, everything is computed for all tokens, as it was.
void joinDispatches(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTTERMS_H
