//===- ExpertWork.h - Whether an expert pays ----------------------*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cost model of raising.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTWORK_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTWORK_H

#include "RowSlice.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

class ExpertWork {
public:
  /// Of what `slice` computes for `results`, whose dimensions `tokens` and
  /// `stack` number rows and experts. Experts are computed for the same rows,
  /// unless they have `ownRows`.
  ExpertWork(const RowSlice &slice, ArrayRef<Read> results,
             ArrayRef<int64_t> tokens, std::optional<int64_t> stack,
             bool ownRows = false)
      : slice(slice), results(results), tokens(tokens), stack(stack),
        ownRows(ownRows) {}

  /// Whether it takes less to compute the rows alone than to compute all, if no
  /// more than half of them are needed.
  bool isWorthIt() const;
  /// Whether anything is computed for each row at all.
  bool computes() const;
  /// The first input that would be needed of all experts and tokens, or null.
  const Read *findWhole() const;
  /// Whether what is read for each expert is as much as what is read for each
  /// row: a sum over rows looks like one over experts otherwise.
  bool isOfExperts() const;
  /// What reads rows of an input that has been read along others, or null: what
  /// it computes of one row depends on all.
  Operation *findMixing() const;

private:
  bool isRow(int64_t label) const {
    return label == stack || llvm::is_contained(tokens, label);
  }
  bool hasTokens(const Labels &labels) const {
    return llvm::any_of(labels, [&](int64_t label) {
      return llvm::is_contained(tokens, label);
    });
  }
  double sizeOfRow(const Read &read) const;
  double countOperations(linalg::GenericOp op) const;

  const RowSlice &slice;
  ArrayRef<Read> results;
  ArrayRef<int64_t> tokens;
  std::optional<int64_t> stack;
  bool ownRows;
};

/// Of dimensions that number rows, the one that numbers experts with rows of
/// their own: weights are read along it and along no other one. Only of a
/// moe.where of one case that is worth it.
std::optional<int64_t> findExpertsOfRows(WhereOp where,
                                         ArrayRef<const RowSlice *> slices,
                                         ArrayRef<int64_t> tokens);

/// Which regions of a moe.where are experts: those that are worth it and,
/// beside them, what computes anything, and cases that pass on what another one
/// reads, an argument, or what is the same for all rows. Where none is worth
/// it, all are that compute, if it takes several and each does.
SmallVector<bool> chooseExperts(WhereOp where,
                                ArrayRef<const RowSlice *> slices,
                                ArrayRef<int64_t> tokens,
                                std::optional<int64_t> stack);
/// What the regions of a moe.where yield: in its order, what is behind `else`
/// last. Rows are labelled by the dimensions of the results. Several results
/// have those along which masks run in common, and nothing else.
SmallVector<Read> getYielded(WhereOp where, Region &region);
/// The regions that there are: cases, and what is behind `else`.
SmallVector<Region *> getRegions(WhereOp where);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTWORK_H
