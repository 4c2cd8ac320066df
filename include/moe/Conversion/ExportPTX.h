//===- ExportPTX.h - Kernels as one PTX file -*- C++ -*
//---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a toolkit assembles, profilers read and people look at.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_EXPORTPTX_H
#define MOE_CONVERSION_EXPORTPTX_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::moe {

/// Writes the PTX of all gpu.binary operations as one file that ptxas takes:
/// one header, and every name that a module defines with the name of the module
/// in front. An error if there is none, if one holds no PTX, or if they are for
/// different targets.
LogicalResult exportPTX(ModuleOp module, raw_ostream &os);

/// Registers `--export-ptx`.
void registerExportPTX();

} // namespace mlir::moe

#endif // MOE_CONVERSION_EXPORTPTX_H
