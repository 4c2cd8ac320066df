//===- Canonicalization.cpp - Upstream's canonicalizer, made safe ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;

void mlir::moe::addCanonicalization(OpPassManager &pm) {
  // Upstream gives a loop that starts from a tensor of static size this size
  // throughout, whatever the loop makes of it. The name is that of the type,
  // which compilers spell differently.
  static const std::string narrowing[] = {
      "(anonymous namespace)::ForOpTensorCastFolder",
      "{anonymous}::ForOpTensorCastFolder"};
  pm.addPass(createCanonicalizerPass(GreedyRewriteConfig(), narrowing));
}
