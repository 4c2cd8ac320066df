//===- Phases.h - Phases that roads share -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the roads to the CPU and to the GPU have in common.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_PIPELINES_PHASES_H
#define MOE_LIB_PIPELINES_PHASES_H

#include "moe/Pipelines/Pipelines.h"

namespace mlir::moe {

void addSimplification(OpPassManager &pm);
/// `assumeFinite`: nothing that a mask multiplies by zero is infinite or NaN.
void addMaskedPhase(OpPassManager &pm, bool checkAccesses, bool assumeFinite);
void addRoutedPhase(OpPassManager &pm, bool assumeFinite);
/// `device` says whether a device runs it, which makes room in advance.
void addGroupedPhase(OpPassManager &pm, bool checkAccesses, bool device);

/// One-shot bufferization, and what cleans up after it.
void addBufferization(OpPassManager &pm);
/// What the host's code needs to become the LLVM dialect once it calls the
/// runtime, but for its buffers, which `addBuffers` lowers.
void addHostLowering(OpPassManager &pm,
                     function_ref<void(OpPassManager &)> addBuffers);

/// Adds the phases in (from, to], each with the check of what holds after it.
class Road {
public:
  Road(OpPassManager &pm, Phase from, Phase to, bool toDevice)
      : pm(pm), from(from), to(to), toDevice(toDevice) {}
  void add(Phase phase, function_ref<void()> populate);

private:
  OpPassManager &pm;
  Phase from, to;
  bool toDevice;
};

} // namespace mlir::moe

#endif // MOE_LIB_PIPELINES_PHASES_H
