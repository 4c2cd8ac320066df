//===- CudaDevice.h - A device of the CUDA driver ---------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to this room; include/moe/Runtime/Cuda.h opens one.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_CUDADEVICE_H
#define MOE_LIB_RUNTIME_CUDADEVICE_H

#include "CudaMemory.h"
#include "moe/Runtime/Device.h"

#include <mutex>
#include <optional>
#include <unordered_map>

namespace mlir::moe::rt {

/// What is known of a device without opening it.
struct CudaProperties {
  cuda::Ordinal device = 0;
  std::string model;
  int major = 0, minor = 0, multiprocessors = 0;
  size_t bytes = 0;

  std::string read(const CudaDriver &driver, int ordinal);
  std::string description() const;
};

/// A captured step.
struct CudaGraph {
  /// A write: bytes of the host that each replay copies to pinned memory, from
  /// where the graph copies them to the device. Without an address the bytes
  /// stay those of the capture.
  struct Write {
    const void *host;
    int64_t bytes;
    PinnedMemory pinned;
  };

  int64_t id;
  cuda::Executable executable = nullptr;
  /// When the last replay has ended.
  cuda::Event done = nullptr;
  std::vector<Write> writes;
  /// What ended the capture, if anything did.
  std::string problem;
};

/// Every public function takes the lock and makes the context that of its
/// thread.
class CudaDevice final : public Device {
public:
  CudaDevice(std::unique_ptr<CudaDriver> driver, int ordinal,
             CudaProperties properties);
  ~CudaDevice() override;
  std::string open();

  std::string name() const override;
  std::string description() const override { return properties.description(); }
  std::string chip() const override;
  int64_t ptxVersion() const override;
  int64_t multiprocessors() const override {
    return properties.multiprocessors;
  }

  void *allocate(int64_t bytes, std::string &problem) override;
  void release(void *block) override;
  std::string read(void *host, const void *device, int64_t bytes) override;
  std::string write(void *device, const void *host, int64_t bytes) override;
  std::string launch(MoEKernel &kernel, const Launch &launch) override;
  std::string makeTensorMap(void *map, const TensorMapShape &shape) override;
  std::string synchronize() override;
  int64_t *failureWord() override;
  void *failureWordOnDevice() override { return wordOnDevice; }

  std::string beginCapture() override;
  int64_t endCapture(std::string &problem) override;
  bool capturing() const override;
  std::string replay(int64_t graph) override;
  void releaseGraph(int64_t graph) override;

private:
  struct Kernel {
    cuda::Function function = nullptr;
    /// What it may use as it is.
    int64_t sharedBytes = 0;
  };

  /// The rest is private to the functions of these names, under the lock.
  std::string enter() const;
  std::string load(MoEKernel &kernel, Kernel &loaded);
  std::string loadModule(std::string_view image, cuda::Module &module);
  std::string allowSharedBytes(Kernel &kernel, int64_t bytes);
  std::string capture(cuda::Address target, const void *host, int64_t bytes);
  /// `problem`, from which a capture does not recover.
  std::string note(std::string problem);
  /// The problem of what needs the host to wait.
  std::string refuseToWait();
  std::string instantiate(CudaGraph &graph, cuda::Graph captured);
  void destroy(CudaGraph &graph);

  mutable std::mutex lock;
  std::unique_ptr<CudaDriver> driver;
  const int ordinal;
  const CudaProperties properties;
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  std::optional<CudaBlocks> blocks;
  std::optional<CudaStaging> staging;
  std::optional<PinnedMemory> word;
  void *wordOnDevice = nullptr;

  /// By image, whose copies end in a zero byte.
  std::map<std::string, cuda::Module, std::less<>> modules;
  /// By number.
  std::unordered_map<int64_t, Kernel> kernels;

  std::optional<CudaGraph> captured;
  std::map<int64_t, CudaGraph> graphs;
  int64_t lastGraph = 0;
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_CUDADEVICE_H
