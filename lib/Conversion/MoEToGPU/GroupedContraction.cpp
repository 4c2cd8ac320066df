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

/// Whether `type` has one size in all memory.
static bool isStorable(Type type) { return type && type.isIntOrFloat(); }

/// What every variant asks for.
static bool isComplete(const GroupedContraction &spec, std::string &why) {
  // Indices within an expert are 32 bits wide, offsets in bytes included.
  constexpr int64_t longest = int64_t(1) << 28;
  if (spec.numContractions < 0)
    why = "a stage has no " + std::to_string(spec.numContractions) +
          " right-hand sides";
  else if (spec.experts < 1 || spec.columns < 1 ||
           (spec.numContractions > 0 && spec.depth < 1))
    why = "there is nothing to multiply";
  else if (spec.columns > longest ||
           (spec.numContractions > 0 && spec.depth > longest))
    why = "columns and depth are at most " + std::to_string(longest) +
          ", got " + std::to_string(spec.columns) + " and " +
          std::to_string(spec.depth);
  else if (!isStorable(spec.resultType) ||
           !llvm::all_of(spec.operands, [](const EpilogueOperand &operand) {
             return isStorable(operand.elementType);
           }))
    why = "results and operands of the epilogue are integers or floats";
  else if (!spec.epilogue)
    why = "there is no epilogue";
  else
    return true;
  return false;
}

bool mlir::moe::canBuild(ContractionVariant variant,
                         const GroupedContraction &spec,
                         const GPUTarget &target, std::string &why) {
  if (!isComplete(spec, why))
    return false;
  switch (variant) {
  case ContractionVariant::WGMMA:
    return canBuildWGMMA(spec, target, why);
  case ContractionVariant::MMA:
    return canBuildMMA(spec, target, why);
  case ContractionVariant::Streaming:
    return canBuildStreaming(spec, target, why);
  case ContractionVariant::SIMT:
    return canBuildSIMT(spec, target, why);
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
    return buildMMAContraction(builder, loc, spec, target);
  case ContractionVariant::Streaming:
    return buildStreamingContraction(builder, loc, spec, target);
  case ContractionVariant::SIMT:
    return buildSIMTContraction(builder, loc, spec, target);
  }
  llvm_unreachable("a variant without a case");
}
