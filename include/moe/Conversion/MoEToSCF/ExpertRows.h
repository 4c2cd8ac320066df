//===- ExpertRows.h - What every lowering of a dispatch does ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of a dispatch and a combine apart from the loops around it, which
// are a device's: what is checked, what a body is given, how rows are summed.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOSCF_EXPERTROWS_H
#define MOE_CONVERSION_MOETOSCF_EXPERTROWS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// The assignments [first, first + count) of one expert.
struct ExpertRows {
  Value expert, first, count;
};

/// All assignments of `expert` (index), by the offsets [E + 1] of a routing.
ExpertRows rowsOf(ImplicitLocOpBuilder &b, Value offsets, Value expert);

/// Whether the routing of `op` sends every token to every expert: rows of an
/// expert are rows of the token operands, as they are.
bool isEverywhere(DispatchOp op);
/// The rows of the token operand `tensor` at the assignments `rows` of such a
/// dispatch.
Value sliceOfAll(ImplicitLocOpBuilder &b, PlainRouting routing, Value tensor,
                 ExpertRows rows);

/// Fails while running unless the token operands of a dispatch have as many
/// rows as the routing has tokens.
void checkTokens(ImplicitLocOpBuilder &b, ValueRange tokens, Value numTokens);
/// The same of the operands of `op`, unless `packed` is seen to have the rows
/// of its routing.
void checkRows(ImplicitLocOpBuilder &b, CombineOp op, PlainRouting routing,
               Value packed, Value init);

/// The body of the family `op`, inlined at the insertion point of `b` for
/// `rows`, of which `gathered` has those of each token operand; `weights` has
/// those of all assignments. Returns what it yields.
SmallVector<Value> runBody(ImplicitLocOpBuilder &b,
                           ConversionPatternRewriter &rewriter, DispatchOp op,
                           ExpertRows rows, ValueRange gathered, Value weights);

/// The type in which rows of `element` are summed up: f32 for short floats.
Type getSumType(Type element);
/// sum + value * weight in the type of the sum; without a weight sum + value.
Value addWeighted(ImplicitLocOpBuilder &b, Value sum, Value value,
                  Value weight);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOSCF_EXPERTROWS_H
