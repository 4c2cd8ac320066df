//===- AbsorbMoves.h - Operands from where they are ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOVECTOR_ABSORBMOVES_H
#define MOE_LIB_CONVERSION_LINALGTOVECTOR_ABSORBMOVES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::moe {

/// Whether the body of `op` adds the product of its two inputs, widened
/// perhaps, to its result.
bool isMultiplyAdd(linalg::LinalgOp op);

/// If `op` is a multiply-add of elements at its loops, makes it read its inputs
/// from where a transposition, broadcast or widening has them from, so that
/// weights are not copied. The operation that does so, or `op` itself.
linalg::LinalgOp absorbMoves(RewriterBase &rewriter, linalg::LinalgOp op);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOVECTOR_ABSORBMOVES_H
