//===- ValueRanges.h - Between which numbers a tensor lies ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numbers that the elements of a tensor can be, where some coordinates of
// the elements are known: of a column, of a row, of all.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_VALUERANGES_H
#define MOE_ANALYSIS_VALUERANGES_H

#include "mlir/IR/Value.h"
#include <limits>
#include <optional>

namespace mlir::moe {

/// low <= x <= high, or NaN if `nan`. Integers are signed, i1 is 0 or 1;
/// integers that a double does not hold count as infinite.
struct ValueRange64 {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool nan = false;
};

class RangeAnalysis {
public:
  /// With `assumeFinite` numbers that the program does not make infinite are
  /// finite, and none is NaN.
  explicit RangeAnalysis(bool assumeFinite) : assumeFinite(assumeFinite) {}

  /// The range of the elements of `tensor`, ranked, at the coordinates given.
  ValueRange64 of(Value tensor,
                  llvm::ArrayRef<std::optional<int64_t>> coordinates) const {
    return compute(tensor, coordinates, 0);
  }
  /// Of any number of `type`.
  ValueRange64 ofType(Type type) const;
  /// Of the sum, rounded to `type`.
  ValueRange64 add(ValueRange64 a, ValueRange64 b, Type type) const;
  /// Of 1 / (1 + exp(-x)).
  ValueRange64 sigmoid(ValueRange64 x) const;

private:
  using Coordinates = llvm::ArrayRef<std::optional<int64_t>>;

  ValueRange64 compute(Value tensor, Coordinates coordinates,
                       unsigned depth) const;
  ValueRange64 ofMoved(Operation *op, Coordinates coordinates,
                       unsigned depth) const;
  ValueRange64 ofBody(Operation *op, Coordinates coordinates,
                      unsigned depth) const;
  ValueRange64 ofScalar(Operation *op,
                        llvm::ArrayRef<ValueRange64> operands) const;

  bool assumeFinite;
};

} // namespace mlir::moe

#endif // MOE_ANALYSIS_VALUERANGES_H
