//===- Assembler.h - PTX to machine code of a GPU --------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver assembles PTX whenever it loads it; the toolkit's assembler, where
// there is one, does so once.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_ASSEMBLER_H
#define MOE_LIB_EXECUTION_ASSEMBLER_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::moe {

/// Replaces the PTX of each gpu.binary by a cubin for `chip`. What cannot be
/// assembled, for want of ptxas or because it is older than the PTX, stays PTX,
/// and the driver says what is wrong with it if anything is.
void assembleKernels(ModuleOp module, StringRef chip);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_ASSEMBLER_H
