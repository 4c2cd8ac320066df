//===- Captures.h - What a region takes from outside ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For passes that move a region into a function.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_CAPTURES_H
#define MOE_DIALECT_MOE_TRANSFORMS_CAPTURES_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Makes `region` isolated from above: what costs nothing in another place
/// (constants, weights, slices) is repeated in it, everything else becomes an
/// argument behind those that its entry block has. Returns the values to give
/// for these.
SmallVector<Value> isolate(RewriterBase &rewriter, Region &region);

/// The first half of that: repeats in `region` what costs nothing there.
void copyIntoRegion(RewriterBase &rewriter, Region &region);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_CAPTURES_H
