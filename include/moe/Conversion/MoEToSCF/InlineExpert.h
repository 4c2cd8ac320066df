//===- InlineExpert.h - The body of an expert -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What both lowerings of a dispatch do with a body.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOSCF_INLINEEXPERT_H
#define MOE_CONVERSION_MOETOSCF_INLINEEXPERT_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// Whether the dense form runs the body on all tokens. A body that is not
/// row-wise or may fail runs on its own rows, and so does one that is given
/// weights when a token may have two of them.
bool runsOnAllTokens(DispatchOp op, Region &region);

/// Moves the body of `region` to the insertion point of `b`; what it yields.
SmallVector<Value> inlineExpert(ImplicitLocOpBuilder &b,
                                ConversionPatternRewriter &rewriter,
                                Region &region, ValueRange arguments);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOSCF_INLINEEXPERT_H
