//===- Cuda.h - Devices of the CUDA driver ----------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA GPUs through the driver's library, libcuda.so.1 or what the
// environment variable MOE_CUDA_DRIVER names, which is loaded when one of these
// functions is called. Each problem is one line that names the call of the
// driver and its error.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_H
#define MOE_RUNTIME_CUDA_H

#include "moe/Runtime/Device.h"

namespace mlir::moe::rt {

struct CudaDeviceInfo {
  /// As Device::name and Device::description.
  std::string name, description;
};

/// The devices that openCudaDevice can open. If there is none, `whyNone` says
/// why.
std::vector<CudaDeviceInfo> listCudaDevices(std::string &whyNone);

/// Opens a device. It does all work in one stream, in the order of the calls,
/// and keeps memory that is released for later blocks, so that a program that
/// is run again finds its blocks where they were. Null with `problem` set if
/// there is no such device or the driver refuses.
///
/// A kernel that fails takes the device with it: every later call has the same
/// problem, until it is closed and opened again.
std::unique_ptr<Device> openCudaDevice(int ordinal, std::string &problem);

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_CUDA_H
