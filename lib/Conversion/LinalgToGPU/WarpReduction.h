//===- WarpReduction.h - A loop shared by a warp -------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions whose iterations the lanes of a warp divide among themselves.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOGPU_WARPREDUCTION_H
#define MOE_LIB_CONVERSION_LINALGTOGPU_WARPREDUCTION_H

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::moe {

constexpr int64_t lanesOfWarp = 32;

/// Whether `loop` reduces what lies side by side in memory, by operations that
/// may be done in any order, and is long enough for a warp.
bool isWarpReduction(scf::ForOp loop);

/// Lets each lane do every 32nd iteration of `loop`, and all of them have the
/// results. In code that is the same for all lanes and reached by all.
void shareAmongLanes(scf::ForOp loop, Value lane);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOGPU_WARPREDUCTION_H
