//===- Launch.h - Kernels in the place of their launch -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building kernels that are not structured operations, of scf, arith and
// memref. Upstream's outlining makes functions of them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_LAUNCH_H
#define MOE_LIB_CONVERSION_MOETOGPU_LAUNCH_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

/// Launches what `body` makes in `blocks` blocks of `threads` threads, with
/// that many bytes of shared memory.
void launchKernel(
    ImplicitLocOpBuilder &b, StringRef name, Value blocks, int64_t threads,
    int64_t sharedBytes,
    function_ref<void(ImplicitLocOpBuilder &, gpu::LaunchOp)> body);

/// `size` indices in the shared memory that a kernel was launched with.
Value sharedIndices(ImplicitLocOpBuilder &b, int64_t size);

/// A loop over first, first + step, ... below `end`.
void forEvery(ImplicitLocOpBuilder &b, Value first, Value end, Value step,
              function_ref<void(ImplicitLocOpBuilder &, Value)> body);

/// What `body` makes, under `condition`.
void doIf(ImplicitLocOpBuilder &b, Value condition,
          function_ref<void(ImplicitLocOpBuilder &)> body);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_LAUNCH_H
