//===- SharedLayout.h - Where globals in shared memory lie ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offsets from the start of a block's shared memory, and how much of it each
// kernel needs. Globals that no kernel uses together may share bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_NVVMTOEMULATOR_SHAREDLAYOUT_H
#define MOE_LIB_CONVERSION_NVVMTOEMULATOR_SHAREDLAYOUT_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::moe {

bool isKernel(LLVM::LLVMFuncOp function);

struct SharedLayout {
  struct Place {
    int64_t offset = 0, alignment = 1;
    /// Stands for what a launch adds, behind all globals.
    bool isDynamic = false;
  };
  /// By the names of globals and of kernels.
  llvm::StringMap<Place> places;
  llvm::StringMap<int64_t> staticBytes;

  static SharedLayout of(gpu::GPUModuleOp module);
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_NVVMTOEMULATOR_SHAREDLAYOUT_H
