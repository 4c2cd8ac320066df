//===- DenseForm.h - One form for what front ends write -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Front ends write a masked computation in many ways. Here they become one:
// linalg.generic of one scalar operation or one sum, that read their operands
// in place, without transpositions, broadcasts or reshapes in between.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_DENSEFORM_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_DENSEFORM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Writes named operations of linalg on tensors as linalg.generic.
void generalizeNamedOps(func::FuncOp function);

/// Makes operations of one scalar operation each of those that are fused.
LogicalResult takeApart(func::FuncOp function);

/// Rewrites `function` into that form. `splitSums` also takes a sum over
/// experts out of a contraction, which is worth while only if it is raised;
/// `tellApart` keeps dimensions that are collapsed apart as long as it can.
LogicalResult bringIntoDenseForm(func::FuncOp function, bool splitSums,
                                 bool tellApart);

/// Patterns that make a concatenation of what chooses by position, and that
/// read an element at a constant position of what computes it.
void populateReadsByPosition(RewritePatternSet &patterns);

/// Patterns that see a stack in a concatenation that is split.
void populateStacks(RewritePatternSet &patterns);

/// Patterns that write a masked sum over a stack as a sum of its parts.
void populateSumsOfStacks(RewritePatternSet &patterns);

/// Splits contractions over masked experts.
void populateSplitSums(RewritePatternSet &patterns);

/// Makes one contraction of each that is still split.
void joinSums(func::FuncOp function);

/// Erases what nothing needs, and what only that needed.
void eraseDeadOperations(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_DENSEFORM_H
