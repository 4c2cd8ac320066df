//===- Pipelines.cpp - The road down -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of each phase, and why they stand where they stand.
//
//===----------------------------------------------------------------------===//

#include "moe/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/RequestCWrappers.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral phaseNames[] = {
    "import", "routed", "grouped", "regions", "tiled", "buffers", "machine"};

StringRef mlir::moe::stringifyPhase(Phase phase) {
  return phaseNames[static_cast<unsigned>(phase)];
}

std::optional<Phase> mlir::moe::parsePhase(StringRef name) {
  for (auto [index, known] : llvm::enumerate(phaseNames))
    if (name == known)
      return static_cast<Phase>(index);
  return std::nullopt;
}

static void addSimplification(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Front ends that speak TOSA, by upstream's conversions.
static void addTosaConversion(OpPassManager &pm) {
  TosaToLinalgOptions toLinalg;
  toLinalg.aggressiveReduceConstant = false;
  tosa::addTosaToLinalgPasses(pm, toLinalg, TosaToLinalgNamedOptions(),
                              /*validationOptions=*/std::nullopt);
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createTosaToSCFPass());
  functions.addPass(createTosaToTensorPass());
  functions.addPass(createTosaToArithPass());
}

static void populateRoutedPipeline(OpPassManager &pm) {
  addTosaConversion(pm);
  // Operations on whole tensors have no buffers; linalg does. First of all,
  // since upstream folds some of them to constants of dynamic shape.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createDecomposeAggregatesPass());
  // Calls are inlined, so that a dispatch has one static call path.
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  addSimplification(pm);
}

static void populateGroupedPipeline(OpPassManager &pm,
                                    const CPUPipelineOptions &options) {
  // What the model says is checked, not what becomes of it.
  GuardAccessesPassOptions guard;
  guard.numbersOnly = !options.checkAccesses;
  pm.addPass(createGuardAccessesPass(guard));
  pm.addNestedPass<func::FuncOp>(createDecomposeGatePass());
  // Gates of the same scores share one routing.
  addSimplification(pm);
  // While all functions are entry points: those made later are internal.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
}

static void populateRegionsPipeline(OpPassManager &pm,
                                    const CPUPipelineOptions &options) {
  AnnotateDispatchesPassOptions annotate;
  annotate.counters = options.stats;
  pm.addPass(createAnnotateDispatchesPass(annotate));
  ConvertMoEToSCFPassOptions toSCF;
  toSCF.allExperts = options.experts == ExpertsForm::All;
  pm.addPass(createConvertMoEToSCFPass(toSCF));
  ConvertParametersToMemRefPassOptions parameters;
  llvm::append_range(parameters.misaligned, options.misaligned);
  pm.addPass(createConvertParametersToMemRefPass(parameters));
  addSimplification(pm);
}

static void populateTiledPipeline(OpPassManager &pm,
                                  const CPUPipelineOptions &options) {
  // Results are computed where they are wanted, before loops hide it.
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createFuseElementwisePass());
  addSimplification(functions);
  VectorizeContractionsPassOptions contractions;
  contractions.targetName = options.target;
  functions.addPass(createVectorizeContractionsPass(contractions));
  VectorizeElementwisePassOptions elementwise;
  elementwise.targetName = options.target;
  functions.addPass(createVectorizeElementwisePass(elementwise));
  // Polynomials work on vectors as on scalars, so that loops without vectors
  // vectorize later.
  ApproximateMathPassOptions math;
  math.targetName = options.target;
  functions.addPass(createApproximateMathPass(math));
  addSimplification(functions);
}

static void populateBuffersPipeline(OpPassManager &pm) {
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  // A tensor that changes its size in a loop is a new one in each round.
  bufferize.allowReturnAllocsFromLoops = true;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  addSimplification(pm);
  pm.addPass(createCanonicalizerPass());
  bufferization::BufferDeallocationPipelineOptions deallocate;
  bufferization::buildBufferDeallocationPipeline(pm, deallocate);
  pm.addPass(createConvertBufferizationToMemRefPass());
  // In buffers, captures of a body are arguments that cost nothing.
  pm.addPass(createOutlineExpertsPass());
}

static void populateMachinePipeline(OpPassManager &pm) {
  VectorTransferToSCFOptions transfers;
  transfers.enableFullUnroll();
  transfers.setTargetRank(1);
  pm.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass(transfers));
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createConvertForallToRuntimePass());
  pm.addPass(createConvertAssertToRuntimePass());
  pm.addPass(memref::createExpandOpsPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  addSimplification(pm);
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(arith::createArithExpandOpsPass());
  // Functions before vectors: calls of the library take vectors apart.
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false;
  pm.addPass(createConvertMathToLLVMPass(math));
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertVectorToLLVMPass());
  FinalizeMemRefToLLVMConversionPassOptions memref;
  memref.useGenericFunctions = true;
  pm.addPass(createFinalizeMemRefToLLVMConversionPass(memref));
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  addSimplification(pm);
}

void mlir::moe::buildCPUPipeline(OpPassManager &pm,
                                 const CPUPipelineOptions &options, Phase from,
                                 Phase to) {
  auto add = [&](Phase phase, function_ref<void()> populate) {
    if (phase <= from || phase > to)
      return;
    populate();
    VerifyContractPassOptions contract;
    contract.phase = stringifyPhase(phase);
    pm.addPass(createVerifyContractPass(contract));
  };
  add(Phase::Routed, [&] { populateRoutedPipeline(pm); });
  add(Phase::Grouped, [&] { populateGroupedPipeline(pm, options); });
  add(Phase::Regions, [&] { populateRegionsPipeline(pm, options); });
  add(Phase::Tiled, [&] { populateTiledPipeline(pm, options); });
  add(Phase::Buffers, [&] { populateBuffersPipeline(pm); });
  add(Phase::Machine, [&] { populateMachinePipeline(pm); });
}

void mlir::moe::registerPipelines() {
  PassPipelineRegistration<CPUPipelineOptions>(
      "moe-lower-to-cpu",
      "Lower mixtures of experts to machine code for the CPU",
      [](OpPassManager &pm, const CPUPipelineOptions &options) {
        buildCPUPipeline(pm, options, options.from, options.to);
      });
}
