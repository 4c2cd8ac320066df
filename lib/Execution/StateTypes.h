//===- StateTypes.h - The states of a function ------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_STATETYPES_H
#define MOE_LIB_EXECUTION_STATETYPES_H

#include "moe/Execution/Executable.h"

namespace mlir::moe {

/// What moe-promote-state says of a function.
llvm::Expected<std::vector<StateType>> readStates(ModuleOp module,
                                                  StringRef function);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_STATETYPES_H
