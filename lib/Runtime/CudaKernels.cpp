//===- CudaKernels.cpp - Kernels of a CUDA device -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An image is given to the driver when the first of its kernels is launched,
// and is known by its bytes: another program may be compiled to the same place.
// A kernel is known by its number.
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

/// Makes `loaded` what the driver has of a kernel.
std::string CudaDevice::load(MoEKernel &kernel, Kernel &loaded) {
  if (loaded.function)
    return "";
  if (!kernel.image || kernel.imageBytes <= 0)
    return "it has no image";
  cuda::Module module = nullptr;
  std::string problem = loadModule({static_cast<const char *>(kernel.image),
                                    static_cast<size_t>(kernel.imageBytes)},
                                   module);
  loaded.sharedBytes = commonSharedBytes;
  if (problem.empty())
    problem = (*driver)(driver->cuModuleGetFunction, &loaded.function, module,
                        kernel.name);
  if (!problem.empty())
    loaded.function = nullptr;
  return problem;
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
  Kernel &loaded = kernels[numberOf(kernel)];
  problem = load(kernel, loaded);
  if (problem.empty()) {
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
