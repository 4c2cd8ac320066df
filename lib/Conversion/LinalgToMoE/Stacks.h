//===- Stacks.h - Results of experts side by side -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stack is a concatenation of parts of one expert each. Experts that were
// stacked to be added up again are taken one by one.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_STACKS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_STACKS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Patterns that see a stack in a concatenation that is split.
void populateStacks(RewritePatternSet &patterns);

/// Patterns that write a masked sum over a stack as a sum of its parts.
void populateSumsOfStacks(RewritePatternSet &patterns);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_STACKS_H
