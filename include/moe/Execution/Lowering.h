//===- Lowering.h - Taking a model down the road ----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the pipeline phase by phase: errors come back in one line, phases can be
// written to a directory, and a crash leaves a reproducer.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_LOWERING_H
#define MOE_EXECUTION_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "moe/Execution/Devices.h"
#include "moe/Pipelines/Pipelines.h"
#include "moe/Runtime/Trace.h"
#include "llvm/Support/Error.h"

namespace mlir::moe {

struct LoweringOptions {
  Phase from = Phase::Import;
  Phase to = Phase::Machine;
  /// "active" or "all".
  std::string experts = "active";
  bool stats = false;
  bool checkAccesses = true;
  bool assumeFinite = false;
  std::vector<std::string> misaligned;
  /// The machine, and its chip if it is a GPU.
  MachineKind machine = MachineKind::CPU;
  std::string chip = "sm_90a";
  unsigned ptxVersion = 90;
  /// The best that kernels of a GPU may use: "wgmma", "mma" or "simt".
  std::string kernels = "wgmma";
  /// Where the times of the phases are recorded, or null.
  rt::Trace *trace = nullptr;
  /// Where the module is written after each phase; empty: nowhere.
  std::string dumpPhasesDir;
};

/// The file of `dir` that the module goes to after a phase: "2-grouped.mlir".
std::string phaseFile(StringRef dir, Phase phase);

/// Takes `module` from phase `from` to phase `to`. `fileName` is for messages.
llvm::Error lowerModule(ModuleOp module, const LoweringOptions &options,
                        StringRef fileName);

/// After phase `machine`: puts the kernels of a module for a GPU into the
/// host's module, in a form that the device loads: functions of the host for
/// the emulator, PTX or, where there is an assembler, machine code of its chip
/// for CUDA. Nothing for the CPU.
llvm::Error embedKernels(ModuleOp module, const LoweringOptions &options,
                         StringRef fileName);

} // namespace mlir::moe

#endif // MOE_EXECUTION_LOWERING_H
