//===- CudaDriver.h - The CUDA driver's functions ---------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the driver's interface that this room uses, found in the driver's
// library when it is first needed: neither the machine that builds nor the one
// that runs needs CUDA. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_CUDADRIVER_H
#define MOE_LIB_RUNTIME_CUDADRIVER_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

/// The driver's handles and enumerations, as its binary interface has them.
namespace mlir::moe::rt::cuda {

using Code = int;
using Ordinal = int;
using Address = unsigned long long;
using Context = struct ContextState *;
using Stream = struct StreamState *;
using Event = struct EventState *;
using Module = struct ModuleState *;
using Function = struct FunctionState *;
using Graph = struct GraphState *;
using Executable = struct ExecutableState *;

enum : Code { success = 0, outOfMemory = 2 };
enum : unsigned {
  streamNonBlocking = 1,
  eventDisableTiming = 2,
  hostPortable = 1,
  hostDeviceMap = 2,
};
/// Attributes of devices and functions, options of the JIT.
enum : int {
  multiprocessorCount = 16,
  computeCapabilityMajor = 75,
  computeCapabilityMinor = 76,
  maximumDynamicSharedBytes = 8,
  preferredSharedCarveout = 9,
  jitErrorLogBuffer = 5,
  jitErrorLogBufferBytes = 6,
  captureRelaxed = 2,
};
/// Of tensor maps.
enum : int {
  tensorUInt16 = 1,
  tensorFloat32 = 7,
  interleaveNone = 0,
  swizzleNone = 0,
  swizzle128B = 3,
  promotion256B = 3,
  fillZero = 0,
};

} // namespace mlir::moe::rt::cuda

// X(name, suffix of the exported name, parameters...)
#define MOE_CUDA_FUNCTIONS(X)                                                  \
  X(cuDriverGetVersion, "", int *)                                             \
  X(cuInit, "", unsigned)                                                      \
  X(cuDeviceGetCount, "", int *)                                               \
  X(cuDeviceGet, "", cuda::Ordinal *, int)                                     \
  X(cuDeviceGetName, "", char *, int, cuda::Ordinal)                           \
  X(cuDeviceGetAttribute, "", int *, int, cuda::Ordinal)                       \
  X(cuDeviceTotalMem, "_v2", size_t *, cuda::Ordinal)                          \
  X(cuDevicePrimaryCtxRetain, "", cuda::Context *, cuda::Ordinal)              \
  X(cuDevicePrimaryCtxRelease, "_v2", cuda::Ordinal)                           \
  X(cuCtxSetCurrent, "", cuda::Context)                                        \
  X(cuStreamCreate, "", cuda::Stream *, unsigned)                              \
  X(cuStreamDestroy, "_v2", cuda::Stream)                                      \
  X(cuStreamSynchronize, "", cuda::Stream)                                     \
  X(cuStreamBeginCapture, "_v2", cuda::Stream, int)                            \
  X(cuStreamEndCapture, "", cuda::Stream, cuda::Graph *)                       \
  X(cuEventCreate, "", cuda::Event *, unsigned)                                \
  X(cuEventDestroy, "_v2", cuda::Event)                                        \
  X(cuEventRecord, "", cuda::Event, cuda::Stream)                              \
  X(cuEventSynchronize, "", cuda::Event)                                       \
  X(cuMemAlloc, "_v2", cuda::Address *, size_t)                                \
  X(cuMemFree, "_v2", cuda::Address)                                           \
  X(cuMemHostAlloc, "", void **, size_t, unsigned)                             \
  X(cuMemFreeHost, "", void *)                                                 \
  X(cuMemHostGetDevicePointer, "_v2", cuda::Address *, void *, unsigned)       \
  X(cuMemcpyHtoDAsync, "_v2", cuda::Address, const void *, size_t,             \
    cuda::Stream)                                                              \
  X(cuMemcpyDtoHAsync, "_v2", void *, cuda::Address, size_t, cuda::Stream)     \
  X(cuModuleLoadDataEx, "", cuda::Module *, const void *, unsigned, int *,     \
    void **)                                                                   \
  X(cuModuleUnload, "", cuda::Module)                                          \
  X(cuModuleGetFunction, "", cuda::Function *, cuda::Module, const char *)     \
  X(cuFuncSetAttribute, "", cuda::Function, int, int)                          \
  X(cuLaunchKernel, "", cuda::Function, unsigned, unsigned, unsigned,          \
    unsigned, unsigned, unsigned, unsigned, cuda::Stream, void **, void **)    \
  X(cuTensorMapEncodeTiled, "", void *, int, uint32_t, void *,                 \
    const uint64_t *, const uint64_t *, const uint32_t *, const uint32_t *,    \
    int, int, int, int)                                                        \
  X(cuGraphInstantiate, "WithFlags", cuda::Executable *, cuda::Graph,          \
    unsigned long long)                                                        \
  X(cuGraphLaunch, "", cuda::Executable, cuda::Stream)                         \
  X(cuGraphExecDestroy, "", cuda::Executable)                                  \
  X(cuGraphDestroy, "", cuda::Graph)                                           \
  X(cuGetErrorName, "", cuda::Code, const char **)                             \
  X(cuGetErrorString, "", cuda::Code, const char **)

namespace mlir::moe::rt {

template <typename... Parameters> struct CudaFunction {
  const char *name;
  cuda::Code (*call)(Parameters...) = nullptr;
};

/// The driver's functions under their names; each has been found.
struct CudaDriver {
#define MOE_CUDA_MEMBER(NAME, SUFFIX, ...)                                     \
  CudaFunction<__VA_ARGS__> NAME{#NAME};
  MOE_CUDA_FUNCTIONS(MOE_CUDA_MEMBER)
#undef MOE_CUDA_MEMBER

  /// Loads libcuda.so.1, or what MOE_CUDA_DRIVER names, and initialises it.
  /// Null with `problem` set if it is missing, too old, or finds no device.
  static std::unique_ptr<CudaDriver> load(std::string &problem);

  /// "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)"; empty for success.
  std::string explain(const char *function, cuda::Code code) const;

  template <typename... Parameters, typename... Arguments>
  std::string operator()(const CudaFunction<Parameters...> &function,
                         Arguments... arguments) const {
    return explain(function.name, function.call(arguments...));
  }
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_CUDADRIVER_H
