//===- Lowering.cpp - Taking a model down the road ------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass manager, as moe-run uses it.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Lowering.h"
#include "Assembler.h"
#include "Interface.h"
#include "mlir/Pass/PassManager.h"
#include "moe/Conversion/Passes.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Model.h"
#include "moe/Tensor/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

using namespace mlir;
using namespace mlir::moe;

std::string moe::phaseFile(StringRef dir, Phase phase) {
  SmallString<128> path(dir);
  llvm::sys::path::append(path, llvm::Twine(static_cast<int>(phase)) + "-" +
                                    stringifyPhase(phase) + ".mlir");
  return path.str().str();
}

static llvm::Error writePhase(ModuleOp module, Phase phase, StringRef dir) {
  if (std::error_code error = llvm::sys::fs::create_directories(dir))
    return makeError(dir + ": " + error.message());
  std::string text;
  llvm::raw_string_ostream(text) << module << "\n";
  return writeFile(phaseFile(dir, phase), text);
}

static std::string reproducerPath() {
  SmallString<128> path;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, path);
  llvm::sys::path::append(
      path,
      "moe-crash-" + llvm::Twine(llvm::sys::Process::getProcessId()) + ".mlir");
  return path.str().str();
}

/// What the pass manager says of a pass that fails without a word.
static bool isCrashMessage(StringRef message) {
  return message.contains("Failures have been detected while processing");
}

/// Runs what `build` adds.
static llvm::Error runPasses(ModuleOp module, StringRef fileName,
                             function_ref<void(OpPassManager &)> build) {
  MLIRContext *context = module->getContext();
  PassManager pm(context, ModuleOp::getOperationName());
  std::string reproducer = reproducerPath();
  pm.enableCrashReproducerGeneration(reproducer);
  if (failed(applyPassManagerCLOptions(pm)))
    return usageError("the options --mlir-print-ir-* do not agree");
  applyDefaultTimingPassManagerCLOptions(pm);
  // moe-verify-contract does where a phase ends; after each pass it would take
  // a third of the time.
  pm.enableVerifier(false);
  build(pm);

  DiagnosticCollector diagnostics(context, fileName);
  if (succeeded(pm.run(module)))
    return llvm::Error::success();
  auto [message, code] = takeMessage(
      diagnostics.takeError("the pass pipeline failed without saying why"));
  if (!isCrashMessage(message)) {
    llvm::sys::fs::remove(reproducer);
    return makeError(message);
  }
  return llvm::make_error<CodedError>(ExitCode::Bug,
                                      (fileName +
                                       ": the compiler crashed; moe-opt "
                                       "--run-reproducer " +
                                       reproducer + " repeats it")
                                          .str());
}

template <typename Options>
static void setCommonOptions(Options &pipeline,
                             const LoweringOptions &options) {
  pipeline.experts =
      options.experts == "all" ? ExpertsForm::All : ExpertsForm::Active;
  pipeline.stats = options.stats;
  pipeline.checkAccesses = options.checkAccesses;
  pipeline.assumeFinite = options.assumeFinite;
}

static llvm::Error runPhases(ModuleOp module, const LoweringOptions &options,
                             Phase from, Phase to, StringRef fileName) {
  return runPasses(module, fileName, [&](OpPassManager &pm) {
    if (options.machine != MachineKind::CPU) {
      GPUPipelineOptions pipeline;
      setCommonOptions(pipeline, options);
      pipeline.chip = options.chip;
      pipeline.ptxVersion = options.ptxVersion;
      pipeline.kernels = options.kernels;
      return buildGPUPipeline(pm, pipeline, from, to);
    }
    CPUPipelineOptions pipeline;
    setCommonOptions(pipeline, options);
    for (const std::string &name : options.misaligned)
      pipeline.misaligned.push_back(name);
    buildCPUPipeline(pm, pipeline, from, to);
  });
}

llvm::Error moe::embedKernels(ModuleOp module, const LoweringOptions &options,
                              StringRef fileName) {
  if (options.machine == MachineKind::CPU)
    return llvm::Error::success();
  if (options.machine == MachineKind::Emulator)
    return runPasses(module, fileName, [](OpPassManager &pm) {
      pm.addPass(createConvertNVVMToEmulatorPass());
    });
  if (llvm::Error error = runPasses(module, fileName, addKernelSerialization))
    return error;
  // A driver that takes an older PTX takes no code of a newer toolkit either.
  if (options.ptxVersion == LoweringOptions().ptxVersion)
    assembleKernels(module, options.chip);
  return runPasses(module, fileName, [](OpPassManager &pm) {
    pm.addPass(createEmbedKernelsPass());
  });
}

llvm::Error moe::lowerModule(ModuleOp module, const LoweringOptions &options,
                             StringRef fileName) {
  if (options.from < Phase::Machine && options.to == Phase::Machine)
    recordInterface(module);
  bool dump = !options.dumpPhasesDir.empty();
  if (!dump && !options.trace) {
    if (options.from == options.to)
      return llvm::Error::success();
    return runPhases(module, options, options.from, options.to, fileName);
  }
  for (int phase = static_cast<int>(options.from);; ++phase) {
    if (dump)
      if (llvm::Error error = writePhase(module, static_cast<Phase>(phase),
                                         options.dumpPhasesDir))
        return error;
    if (phase >= static_cast<int>(options.to))
      return llvm::Error::success();
    auto next = static_cast<Phase>(phase + 1);
    rt::TraceSpan span(options.trace, "phase " + stringifyPhase(next).str());
    if (llvm::Error error = runPhases(
            module, options, static_cast<Phase>(phase), next, fileName))
      return error;
  }
}
