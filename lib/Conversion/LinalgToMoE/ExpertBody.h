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
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::moe {

class ExpertBody {
public:
  /// `number` is the expert's, in a family; `rows` the number of rows.
  ExpertBody(OpBuilder &b, const ExpertTerms &terms, const Term &term,
             Value number, Value rows)
      : b(b), terms(terms), term(term), number(number), rows(rows) {}

  /// Gives the rows of an input: [rows, the other dimensions...]. That of a
  /// number for each token and expert is [rows, E] unless it is `isColumn`.
  void setRows(const Read &input, Value rows, bool isColumn);

  /// [rows, features...] of `value`, in the order of those of `result`.
  Value emitTerm(const Read &value, const Read &result);

private:
  bool isKept(int64_t label) const {
    return !terms.isToken(label) && label != terms.expertLoop;
  }
  /// The sizes of [rows if it has rows, the kept dimensions...].
  SmallVector<OpFoldResult> getSizes(Value value, const Labels &labels);
  Value emit(Value value, const Labels &labels);
  Value emitInput(Value value, const Labels &labels);
  Value emitRematerialized(Value value, const Labels &labels);
  Value emitSplat(Value value, TypedAttr constant, const Labels &labels);
  Value emitOperation(Operation *op, const Labels &labels);
  Value getPaddingValue(tensor::PadOp pad);
  void emitGeneric(linalg::GenericOp op);
  /// `value` as rows of `labels`, read by `map` from loops that are labelled
  /// `loops`.
  Value emitRead(Value value, AffineMap map, ArrayRef<int64_t> loops,
                 Value like, const Labels &labels);

  OpBuilder &b;
  const ExpertTerms &terms;
  const Term &term;
  Value number, rows;
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
