//===- Bufferize.cpp - Buffers for each kind of callers -------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout at the boundary of a function is an option of upstream's pass for
// all functions alike. Asked function by function, it can be what entry points
// promise to their callers, and what rows of a larger tensor have.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/Dialect/MoE/Transforms/BufferizableOpInterfaceImpl.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::bufferization;

static BufferLikeType bufferAtBoundary(TensorLikeType type, Attribute space,
                                       func::FuncOp function,
                                       const BufferizationOptions &) {
  auto tensor = cast<TensorType>(type);
  if (function.isPublic() || !tensor.hasRank())
    return cast<BufferLikeType>(
        getMemRefTypeWithStaticIdentityLayout(tensor, space));
  return cast<BufferLikeType>(
      mlir::moe::getInternalBufferType(cast<RankedTensorType>(tensor), space));
}

namespace {
struct BufferizePass : moe::impl::BufferizePassBase<BufferizePass> {
  void runOnOperation() final {
    OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.functionArgTypeConverterFn = bufferAtBoundary;
    options.inferFunctionResultLayout = false;
    // A tensor that changes its size in a loop is a new one in each round.
    options.allowReturnAllocsFromLoops = true;
    BufferizationState state;
    if (failed(runOneShotModuleBufferize(getOperation(), options, state)))
      return signalPassFailure();
  }
};
} // namespace
