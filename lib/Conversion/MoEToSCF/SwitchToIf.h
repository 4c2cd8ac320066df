//===- SwitchToIf.h - Choices between tensors by number ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes each scf.index_switch that yields a tensor one that bufferizes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOSCF_SWITCHTOIF_H
#define MOE_LIB_CONVERSION_MOETOSCF_SWITCHTOIF_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::moe {

/// Turns each scf.index_switch of `module` that yields a tensor into one that
/// yields the position of the region that runs, and scf.ifs that halve the
/// positions.
void convertSwitchesToIf(ModuleOp module);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOSCF_SWITCHTOIF_H
