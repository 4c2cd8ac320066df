//===- Kernels.h - The kernels of each variant ------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What GroupedContraction.cpp dispatches to. A function that builds expects
// what its canBuild has accepted.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_KERNELS_H
#define MOE_LIB_CONVERSION_MOETOGPU_KERNELS_H

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"

namespace mlir::moe {

bool canBuildWGMMA(const GroupedContraction &spec, const GPUTarget &target,
                   std::string &why);
ContractionKernel buildWGMMAContraction(OpBuilder &builder, Location loc,
                                        const GroupedContraction &spec,
                                        const GPUTarget &target);

bool canBuildMMA(const GroupedContraction &spec, const GPUTarget &target,
                 std::string &why);
ContractionKernel buildMMAContraction(OpBuilder &builder, Location loc,
                                      const GroupedContraction &spec,
                                      const GPUTarget &target);

bool canBuildStreaming(const GroupedContraction &spec, const GPUTarget &target,
                       std::string &why);
ContractionKernel buildStreamingContraction(OpBuilder &builder, Location loc,
                                            const GroupedContraction &spec,
                                            const GPUTarget &target);

bool canBuildSIMT(const GroupedContraction &spec, const GPUTarget &target,
                  std::string &why);
ContractionKernel buildSIMTContraction(OpBuilder &builder, Location loc,
                                       const GroupedContraction &spec,
                                       const GPUTarget &target);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_KERNELS_H
