//===- JoinDispatches.h - One dispatch for layers of the same groups -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers that send the same rows to the same experts one after the other, as
// ragged products do, are one expert each, if no row has two experts.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_JOINDISPATCHES_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_JOINDISPATCHES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::moe {

/// Joins dispatches of `function` whose rows are intervals of tokens, one for
/// each expert. That intervals do not overlap is checked while running; where
/// they do, everything is computed for all tokens, as it was.
void joinDispatches(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_JOINDISPATCHES_H
