//===- GPUPipeline.cpp - The road to the GPU -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of each phase, and why they stand where they stand.
//
//===----------------------------------------------------------------------===//

#include "Phases.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Conversion/LegalizeForLLVM/Passes.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"

using namespace mlir;
using namespace mlir::moe;

static void populateRegionsPipeline(OpPassManager &pm,
                                    const GPUPipelineOptions &options) {
  AnnotateDispatchesPassOptions annotate;
  annotate.counters = options.stats;
  pm.addPass(createAnnotateDispatchesPass(annotate));
  if (options.stats)
    pm.addPass(createCountConditionalsPass());
  if (options.experts == ExpertsForm::All)
    pm.addNestedPass<func::FuncOp>(createEvaluateAllExpertsPass());
  pm.addNestedPass<func::FuncOp>(createGroupProductsPass());
  // Before bodies are cut into kernels: what is fused is one epilogue.
  pm.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  pm.addNestedPass<func::FuncOp>(createFormContractionsPass());
  pm.addPass(createOutlineExpertsPass());
  ConvertMoEToParallelPassOptions toParallel;
  toParallel.chip = options.chip;
  toParallel.ptxVersion = options.ptxVersion;
  toParallel.kernels = options.kernels;
  pm.addPass(createConvertMoEToParallelPass(toParallel));
  ConvertParametersToMemRefPassOptions parameters;
  parameters.stacked = true;
  pm.addPass(createConvertParametersToMemRefPass(parameters));
  addSimplification(pm);
}

static void populateTiledPipeline(OpPassManager &pm) {
  // First, since the time of what follows grows with more than the number of
  // operations.
  pm.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  // Results are computed where they are wanted, before loops hide it.
  pm.addPass(createSeparateEmptyTensorsPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  addSimplification(functions);
}

static void populateBuffersPipeline(OpPassManager &pm,
                                    const GPUPipelineOptions &options) {
  addBufferization(pm);
  pm.addPass(memref::createExpandReallocPass());
  addCanonicalization(pm);
  pm.addPass(bufferization::createOwnershipBasedBufferDeallocationPass());
  addCanonicalization(pm);
  pm.addPass(bufferization::createBufferDeallocationSimplificationPass());
  pm.addNestedPass<func::FuncOp>(createReturnDonatedPass());
  if (options.stats)
    pm.addPass(createCountCopiesPass());
  // Before deallocations are lowered: what they allocate is the host's.
  pm.addPass(createConvertLinalgToGPUPass());
  pm.addPass(bufferization::createLowerDeallocationsPass());
  pm.addPass(createConvertBufferizationToMemRefPass());
  addSimplification(pm);
}

static void populateKernelPipeline(OpPassManager &kernels) {
  ExpandMathPassOptions expand;
  expand.remainders = true;
  kernels.addPass(createExpandMathPass(expand));
  ApproximateMathPassOptions math;
  math.targetName = "gpu";
  kernels.addPass(createApproximateMathPass(math));
  addSimplification(kernels);
  kernels.addPass(createLowerExpandShapePass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  addSimplification(kernels);
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(arith::createArithExpandOpsPass());
  kernels.addPass(createConvertKernelsToNVVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  addSimplification(kernels);
}

static void populateMachinePipeline(OpPassManager &pm,
                                    const GPUPipelineOptions &options) {
  pm.addPass(createCheckAllocationsPass());
  pm.addPass(createConvertAssertToTrapPass());
  pm.addPass(createGpuLaunchSinkIndexComputationsPass());
  pm.addPass(createGpuKernelOutliningPass());
  pm.addPass(createMergeKernelsPass());
  populateKernelPipeline(pm.nest<gpu::GPUModuleOp>());
  GpuNVVMAttachTargetOptions target;
  target.chip = options.chip;
  target.features = "+ptx" + std::to_string(options.ptxVersion);
  target.optLevel = 3;
  pm.addPass(createGpuNVVMAttachTarget(target));
  pm.addPass(createConvertAssertToRuntimePass());
  addHostLowering(pm, [](OpPassManager &pm) {
    pm.addPass(createConvertGPUToRuntimePass());
  });
}

void mlir::moe::buildGPUPipeline(OpPassManager &pm,
                                 const GPUPipelineOptions &options, Phase from,
                                 Phase to) {
  // Before anything is done for it: LLVM stops the process at an unknown one.
  AttachTargetPassOptions target;
  target.chip = options.chip;
  target.ptxVersion = options.ptxVersion;
  target.kernels = options.kernels;
  target.goesOn = from >= Phase::Regions;
  pm.addPass(createAttachTargetPass(target));
  Road road(pm, from, to, /*toDevice=*/true);
  road.add(Phase::Masked, [&] {
    addMaskedPhase(pm, options.checkAccesses, options.assumeFinite);
  });
  road.add(Phase::Routed, [&] { addRoutedPhase(pm, options.assumeFinite); });
  road.add(Phase::Grouped, [&] {
    addGroupedPhase(pm, options.checkAccesses, /*device=*/true);
  });
  road.add(Phase::Regions, [&] { populateRegionsPipeline(pm, options); });
  road.add(Phase::Tiled, [&] { populateTiledPipeline(pm); });
  road.add(Phase::Buffers, [&] { populateBuffersPipeline(pm, options); });
  road.add(Phase::Machine, [&] { populateMachinePipeline(pm, options); });
}

void mlir::moe::addKernelSerialization(OpPassManager &pm) {
  // As in generateObject: its search takes forever in a loop of 8 rounds.
  llvm::DisableLIRP::HashRecognize = true;
  // Some instructions are PTX text to LLVM.
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  GpuModuleToBinaryPassOptions serialize;
  serialize.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(serialize));
}

void mlir::moe::registerGPUPipeline() {
  PassPipelineRegistration<GPUPipelineOptions>(
      "moe-lower-to-ptx",
      "Lower mixtures of experts to PTX and the host's code for it",
      [](OpPassManager &pm, const GPUPipelineOptions &options) {
        buildGPUPipeline(pm, options, options.from, options.to);
        if (options.to == Phase::Machine)
          addKernelSerialization(pm);
      });
}
