//===- InitAll.cpp - Registration of everything -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one list of dialects, passes and pipelines that all tools share.
//
//===----------------------------------------------------------------------===//

#include "moe/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "moe/Analysis/RowFlow.h"
#include "moe/Conversion/ExportPTX.h"
#include "moe/Conversion/LegalizeForLLVM/Passes.h"
#include "moe/Conversion/MoEToGPU/LaunchEffects.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/BufferizableOpInterfaceImpl.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Pipelines/Pipelines.h"

void mlir::moe::registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  // Kernels become PTX by way of LLVM.
  registerAllToLLVMIRTranslations(registry);
  registerLaunchEffects(registry);
  registerRowFlow(registry);
  registerBufferizableOpInterfaceExternalModels(registry);
  registry.insert<MoEDialect>();
}

void mlir::moe::registerAllPasses() {
  mlir::registerAllPasses();
  registerMoEPasses();
  registerMoEConversionPasses();
  registerMoELegalizeForLLVMPasses();
  registerCPUPipeline();
  registerGPUPipeline();
}

void mlir::moe::registerAllTranslations() { registerExportPTX(); }
