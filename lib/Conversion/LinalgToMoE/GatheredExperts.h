//===- GatheredExperts.h - Results chosen by number as masked ones -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model may compute all experts, put their results side by side, and gather
// for each token those of the expert with its number. That is written as a sum
// over experts of what is zero but for that number, or as a nest of selects.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDEXPERTS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDEXPERTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::moe {

/// Returns how many gathers were rewritten.
unsigned maskGatheredExperts(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_GATHEREDEXPERTS_H
