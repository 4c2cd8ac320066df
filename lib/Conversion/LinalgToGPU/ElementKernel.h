//===- ElementKernel.h - A thread or a warp for each element -- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel that computes any structured operation.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOGPU_ELEMENTKERNEL_H
#define MOE_LIB_CONVERSION_LINALGTOGPU_ELEMENTKERNEL_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

/// Replaces `op`, on buffers, by a gpu.launch with a thread for each point of
/// its parallel loops, in blocks of `threads`. Reductions are loops of a
/// thread; if one is long and its order is free, the point has a warp.
LogicalResult launchElements(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                             int64_t threads);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOGPU_ELEMENTKERNEL_H
