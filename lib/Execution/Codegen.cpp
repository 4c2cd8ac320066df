//===- Codegen.cpp - From an LLVM module to an object ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codegen.h"

#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"

using namespace mlir;
using namespace llvm;

Expected<orc::JITTargetMachineBuilder>
moe::createTarget(StringRef cpu, ArrayRef<std::string> features,
                  unsigned optLevel) {
  // In loops of a multiple of 8 rounds LLVM looks for a CRC, along all paths
  // through their operations, of which there are exponentially many.
  DisableLIRP::HashRecognize = true;
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Expected<orc::JITTargetMachineBuilder> target =
      orc::JITTargetMachineBuilder::detectHost();
  if (!target)
    return target;
  if (!cpu.empty()) {
    target->setCPU(cpu.str());
    target->getFeatures() = SubtargetFeatures();
  }
  target->addFeatures(
      std::vector<std::string>(features.begin(), features.end()));
  target->setCodeGenOptLevel(
      CodeGenOpt::getLevel(static_cast<int>(optLevel)).value());
  return target;
}

static OptimizationLevel getLevel(unsigned optLevel) {
  switch (optLevel) {
  case 0:
    return OptimizationLevel::O0;
  case 1:
    return OptimizationLevel::O1;
  case 2:
    return OptimizationLevel::O2;
  default:
    return OptimizationLevel::O3;
  }
}

static void optimize(Module &module, TargetMachine &machine, unsigned optLevel,
                     function_ref<bool(StringRef)> canLink) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);

  TargetLibraryInfoImpl library(machine.getTargetTriple());
  for (unsigned i = 0; i < NumLibFuncs; ++i) {
    auto function = static_cast<LibFunc>(i);
    if (!canLink(TargetLibraryInfo(library).getName(function)))
      library.setUnavailable(function);
  }
  functions.registerPass([&] { return TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  OptimizationLevel level = getLevel(optLevel);
  ModulePassManager passes = optLevel == 0
                                 ? builder.buildO0DefaultPipeline(level)
                                 : builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, modules);
}

Expected<std::unique_ptr<MemoryBuffer>>
moe::generateObject(Module &module, const orc::JITTargetMachineBuilder &target,
                    unsigned optLevel, function_ref<bool(StringRef)> canLink) {
  // Target machines are not shared between threads.
  orc::JITTargetMachineBuilder builder = target;
  Expected<std::unique_ptr<TargetMachine>> machine =
      builder.createTargetMachine();
  if (!machine)
    return machine.takeError();
  optimize(module, **machine, optLevel, canLink);
  return orc::SimpleCompiler(**machine)(module);
}
