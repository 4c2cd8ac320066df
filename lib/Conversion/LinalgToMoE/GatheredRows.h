//===- GatheredRows.h - Computations of chosen rows as masked ones -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model may choose rows by itself: it lists those where a mask holds, gathers
// them, and scatters what it computes from them. That is written as if it was
// computed for all rows and masked, which is raised as any other mask is.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDROWS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::moe {

/// Returns how many scatters were rewritten. What keeps one from it is told in
/// a remark if `report`.
unsigned maskGatheredRows(func::FuncOp function, bool report);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDROWS_H
