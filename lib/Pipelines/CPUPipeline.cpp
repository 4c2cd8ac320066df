//===- CPUPipeline.cpp - The road to the CPU -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of each phase, and why they stand where they stand.
//
//===----------------------------------------------------------------------===//

#include "Phases.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

static void populateRegionsPipeline(OpPassManager &pm,
                                    const CPUPipelineOptions &options) {
  AnnotateDispatchesPassOptions annotate;
  annotate.counters = options.stats;
  pm.addPass(createAnnotateDispatchesPass(annotate));
  if (options.stats)
    pm.addPass(createCountConditionalsPass());
  if (options.experts == ExpertsForm::All)
    pm.addNestedPass<func::FuncOp>(createEvaluateAllExpertsPass());
  pm.addPass(createOutlineExpertsPass());
  pm.addPass(createConvertMoEToSCFPass());
  ConvertParametersToMemRefPassOptions parameters;
  llvm::append_range(parameters.misaligned, options.misaligned);
  pm.addPass(createConvertParametersToMemRefPass(parameters));
  addSimplification(pm);
}

static void populateTiledPipeline(OpPassManager &pm,
                                  const CPUPipelineOptions &options) {
  // First, since the time of what follows grows with more than the number of
  // operations.
  pm.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  // Results are computed where they are wanted, before loops hide it.
  pm.addPass(createSeparateEmptyTensorsPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  addSimplification(pm.nest<func::FuncOp>());
  pm.addPass(createParallelizeLinalgPass());
  addSimplification(pm.nest<func::FuncOp>());
  VectorizeContractionsPassOptions contractions;
  contractions.targetName = options.target;
  pm.addPass(createVectorizeContractionsPass(contractions));
  OpPassManager &vectors = pm.nest<func::FuncOp>();
  VectorizeElementwisePassOptions elementwise;
  elementwise.targetName = options.target;
  vectors.addPass(createVectorizeElementwisePass(elementwise));
  // Polynomials work on vectors as on scalars, so that loops without vectors
  // vectorize later.
  ApproximateMathPassOptions math;
  math.targetName = options.target;
  vectors.addPass(createApproximateMathPass(math));
  addSimplification(vectors);
}

static void populateBuffersPipeline(OpPassManager &pm,
                                    const CPUPipelineOptions &options) {
  addBufferization(pm);
  bufferization::BufferDeallocationPipelineOptions deallocate;
  bufferization::buildBufferDeallocationPipeline(pm, deallocate);
  pm.addNestedPass<func::FuncOp>(createReturnDonatedPass());
  pm.addPass(createConvertBufferizationToMemRefPass());
  if (options.stats)
    pm.addPass(createCountCopiesPass());
}

static void populateMachinePipeline(OpPassManager &pm) {
  pm.addPass(createCheckAllocationsPass());
  VectorTransferToSCFOptions transfers;
  transfers.enableFullUnroll();
  transfers.setTargetRank(1);
  pm.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass(transfers));
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createConvertForallToRuntimePass());
  pm.addPass(createConvertAssertToRuntimePass());
  addHostLowering(pm, [](OpPassManager &pm) {
    FinalizeMemRefToLLVMConversionPassOptions memref;
    memref.useGenericFunctions = true;
    pm.addPass(createFinalizeMemRefToLLVMConversionPass(memref));
  });
}

void mlir::moe::buildCPUPipeline(OpPassManager &pm,
                                 const CPUPipelineOptions &options, Phase from,
                                 Phase to) {
  AttachTargetPassOptions target;
  target.target = options.target;
  target.goesOn = from >= Phase::Regions;
  pm.addPass(createAttachTargetPass(target));
  Road road(pm, from, to, /*toDevice=*/false);
  road.add(Phase::Masked, [&] {
    addMaskedPhase(pm, options.checkAccesses, options.assumeFinite);
  });
  road.add(Phase::Routed, [&] { addRoutedPhase(pm, options.assumeFinite); });
  road.add(Phase::Grouped, [&] {
    addGroupedPhase(pm, options.checkAccesses, /*device=*/false);
  });
  road.add(Phase::Regions, [&] { populateRegionsPipeline(pm, options); });
  road.add(Phase::Tiled, [&] { populateTiledPipeline(pm, options); });
  road.add(Phase::Buffers, [&] { populateBuffersPipeline(pm, options); });
  road.add(Phase::Machine, [&] { populateMachinePipeline(pm); });
}

void mlir::moe::registerCPUPipeline() {
  PassPipelineRegistration<CPUPipelineOptions>(
      "moe-lower-to-cpu",
      "Lower mixtures of experts to machine code for the CPU",
      [](OpPassManager &pm, const CPUPipelineOptions &options) {
        buildCPUPipeline(pm, options, options.from, options.to);
      });
}
