//===- TokenTensors.h - Tensors with a row for each token ----- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building linalg operations over tensors whose first dimension is the token,
// from nothing but what one element is.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_TOKENTENSORS_H
#define MOE_DIALECT_MOE_TRANSFORMS_TOKENTENSORS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

/// A tensor and the loops that index its dimensions.
struct IndexedTensor {
  Value tensor;
  SmallVector<unsigned> loops;
};

/// Computes the element of a result from the elements of the operands.
using Payload = function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;

/// Computes the element at the given indices.
using RowPayload = function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;

/// Builds tensors for the rows of `source`, a tensor [N, columns].
class TokenTensors {
public:
  /// Where rows are computed one by one, that is by loops, which become vector
  /// code, or, if `parallel`, by an operation on all of them.
  TokenTensors(ImplicitLocOpBuilder &builder, Value source, bool parallel);

  Value empty(ArrayRef<int64_t> trailing, Type element);

  /// The payload sees the elements of `ins` and then that of `out`.
  Value generic(ArrayRef<IndexedTensor> ins, Value out, Payload payload);

  /// A new tensor with an element for each token and each of `trailing`.
  Value map(ArrayRef<IndexedTensor> ins, ArrayRef<int64_t> trailing,
            Type element, Payload payload);

  /// Replaces each element of `value`, which the payload sees first; in place
  /// unless it is the source or changes its type.
  Value update(Value value, ArrayRef<IndexedTensor> others, Type element,
               Payload payload);

  /// A new tensor like that of `map`; the payload sees the indices.
  Value forEachRow(ArrayRef<int64_t> trailing, Type element,
                   RowPayload payload);

  /// A scalar from the elements of `ins` in one row: loops over their last
  /// dimension, `row` being the other indices. The payload sees the accumulator
  /// last. It is carried by the loop and not by memory, or the loop would not
  /// become vector code.
  static Value reduceRow(ImplicitLocOpBuilder &b, ArrayRef<IndexedTensor> ins,
                         ValueRange row, TypedAttr identity, Payload payload);

  /// `reduceRow` for each token and each of `trailing`.
  Value reduceRows(ArrayRef<IndexedTensor> ins, ArrayRef<int64_t> trailing,
                   TypedAttr identity, Payload payload);

  /// Of each column of `mask`, a tensor of i1, the first `limit` (i64) that are
  /// set. Each element is computed on its own.
  Value keepFirst(Value mask, Value limit);

  /// A tensor indexed by the first loops, one for each of its dimensions.
  static IndexedTensor each(Value tensor);
  static IndexedTensor perToken(Value tensor) { return {tensor, {0}}; }

protected:
  ImplicitLocOpBuilder &b;
  Value source;
  int64_t columns;
  bool parallel;
  /// The number of tokens.
  OpFoldResult tokens;
};

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_TOKENTENSORS_H
