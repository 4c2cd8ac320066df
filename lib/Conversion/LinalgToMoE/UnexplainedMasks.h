//===- UnexplainedMasks.h - Masks that nothing was said of ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A form of a mask that raising does not know has no remark of its own. So that
// it is not passed over in silence, what a reader would call a masked expert is
// looked for by its traits alone.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_UNEXPLAINEDMASKS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_UNEXPLAINEDMASKS_H

#include "Where.h"

namespace mlir::moe {

/// Where values that take a contraction are chosen between, or multiplied by a
/// mask, while the contraction is not needed to know the choice: outside of
/// dispatches, at most a handful, in the order of the program.
std::vector<Remark> findUnexplainedMasks(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_UNEXPLAINEDMASKS_H
