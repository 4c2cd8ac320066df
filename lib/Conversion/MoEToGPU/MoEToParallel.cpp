//===- MoEToParallel.cpp - The pass moe-convert-to-parallel -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Leaves the dialect for a machine with many threads: whatever has many
// elements is computed element by element, and what is left of serial code
// decides.
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTMOETOPARALLELPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct ConvertMoEToParallelPass
    : moe::impl::ConvertMoEToParallelPassBase<ConvertMoEToParallelPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) final {
    if (chip.empty())
      return success();
    llvm::Expected<GPUTarget> found = GPUTarget::fromName(chip, ptxVersion);
    if (!found)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(found.takeError());
    target = std::move(*found);
    if (llvm::Error error = target->limitTo(kernels))
      return emitError(UnknownLoc::get(context))
             << llvm::toString(std::move(error));
    return success();
  }

  void runOnOperation() final {
    ModuleOp module = getOperation();
    Counting::declare(module);
    declareMultiprocessors(module);
    TypeConverter converter;
    addParallelRoutingConversion(converter);
    RewritePatternSet patterns(&getContext());
    populateRouteToParallelPatterns(converter, patterns);
    populateReadersToParallelPatterns(converter, patterns);
    populateDispatchToParallelPatterns(converter, patterns,
                                       target ? &*target : nullptr);
    populateRouteAllPatterns(converter, patterns, /*withSlots=*/true);
    populateRowsAndPickToSCFPatterns(converter, patterns);
    if (failed(leaveDialect(module, converter, std::move(patterns))))
      signalPassFailure();
  }

private:
  static void declareMultiprocessors(ModuleOp module) {
    if (module.lookupSymbol(multiprocessorsFunction))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    func::FuncOp::create(b, module.getLoc(), multiprocessorsFunction,
                         b.getFunctionType({}, b.getI64Type()))
        .setPrivate();
  }

  std::optional<GPUTarget> target;
};
} // namespace
