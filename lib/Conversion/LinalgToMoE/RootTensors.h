//===- RootTensors.h - Tensors over the loops of a root ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens are numbered by the loops over tokens in the order of the result: N is
// the product of their sizes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_ROOTTENSORS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_ROOTTENSORS_H

#include "ExpertTerms.h"

namespace mlir::moe {

class RootTensors {
public:
  using Payload = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;

  explicit RootTensors(ExpertTerms &terms);

  /// [loops...] of what `payload` computes of an element of each of `reads`; a
  /// dimension that none of the loops indexes is read at 0.
  Value map(ArrayRef<Read> reads, ArrayRef<int64_t> loops, Type element,
            Payload payload);
  /// [loops...] of what is read.
  Value copy(const Read &read, ArrayRef<int64_t> loops);
  /// [tokens..., others...] to [N, others...].
  Value flatten(Value value);
  /// An input of experts as [N, its other dimensions...]: of numbers for each
  /// token and expert, experts last.
  Value gatherable(const Read &input);
  /// [N, features...] to the dimensions of a result.
  Value unflatten(Value rows, const Read &result);
  /// A tensor like a result as [N, features...] of dynamic N.
  Value toTokens(Value value, const Read &result);
  /// A tensor like a result.
  Value materialize(const Read &read, const Read &result);

private:
  OpFoldResult getSize(const Read &result, int64_t dim);

protected:
  ExpertTerms &terms;
  OpBuilder b;
  Location loc;
  /// How often each loop runs.
  llvm::SmallDenseMap<int64_t, OpFoldResult> sizes;
};

/// [N] columns of `element` to [N, their number].
Value joinColumns(OpBuilder &b, Location loc, ArrayRef<Value> columns,
                  Type element);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_ROOTTENSORS_H
