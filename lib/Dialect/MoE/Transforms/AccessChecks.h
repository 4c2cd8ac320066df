//===- AccessChecks.h - Checks that accesses are in bounds ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the parts of moe-guard-accesses share: a builder of assertions that
// leaves out what is known to hold.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_DIALECT_MOE_TRANSFORMS_ACCESSCHECKS_H
#define MOE_LIB_DIALECT_MOE_TRANSFORMS_ACCESSCHECKS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

/// No tensor has more bytes, as no block of the runtime has.
constexpr int64_t kMaxBytes = int64_t(1) << 48;

/// Builds checks in front of an operation.
class AccessChecks {
public:
  explicit AccessChecks(Operation *op);

  /// Fails while running, with `message`, unless `condition`.
  void require(Value condition, const Twine &message);
  /// The two sizes are the same.
  void requireEqual(OpFoldResult a, OpFoldResult b, const Twine &message);
  /// 0 <= index < size, which is not negative.
  void requireBelow(OpFoldResult index, OpFoldResult size,
                    const Twine &message);
  /// 0 <= index <= size, which is not negative.
  void requireAtMost(OpFoldResult index, OpFoldResult size,
                     const Twine &message);
  /// Sizes of a new tensor: not negative, and not too many bytes, a size of 0
  /// counted as 1.
  void requireSizes(ArrayRef<OpFoldResult> sizes, Type element);
  /// The tensor `operand` has `sizes`, of which those that are null are not
  /// asked for. What is a constant there becomes part of its type by a slice,
  /// which, unlike a cast, no rewrite takes for a fact about the whole tensor.
  void requireShape(OpOperand &operand, ArrayRef<OpFoldResult> sizes,
                    function_ref<std::string(int64_t dim)> message);

  /// A dimension of a tensor, taken outside of structured operations.
  OpFoldResult size(Value tensor, int64_t dim);
  Value materialize(OpFoldResult value);
  Value constant(int64_t value);
  Value compare(arith::CmpIPredicate predicate, OpFoldResult a, OpFoldResult b);

  ImplicitLocOpBuilder b;
  Operation *op;
};

/// Checks for operations on tensors, or a diagnostic for those whose accesses
/// cannot be checked.
LogicalResult checkTensorAccesses(Operation *op);
/// Checks that the operands of a structured operation fit its loops.
LogicalResult checkStructuredAccesses(linalg::LinalgOp op);
/// Checks for scalar operations that are undefined for some operands.
void checkArithmetic(Operation *op);
/// Whether `checkArithmetic` may have to do something inside of `op`.
bool hasUndefinedCases(Operation *op);
/// Removes flags that promise what is then not checked.
void dropPromises(Operation *op);

} // namespace mlir::moe

#endif // MOE_LIB_DIALECT_MOE_TRANSFORMS_ACCESSCHECKS_H
