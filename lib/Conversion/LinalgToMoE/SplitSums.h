//===- SplitSums.h - Sums over experts apart from contractions --*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A contraction over experts and features becomes one for each expert, and a
// sum over experts. Where no expert is moved that is more work, not less: it is
// taken back.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_SPLITSUMS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_SPLITSUMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Splits contractions over masked experts.
void populateSplitSums(RewritePatternSet &patterns);
/// Makes one contraction of each that is still split.
void joinSums(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_SPLITSUMS_H
