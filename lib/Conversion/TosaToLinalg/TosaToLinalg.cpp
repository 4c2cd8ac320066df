//===- TosaToLinalg.cpp - Functions that speak TOSA -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's conversions, in a pipeline of their own: most models have nothing
// for them to do, and each walks the whole function.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/Tosa/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTTOSATOLINALGPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Scatter has a conversion to loops alone, which has to come before those that
/// refuse it. Upstream's own list of these passes has its canonicalizer among
/// them.
static OpPassManager makePipeline() {
  OpPassManager pm(func::FuncOp::getOperationName());
  pm.addPass(createTosaToSCFPass());
  pm.addPass(tosa::createTosaOptionalDecompositionsPass());
  addCanonicalization(pm);
  pm.addPass(tosa::createTosaInferShapesPass());
  pm.addPass(tosa::createTosaMakeBroadcastablePass());
  pm.addPass(tosa::createTosaToLinalgNamed());
  addCanonicalization(pm);
  pm.addPass(tosa::createTosaLayerwiseConstantFoldPass());
  pm.addPass(tosa::createTosaMakeBroadcastablePass());
  pm.addPass(tosa::createTosaToLinalg());
  pm.addPass(createTosaToTensorPass());
  pm.addPass(createTosaToArithPass());
  return pm;
}

namespace {
struct ConvertTosaToLinalgPass
    : moe::impl::ConvertTosaToLinalgPassBase<ConvertTosaToLinalgPass> {
  void getDependentDialects(DialectRegistry &registry) const final {
    makePipeline().getDependentDialects(registry);
  }

  void runOnOperation() final {
    WalkResult walk = getOperation()->walk([](Operation *op) {
      return isa_and_present<tosa::TosaDialect>(op->getDialect())
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    if (!walk.wasInterrupted())
      return markAllAnalysesPreserved();
    OpPassManager pipeline = makePipeline();
    if (failed(runPipeline(pipeline, getOperation())))
      signalPassFailure();
  }
};
} // namespace
