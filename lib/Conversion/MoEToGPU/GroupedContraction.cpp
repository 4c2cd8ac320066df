//===- GroupedContraction.cpp - Kernels over tiles of experts -------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

#include "Kernels.h"

using namespace mlir;
using namespace mlir::moe;

bool mlir::moe::canBuild(ContractionVariant variant,
                         const GroupedContraction &spec,
                         const GPUTarget &target, std::string &why) {
  switch (variant) {
  case ContractionVariant::WGMMA:
    return canBuildWGMMA(spec, target, why);
  case ContractionVariant::MMA:
  case ContractionVariant::Streaming:
  case ContractionVariant::SIMT:
    why = "this variant is not built";
    return false;
  }
  llvm_unreachable("a variant without a case");
}

ContractionKernel mlir::moe::buildContraction(OpBuilder &builder, Location loc,
                                              ContractionVariant variant,
                                              const GroupedContraction &spec,
                                              const GPUTarget &target) {
  switch (variant) {
  case ContractionVariant::WGMMA:
    return buildWGMMAContraction(builder, loc, spec, target);
  case ContractionVariant::MMA:
  case ContractionVariant::Streaming:
  case ContractionVariant::SIMT:
    return {};
  }
  llvm_unreachable("a variant without a case");
}
