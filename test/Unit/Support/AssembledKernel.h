//===- AssembledKernel.h - What ptxas makes of a kernel ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_SUPPORT_ASSEMBLEDKERNEL_H
#define MOE_TEST_UNIT_SUPPORT_ASSEMBLEDKERNEL_H

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <optional>
#include <string>

namespace mlir::moe {

/// A context that knows what kernels are built of and lowered to.
std::unique_ptr<MLIRContext> makeKernelContext();

/// The root of a CUDA toolkit that has ptxas, and functions of mathematics for
/// kernels to be linked with.
std::optional<std::string> findCUDAToolkit();

/// Lowers the one gpu.module in `module` to PTX, by passes of MLIR alone.
/// Empty if that fails.
std::string lowerToPTX(ModuleOp module);

struct AssembledKernel {
  int64_t registers = -1, spilledBytes = -1;
  /// All that ptxas printed.
  std::string log;
  /// How often each opcode occurs: the low 12 bits of an instruction.
  std::map<unsigned, int64_t> opcodes;
};

/// Opcodes of sm_80 to sm_90.
enum SASSOpcode : unsigned {
  HMMA = 0x23c,
  HGMMA = 0x9f0,
  LDL = 0x983,
  STL = 0x387,
  LDGSTS = 0xfae,
  UTMALDG = 0x5b4,
  STSM = 0x844
};

/// Assembles PTX with the CUDA toolkit. A failure is a failure of the test.
AssembledKernel assemble(const std::string &ptx, const std::string &chip);

} // namespace mlir::moe

#endif // MOE_TEST_UNIT_SUPPORT_ASSEMBLEDKERNEL_H
