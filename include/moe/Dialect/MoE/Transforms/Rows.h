//===- Rows.h - Rows of tensors, and those of an expert ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What those who make or take apart a dispatch share.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_ROWS_H
#define MOE_DIALECT_MOE_TRANSFORMS_ROWS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

/// The type of any number of rows of `tensor`: dimension 0 is `?`.
RankedTensorType getRowsType(Value tensor);

/// Dimension 0 of `tensor` (index).
Value numRows(ImplicitLocOpBuilder &b, Value tensor);

/// Fails while running unless an expert that was given `count` rows (index)
/// yields as many.
void checkYieldedRows(ImplicitLocOpBuilder &b, Value yielded, Value count);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_ROWS_H
