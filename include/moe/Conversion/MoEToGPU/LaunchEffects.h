//===- LaunchEffects.h - What a launch does to memory ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's passes that place deallocations refuse operations of which they do
// not know the effects, gpu.launch_func and gpu.barrier among them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOGPU_LAUNCHEFFECTS_H
#define MOE_CONVERSION_MOETOGPU_LAUNCHEFFECTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::moe {

/// Lets gpu.launch_func say that it reads and writes its buffers, and
/// gpu.barrier that it orders accesses of all.
void registerLaunchEffects(DialectRegistry &registry);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOGPU_LAUNCHEFFECTS_H
