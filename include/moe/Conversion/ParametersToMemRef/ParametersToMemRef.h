//===- ParametersToMemRef.h - Names of bound weights -------------*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `moe-convert-parameters-to-memref` and the loader agree on.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_PARAMETERSTOMEMREF_PARAMETERSTOMEMREF_H
#define MOE_CONVERSION_PARAMETERSTOMEMREF_PARAMETERSTOMEMREF_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/DataTable.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// On the table of the offsets of a family, the names and the type of the
/// tensors, which the loader needs when it is given a module in this or a later
/// phase.
inline constexpr llvm::StringLiteral parameterPatternAttr = "parameter_pattern";
inline constexpr llvm::StringLiteral parameterTypeAttr = "parameter_type";

/// The buffer of the tensors of a family that `parameter` belongs to, which lie
/// one after another, with the leading `numbers` chosen: [counts ..., shape
/// ...] less one dimension for each.
Value makeStackView(ImplicitLocOpBuilder &b, ModuleOp module,
                    ParameterOp parameter, ValueRange numbers);

} // namespace mlir::moe

#endif // MOE_CONVERSION_PARAMETERSTOMEMREF_PARAMETERSTOMEMREF_H
