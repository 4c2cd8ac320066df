//===- Elementwise.h - Operations of one scalar operation -------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// linalg.generic operations that apply one scalar operation to each element, or
// add up the elements of a dimension, and tensors that hold one constant.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ELEMENTWISE_H
#define MOE_ANALYSIS_ELEMENTWISE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace mlir::moe {

/// What a scalar operation is given: an element of a tensor, or a scalar. Both
/// may be known to be a constant.
struct ScalarOperand {
  Value tensor;
  AffineMap map;
  TypedAttr constant;
};

/// A linalg.generic without reductions whose body is one scalar operation.
struct Elementwise {
  mutable linalg::GenericOp generic;
  Operation *scalar;
  SmallVector<ScalarOperand> operands;
};

std::optional<Elementwise> matchElementwise(Operation *op);

/// Whether an operation promises that it neither reads nor computes infinity or
/// NaN.
bool promisesFinite(Operation *op);

/// Whether `op` is a linalg.generic that yields an element of its only input:
/// a transposition, a broadcast, or a slice of extent 1.
bool isCopy(Operation *op);

/// Makes a linalg.generic whose loops are the dimensions of its result, a
/// tensor of `sizes`: each element is what `payload` gives for those that
/// `maps` read of `inputs`.
Value createElementwise(
    OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes, Type element,
    ValueRange inputs, ArrayRef<AffineMap> maps,
    llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> payload);
/// Makes one that yields what `map` reads of `source`.
Value createCopy(OpBuilder &b, Location loc, Value source, AffineMap map,
                 ArrayRef<OpFoldResult> sizes);

/// A tensor of `sizes` that is `constant` everywhere.
Value createSplat(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes,
                  TypedAttr constant);
/// [kept...] of `source`, whose other dimensions `payload` puts together: it is
/// given what there is, from `start` on, and one element more.
Value createReduction(
    OpBuilder &b, Location loc, Value source, ArrayRef<int64_t> kept,
    TypedAttr start,
    llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> payload);

/// A linalg.generic that adds up `term`, or the products of two terms, over its
/// reduction loops, from zero.
struct Sum {
  mutable linalg::GenericOp generic;
  /// One term, or two factors.
  SmallVector<OpOperand *, 2> factors;
};

std::optional<Sum> matchSum(Operation *op);

/// The constant that all elements of `tensor` are, if it is one.
TypedAttr getSplat(Value tensor);

/// +0, -0 or the integer 0.
bool isZero(Attribute constant);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_ELEMENTWISE_H
