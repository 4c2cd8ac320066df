//===- CudaDriver.cpp - The CUDA driver's functions -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The library stays loaded until the process ends: a driver has threads of its
// own and does not like to go.
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace mlir::moe;

/// CUDA 12.0, the first with cuTensorMapEncodeTiled.
static constexpr int oldestVersion = 12000;

static std::string formatVersion(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

static void *openLibrary(const std::string &name, std::string &problem) {
  void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library)
    return library;
  std::string reason = dlerror();
  if (reason.compare(0, name.size() + 2, name + ": ") == 0)
    reason.erase(0, name.size() + 2);
  problem = name + " cannot be loaded: " + reason;
  return nullptr;
}

template <typename... Parameters>
static void
find(void *library, const std::string &libraryName, const char *exportedName,
     rt::CudaFunction<Parameters...> &function, std::string &problem) {
  function.call = reinterpret_cast<rt::cuda::Code (*)(Parameters...)>(
      dlsym(library, exportedName));
  if (!function.call && problem.empty())
    problem = libraryName + " has no " + exportedName;
}

/// What is wrong with the version of a driver of which one function is known.
static std::string checkVersion(const rt::CudaDriver &driver) {
  if (!driver.cuDriverGetVersion.call)
    return "";
  int version = 0;
  std::string problem = driver(driver.cuDriverGetVersion, &version);
  if (problem.empty() && version < oldestVersion)
    problem = "the driver is for CUDA " + formatVersion(version) +
              ", and CUDA " + formatVersion(oldestVersion) +
              " or newer is needed";
  return problem;
}

std::unique_ptr<rt::CudaDriver> rt::CudaDriver::load(std::string &problem) {
  const char *chosen = std::getenv("MOE_CUDA_DRIVER");
  const std::string name = chosen && *chosen ? chosen : "libcuda.so.1";
  void *library = openLibrary(name, problem);
  if (!library)
    return nullptr;
  auto driver = std::make_unique<CudaDriver>();
  std::string missing;
#define MOE_CUDA_FIND(NAME, SUFFIX, ...)                                       \
  find(library, name, #NAME SUFFIX, driver->NAME, missing);
  MOE_CUDA_FUNCTIONS(MOE_CUDA_FIND)
#undef MOE_CUDA_FIND
  // An old driver lacks functions because it is old.
  problem = checkVersion(*driver);
  if (problem.empty())
    problem = missing;
  if (problem.empty())
    problem = (*driver)(driver->cuInit, 0);
  if (!problem.empty())
    return nullptr;
  return driver;
}

std::string rt::CudaDriver::explain(const char *function,
                                    cuda::Code code) const {
  if (code == cuda::success)
    return "";
  const char *name = nullptr, *text = nullptr;
  if (cuGetErrorName.call)
    cuGetErrorName.call(code, &name);
  if (cuGetErrorString.call)
    cuGetErrorString.call(code, &text);
  std::string problem = function + std::string(": ");
  problem += name ? name : "error " + std::to_string(code);
  if (text)
    problem += " (" + std::string(text) + ")";
  return problem;
}
