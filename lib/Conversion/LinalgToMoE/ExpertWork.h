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

namespace mlir::moe {

class ExpertWork {
public:
  /// Of what `slice` computes for a value of type `type`, whose dimensions
  /// `tokens` and `stack` number rows and experts.
  ExpertWork(const RowSlice &slice, RankedTensorType type,
             ArrayRef<int64_t> tokens, std::optional<int64_t> stack)
      : slice(slice), type(type), tokens(tokens), stack(stack) {}

  /// Whether it takes less to compute the rows alone than to compute all, if no
  /// more than half of them are needed.
  bool isWorthIt() const;
  /// The first input that would be needed of all experts and tokens, or null.
  const Read *findWhole() const;

private:
  bool isRow(int64_t label) const {
    return label == stack || llvm::is_contained(tokens, label);
  }
  bool hasTokens(const Labels &labels) const {
    return llvm::any_of(labels, [&](int64_t label) {
      return llvm::is_contained(tokens, label);
    });
  }
  double sizeOfRow(RankedTensorType type, const Labels &labels) const;
  double countOperations(linalg::GenericOp op) const;

  const RowSlice &slice;
  RankedTensorType type;
  ArrayRef<int64_t> tokens;
  std::optional<int64_t> stack;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTWORK_H
