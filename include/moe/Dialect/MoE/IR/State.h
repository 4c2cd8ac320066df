//===- State.h - What a call leaves to the next -----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names that the lowering of state and whoever calls the code agree on.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_IR_STATE_H
#define MOE_DIALECT_MOE_IR_STATE_H

#include "llvm/ADT/StringRef.h"

namespace mlir::moe {

/// On an argument of a function: its tensor is given away. It may be written to
/// and be, in its place, a result.
inline constexpr llvm::StringLiteral donatedAttr = "moe.donated";

/// On a module: for the symbol of each function that has state an array of
/// [name, type as a buffer, initial value or unit]. These are its last
/// arguments and its last results, in that order.
inline constexpr llvm::StringLiteral stateAttr = "moe.state";

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_IR_STATE_H
