//===- CudaKernels.cpp - Kernels of a CUDA device -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An image is given to the driver when the first of its kernels is launched,
// and is known by its bytes: another program may be compiled to the same place.
//
//===----------------------------------------------------------------------===//

#include "CudaDevice.h"

#include <algorithm>
#include <string_view>

using namespace mlir::moe;
using namespace mlir::moe::rt;

using Guard = std::lock_guard<std::mutex>;

/// What every kernel may use without asking.
static constexpr int64_t commonSharedBytes = 48 << 10;
/// Handles are the generation of the device, and the index plus one below.
static constexpr int handleIndexBits = 32;

static std::string firstLine(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos)
    return "";
  text.remove_prefix(begin);
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

std::string CudaDevice::loadModule(std::string_view image,
                                   cuda::Module &module) {
  auto known = modules.find(image);
  if (known != modules.end()) {
    module = known->second;
    return "";
  }
  std::string copy(image);
  char log[4096] = "";
  int options[] = {cuda::jitErrorLogBuffer, cuda::jitErrorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  std::string problem = (*driver)(driver->cuModuleLoadDataEx, &module,
                                  copy.c_str(), 2u, options, values);
  if (problem.empty()) {
    modules.emplace(std::move(copy), module);
    return "";
  }
  std::string detail = firstLine(log);
  return detail.empty() ? problem : problem + ": " + detail;
}

/// Makes the handle of a kernel one of this device's.
std::string CudaDevice::load(MoEKernel &kernel) {
  if (kernel.handle >> handleIndexBits == generation)
    return "";
  if (!kernel.image || kernel.imageBytes <= 0)
    return "it has no image";
  cuda::Module module = nullptr;
  std::string problem = loadModule({static_cast<const char *>(kernel.image),
                                    static_cast<size_t>(kernel.imageBytes)},
                                   module);
  Kernel loaded;
  loaded.sharedBytes = commonSharedBytes;
  if (problem.empty())
    problem = (*driver)(driver->cuModuleGetFunction, &loaded.function, module,
                        kernel.name);
  if (!problem.empty())
    return problem;
  kernels.push_back(loaded);
  kernel.handle =
      (generation << handleIndexBits) | static_cast<int64_t>(kernels.size());
  return "";
}

std::string CudaDevice::allowSharedBytes(Kernel &kernel, int64_t bytes) {
  if (bytes <= kernel.sharedBytes)
    return "";
  std::string problem =
      (*driver)(driver->cuFuncSetAttribute, kernel.function,
                cuda::maximumDynamicSharedBytes, static_cast<int>(bytes));
  if (!problem.empty())
    return std::to_string(bytes) + " bytes of shared memory: " + problem;
  // A wish: else the driver may leave room for fewer blocks than fit.
  constexpr int everything = 100; // percent
  driver->cuFuncSetAttribute.call(kernel.function,
                                  cuda::preferredSharedCarveout, everything);
  kernel.sharedBytes = bytes;
  return "";
}

std::string CudaDevice::launch(MoEKernel &kernel, const Launch &launch) {
  Guard guard(lock);
  std::string problem = enter();
  if (!problem.empty())
    return problem;
  problem = load(kernel);
  if (problem.empty()) {
    constexpr int64_t indexMask = (int64_t(1) << handleIndexBits) - 1;
    Kernel &loaded = kernels[(kernel.handle & indexMask) - 1];
    problem = allowSharedBytes(loaded, launch.sharedBytes);
    auto size = [](int64_t value) { return static_cast<unsigned>(value); };
    if (problem.empty())
      problem = (*driver)(
          driver->cuLaunchKernel, loaded.function, size(launch.grid[0]),
          size(launch.grid[1]), size(launch.grid[2]), size(launch.block[0]),
          size(launch.block[1]), size(launch.block[2]),
          size(launch.sharedBytes), stream, launch.arguments, nullptr);
  }
  if (problem.empty())
    return "";
  return note(std::string("kernel ") + kernel.name + ": " + problem);
}
