//===- Device.h - Where kernels run ------------------------------*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device has memory of its own and runs kernels on it, in the order in which
// they are launched. Compiled host code reaches the current device through the
// C functions (moe_rt_device_*, docs/RuntimeABI.md); the host opens one and
// makes it current.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_DEVICE_H
#define MOE_RUNTIME_DEVICE_H

#include "moe/Runtime/Runtime.h"

#include <memory>

extern "C" {

/// A kernel as the host code of a model holds it: a global of the type
/// { ptr, ptr, i64, i64 } for each kernel. The device fills in `handle` when
/// the kernel is first launched; 0 until then.
struct MoEKernel {
  /// The name of the kernel in its image.
  const char *name;
  /// For CUDA PTX text that ends in a zero byte, or a cubin. For the emulator
  /// the kernel itself: void (void **arguments).
  const void *image;
  /// Of the image; 0 for the emulator.
  int64_t imageBytes;
  int64_t handle;
};

/// Bytes of a TMA descriptor (CUtensorMap), which is aligned to 64 bytes.
enum { MoETensorMapBytes = 128 };

/// Memory of the device, aligned to 256 bytes, of undefined content. A size of
/// 0 gives an address that is good for nothing but to be freed. A failure ends
/// the invocation with the kind "limit". Blocks that an invocation leaves are
/// freed when it fails, and belong to the host when it ends well.
void *moe_rt_device_alloc(int64_t bytes);
void moe_rt_device_free(void *block);
/// Copies from the device to the host, after all that was launched before.
void moe_rt_device_read(void *host, const void *device, int64_t bytes);
/// Copies from the host to the device. The host's bytes may change afterwards.
void moe_rt_device_write(void *device, const void *host, int64_t bytes);
/// The copy on the device of `bytes` constant bytes of the host; they are
/// uploaded when they are first asked for.
const void *moe_rt_device_constant(const void *host, int64_t bytes);
/// Starts a kernel on a grid of blocks of threads. `arguments` has the address
/// of each argument; they are read before the call returns. An empty grid is
/// not launched.
void moe_rt_device_launch(MoEKernel *kernel, int64_t gridX, int64_t gridY,
                          int64_t gridZ, int64_t blockX, int64_t blockY,
                          int64_t blockZ, int64_t sharedBytes,
                          void **arguments);
/// Multiprocessors of the device: the size of a persistent grid.
int64_t moe_rt_device_multiprocessors();
/// Describes a tensor of the device for TMA: writes MoETensorMapBytes to `map`.
/// `elementBytes` is 2 (bf16 or f16 alike) or 4 (f32), `rank` 1 to 5. Dimension
/// 0 is the one that is contiguous. `sizes` and `box` have `rank` elements,
/// `strides` (in bytes) `rank` - 1, from dimension 1 on. The swizzle is that of
/// 128 bytes if box[0] elements are 128 bytes, none otherwise. What a box
/// covers beyond the tensor is read as zero.
void moe_rt_device_tensor_map(void *map, const void *base, int64_t elementBytes,
                              int64_t rank, const int64_t *sizes,
                              const int64_t *strides, const int64_t *box);
/// Two words that kernels and the host see, for failures of kernels: a kernel
/// that fails writes the address of the message (in the host) to the first and
/// its length to the second, and stops (trap). The address on the device.
void *moe_rt_device_failure_words();

} // extern "C"

namespace mlir::moe::rt {

/// How a kernel is launched.
struct Launch {
  int64_t grid[3];
  int64_t block[3];
  int64_t sharedBytes;
  void **arguments;
};

/// The shape of a tensor for TMA, as in moe_rt_device_tensor_map.
struct TensorMapShape {
  const void *base;
  int64_t elementBytes, rank;
  const int64_t *sizes, *strides, *box;
};

/// A device. Functions return an empty string or what went wrong, in the words
/// of the device: "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
class Device {
public:
  virtual ~Device() = default;

  /// "cuda:0", "cuda-emulator"
  virtual std::string name() const = 0;
  /// "NVIDIA H100 80GB HBM3, sm_90, 79 GiB"
  virtual std::string description() const = 0;
  /// The chip to generate code for, such as "sm_90a".
  virtual std::string chip() const = 0;
  virtual int64_t multiprocessors() const = 0;

  /// Null with `problem` set if there is no memory.
  virtual void *allocate(int64_t bytes, std::string &problem) = 0;
  virtual void release(void *block) = 0;
  virtual std::string read(void *host, const void *device, int64_t bytes) = 0;
  virtual std::string write(void *device, const void *host, int64_t bytes) = 0;
  virtual std::string launch(MoEKernel &kernel, const Launch &launch) = 0;
  virtual std::string makeTensorMap(void *map, const TensorMapShape &shape) = 0;
  /// Waits for all that was launched.
  virtual std::string synchronize() = 0;
  /// The two words of moe_rt_device_failure_words, seen from the host and from
  /// the device.
  virtual int64_t *failureWords() = 0;
  virtual void *failureWordsOnDevice() = 0;
};

/// Makes a device the one that compiled code uses, or none. Constants uploaded
/// to the one before are freed first.
void setDevice(Device *device);
Device *currentDevice();

/// What the device functions did since the last reset.
struct DeviceCounters {
  int64_t kernelsLaunched = 0;
  /// Kernels that were launched at least once, by name, with how often.
  std::vector<std::pair<std::string, int64_t>> launches;
  int64_t bytesRead = 0, bytesWritten = 0, constantBytes = 0;
};
DeviceCounters deviceCounters();
void resetDeviceCounters();

/// The functions above, for a program that runs kernels; see symbols().
const std::vector<Symbol> &deviceSymbols();

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_DEVICE_H
