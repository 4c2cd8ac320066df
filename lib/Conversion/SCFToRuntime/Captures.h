//===- Captures.h - What a region takes from outside ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by the passes that move a region into a function.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_SCFTORUNTIME_CAPTURES_H
#define MOE_LIB_CONVERSION_SCFTORUNTIME_CAPTURES_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Makes `region` isolated from above: what costs nothing in another place
/// (constants, weights, slices) is repeated in it, everything else becomes an
/// argument of its entry block, last of all each of `last`. Returns the values
/// to give for the arguments before these.
SmallVector<Value> isolate(RewriterBase &rewriter, Region &region,
                           ValueRange last = {});

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_SCFTORUNTIME_CAPTURES_H
