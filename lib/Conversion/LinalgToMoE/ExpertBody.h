//===- ExpertBody.h - The computation of an expert on its rows -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes a slice anew for rows that are gathered: the loops over tokens become
// one, that of the experts a number.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTBODY_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTBODY_H

#include "ExpertTerms.h"

namespace mlir::moe {

class ExpertBody : private RowRebuilder {
public:
  /// `number` is the expert's, in a family; `rows` the number of rows.
  ExpertBody(OpBuilder &b, const ExpertTerms &terms, const Term &term,
             Value number, Value rows)
      : RowRebuilder(b, rows, number), terms(terms), term(term) {}

  /// Gives the rows of an input: [rows, the other dimensions...]. That of a
  /// number for each token and expert is [rows, E] unless it is `isColumn`.
  void setRows(const Read &input, Value rows, bool isColumn);

  /// [rows, features...] of `value`, in the order of those of `result`.
  Value emitTerm(const Read &value, const Read &result);

private:
  bool isRow(int64_t label) const final {
    return terms.isToken(label) && !isFixed(label);
  }
  bool isFixed(int64_t label) const final { return label == terms.expertLoop; }
  Value get(Value value, const Labels &labels) final;

  Value getInput(Value value, const Labels &labels);
  Value getSplat(Value value, TypedAttr constant, const Labels &labels);
  Value getRematerialized(Value value, const Labels &labels);
  /// What an operation chooses whose condition is known where the expert runs.
  Value getChosen(Operation *op);

  const ExpertTerms &terms;
  const Term &term;
  llvm::SmallDenseMap<Value, Value> emitted;
  /// Of what comes from outside, by how it is read.
  SmallVector<std::pair<Read, Value>> emittedInputs;
  struct InputRows {
    Read input;
    Value rows;
    bool isColumn;
  };
  SmallVector<InputRows> inputRows;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_EXPERTBODY_H
