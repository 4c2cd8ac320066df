//===- DeviceSymbols.h - Names of a device's code and data ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The symbols by which the host's code knows kernels and memory of a device.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_DEVICESYMBOLS_H
#define MOE_CONVERSION_DEVICESYMBOLS_H

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

namespace mlir::moe {

/// The tensors of a family, one after another in the memory of the device, are
/// a public memref.global of this prefix and the symbol of the family. The
/// loader defines it as an address of the device.
inline constexpr llvm::StringLiteral stackPrefix = "moe.stack.";

/// The memory space of a buffer that the host reads, on the way to a device.
inline Attribute hostSpace(Builder &b) { return b.getI64IntegerAttr(1); }

/// The runtime's function that says how many multiprocessors there are:
/// () -> i64.
inline constexpr llvm::StringLiteral multiprocessorsFunction =
    "moe_rt_device_multiprocessors";

/// On a gpu.launch_func of which each buffer is passed as the address of its
/// first element. The attribute lists the tensor maps that follow the operands:
/// for each the number of an operand and the sizes of the box, dimension 0, the
/// contiguous one, first.
inline constexpr llvm::StringLiteral launchMapsAttr = "moe.tensor_maps";

/// The global with the record of a kernel, a MoEKernel of moe/Runtime/Device.h.
inline std::string getKernelRecordName(StringRef module, StringRef kernel) {
  return ("moe.kernel." + module + "." + kernel).str();
}

/// { name, image, bytes, handle }
inline Type getKernelRecordType(MLIRContext *context) {
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  return LLVM::LLVMStructType::getLiteral(context,
                                          {pointer, pointer, i64, i64});
}

} // namespace mlir::moe

#endif // MOE_CONVERSION_DEVICESYMBOLS_H
