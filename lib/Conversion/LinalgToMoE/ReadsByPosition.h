//===- ReadsByPosition.h - Bodies that read tensors by position -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Front ends write concatenations, and arithmetic on sizes, as operations whose
// bodies choose by the position of an element what they read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_READSBYPOSITION_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_READSBYPOSITION_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Patterns that make a concatenation of what chooses by position, and that
/// read an element at a constant position of what computes it.
void populateReadsByPosition(RewritePatternSet &patterns);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_READSBYPOSITION_H
