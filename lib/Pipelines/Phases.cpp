//===- Phases.cpp - Phases that roads share -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The names of the phases, those before experts become code, and pieces of
// later ones.
//
//===----------------------------------------------------------------------===//

#include "Phases.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/RequestCWrappers.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Conversion/LegalizeForLLVM/Passes.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral phaseNames[] = {"import",  "masked",  "routed",
                                               "grouped", "regions", "tiled",
                                               "buffers", "machine"};

StringRef mlir::moe::stringifyPhase(Phase phase) {
  return phaseNames[static_cast<unsigned>(phase)];
}

std::optional<Phase> mlir::moe::parsePhase(StringRef name) {
  for (auto [index, known] : llvm::enumerate(phaseNames))
    if (name == known)
      return static_cast<Phase>(index);
  return std::nullopt;
}

void mlir::moe::addSimplification(OpPassManager &pm) {
  // Function by function, at the same time.
  OpPassManager &functions =
      pm.getOpAnchorName() == ModuleOp::getOperationName()
          ? pm.nest<func::FuncOp>()
          : pm;
  addCanonicalization(functions);
  functions.addPass(createCSEPass());
}

/// The conditionals of the model as they are, before upstream makes those whose
/// sides are computed in front selects of both.
static void addLazyConditionals(OpPassManager &pm) {
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createTosaToSCFPass());
  functions.addPass(createSinkIntoBranchesPass());
  functions.addPass(createMarkConditionalsPass());
}

void mlir::moe::addMaskedPhase(OpPassManager &pm, bool checkAccesses,
                               bool assumeFinite) {
  pm.addPass(createCheckTypesPass());
  // Before a rewrite believes a cast.
  if (checkAccesses)
    pm.addPass(createGuardCastsPass());
  addLazyConditionals(pm);
  pm.addNestedPass<func::FuncOp>(createConvertTosaToLinalgPass());
  // Again: what TOSA did with numbers is said by others now.
  pm.addPass(createCheckTypesPass());
  // TOSA still tells unsigned numbers by their types.
  pm.addPass(createDropSignsPass());
  // Analyses read arithmetic on indices, not maps.
  pm.addPass(createLowerAffinePass());
  // Operations on whole tensors have no buffers; linalg does. First of all,
  // since upstream folds some of them to constants of dynamic shape.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createDecomposeAggregatesPass());
  // One that a model writes is what it stands for; a device forms its own.
  pm.addNestedPass<func::FuncOp>(createDecomposeContractPass());
  // Calls are inlined, so that a dispatch has one static call path.
  pm.addPass(createInlinerPass({}, addCanonicalization));
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createPromoteStatePass());
  addSimplification(pm);
  RaiseDensePassOptions raise;
  raise.assumeFinite = assumeFinite;
  pm.addPass(createRaiseDensePass(raise));
}

void mlir::moe::addRoutedPhase(OpPassManager &pm, bool assumeFinite) {
  pm.addPass(createRaiseWherePass());
  addSimplification(pm);
  // After raising, which sees through selects, not through branches.
  pm.addNestedPass<func::FuncOp>(createSelectToIfPass());
  pm.addNestedPass<func::FuncOp>(createSinkIntoBranchesPass());
  PruneExpertsPassOptions prune;
  prune.assumeFinite = assumeFinite;
  pm.addPass(createPruneExpertsPass(prune));
  addSimplification(pm);
  // The weights of the experts removed.
  pm.addPass(createSymbolDCEPass());
  pm.addNestedPass<func::FuncOp>(createRollLayersPass());
}

void mlir::moe::addGroupedPhase(OpPassManager &pm, bool checkAccesses,
                                bool device) {
  // What the model says is checked, not what becomes of it.
  GuardAccessesPassOptions guard;
  guard.numbersOnly = !checkAccesses;
  pm.addPass(createGuardAccessesPass(guard));
  pm.addPass(createWidenAccumulatorsPass());
  if (checkAccesses)
    pm.addPass(createDefineEmptyTensorsPass());
  DecomposeGatePassOptions gate;
  gate.parallel = device;
  pm.addNestedPass<func::FuncOp>(createDecomposeGatePass(gate));
  // Gates of the same scores share one routing.
  addSimplification(pm);
  // While all functions are entry points: those made later are internal.
  pm.addNestedPass<func::FuncOp>(createProtectArgumentsPass());
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
}

void mlir::moe::addBufferization(OpPassManager &pm) {
  pm.addPass(createCompleteTransfersPass());
  pm.addPass(createSeparateEmptyTensorsPass());
  pm.addPass(createBufferizePass());
  // What loops and conditions carry is seen to be one buffer; then, that a
  // function returns its destination, and its caller copies nothing.
  addSimplification(pm);
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  addSimplification(pm);
}

void mlir::moe::addHostLowering(
    OpPassManager &pm, function_ref<void(OpPassManager &)> addBuffers) {
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createExpandMathPass());
  functions.addPass(memref::createExpandOpsPass());
  functions.addPass(createLowerExpandShapePass());
  functions.addPass(memref::createExpandStridedMetadataPass());
  functions.addPass(createLowerAffinePass());
  addSimplification(functions);
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(arith::createArithExpandOpsPass());
  // Functions before vectors: calls of the library take vectors apart.
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false;
  functions.addPass(createConvertMathToLLVMPass(math));
  pm.addPass(createConvertMathToLibmPass());
  pm.addNestedPass<func::FuncOp>(createConvertVectorToLLVMPass());
  addBuffers(pm);
  pm.addPass(createDropNamesPass());
  pm.addPass(createConvertFuncToLLVMPass());
  OpPassManager &lowered = pm.nest<LLVM::LLVMFuncOp>();
  ConvertToLLVMPassOptions rest;
  rest.filterDialects = {"cf", "arith", "index", "ub"};
  lowered.addPass(createConvertToLLVMPass(rest));
  lowered.addPass(createReconcileUnrealizedCastsPass());
  addSimplification(lowered);
  pm.addPass(createThreadContextPass());
}

void Road::add(Phase phase, function_ref<void()> populate) {
  if (phase <= from || phase > to)
    return;
  populate();
  VerifyContractPassOptions contract;
  contract.phase = stringifyPhase(phase);
  contract.device = toDevice;
  pm.addPass(createVerifyContractPass(contract));
}
