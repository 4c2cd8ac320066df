//===- Device.h - Where kernels run -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device has memory of its own and runs kernels on it, in the order in which
// they are launched. Compiled host code reaches that of its context through the
// C functions (moe_rt_device_*, docs/RuntimeABI.md); the host opens one and
// gives it to a context.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_DEVICE_H
#define MOE_RUNTIME_DEVICE_H

#include "moe/Runtime/Runtime.h"

#include <memory>

extern "C" {

/// A kernel as the host code of a model holds it: a global of the type
/// { ptr, ptr, i64, i64 } for each kernel.
struct MoEKernel {
  /// The name of the kernel in its image.
  const char *name;
  /// For CUDA PTX text that ends in a zero byte, or a cubin. For the emulator
  /// the kernel itself: void (void **arguments).
  const void *image;
  /// Of the image; 0 for the emulator.
  int64_t imageBytes;
  /// 0, and once it is launched a number that no other kernel of the process
  /// has, by which devices know it.
  int64_t number;
};

/// Bytes of a TMA descriptor (CUtensorMap), which is aligned to 64 bytes.
enum { MoETensorMapBytes = 128 };

/// Memory of the device, aligned to 256 bytes, of undefined content. A size of
/// 0 gives an address that is good for nothing but to be freed. A failure ends
/// the invocation with the kind "limit". Blocks that an invocation leaves are
/// freed when it fails, and belong to the host when it ends well.
void *moe_rt_device_alloc(MoEContext *context, int64_t bytes);
void moe_rt_device_free(MoEContext *context, void *block);
/// Copies from the device to the host, after all that was launched before. What
/// is read from a block of at most 16 KiB stays with the host until the next
/// launch or write, so that reading such a block bit by bit waits once.
void moe_rt_device_read(MoEContext *context, void *host, const void *device,
                        int64_t bytes);
/// Copies from the host to the device. The host's bytes may change afterwards.
void moe_rt_device_write(MoEContext *context, void *device, const void *host,
                         int64_t bytes);
/// The copy on the device of `bytes` constant bytes of the host; they are
/// uploaded when they are first asked for.
const void *moe_rt_device_constant(MoEContext *context, const void *host,
                                   int64_t bytes);
/// Starts a kernel on a grid of blocks of threads. `arguments` has the address
/// of each argument; they are read before the call returns. An empty grid is
/// not launched.
void moe_rt_device_launch(MoEContext *context, MoEKernel *kernel, int64_t gridX,
                          int64_t gridY, int64_t gridZ, int64_t blockX,
                          int64_t blockY, int64_t blockZ, int64_t sharedBytes,
                          void **arguments);
/// Multiprocessors of the device: the size of a persistent grid.
int64_t moe_rt_device_multiprocessors(MoEContext *context);
/// Describes a tensor of the device for TMA: writes MoETensorMapBytes to `map`.
/// `elementBytes` is 2 (bf16 or f16 alike) or 4 (f32), `rank` 1 to 5. Dimension
/// 0 is the one that is contiguous. `sizes` and `box` have `rank` elements,
/// `strides` (in bytes) `rank` - 1, from dimension 1 on. The swizzle is that of
/// 128 bytes if box[0] elements are 128 bytes, none otherwise. What a box
/// covers beyond the tensor is read as zero. A size of 0 is described as 1:
/// such a tensor may be mapped, but not be read.
void moe_rt_device_tensor_map(MoEContext *context, void *map, const void *base,
                              int64_t elementBytes, int64_t rank,
                              const int64_t *sizes, const int64_t *strides,
                              const int64_t *box);
/// A word that kernels and the host see, for failures of kernels: a kernel that
/// fails writes the address of the message (in the host, ended by a zero) to it
/// in one access, and stops (trap). The address on the device.
void *moe_rt_device_failure_word(MoEContext *context);

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

/// What is wrong with a shape, empty if nothing: TMA wants a base and strides
/// that are multiples of 16 bytes, and boxes of at most 256 in each dimension
/// whose rows are multiples of 16 bytes.
std::string checkTensorMap(const TensorMapShape &shape);

/// A device. Functions return an empty string or what went wrong, in the words
/// of the device: "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)". They
/// always return; a kernel of the emulator must not leave `launch` by longjmp.
class Device {
public:
  virtual ~Device() = default;

  /// "cuda:0", "cuda-emulator"
  virtual std::string name() const = 0;
  /// "NVIDIA H100 80GB HBM3, sm_90, 79 GiB"
  virtual std::string description() const = 0;
  /// The chip to generate code for, such as "sm_90a".
  virtual std::string chip() const = 0;
  /// The newest version of PTX that it loads, times ten.
  virtual int64_t ptxVersion() const { return 90; }
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
  /// The word of moe_rt_device_failure_word, seen from the host and from
  /// the device.
  virtual int64_t *failureWord() = 0;
  virtual void *failureWordOnDevice() = 0;

  /// A step - launches and writes without a read between them - can be captured
  /// as a graph and then be replayed at the price of one launch:
  ///
  ///   run the step once as usual, so that kernels and constants are in place;
  ///   beginCapture(); run the step; graph = endCapture(problem);
  ///   put new inputs where the old ones were; context.replay(graph); read; ...
  ///
  /// Between beginCapture and endCapture nothing is executed. Whatever the host
  /// decides and passes (grids, arguments of kernels) is as it was in the
  /// capture whenever the graph is replayed. But bytes that were written from
  /// the host are read again, at the same address of the host, by each replay:
  /// that is how new inputs arrive, and why these addresses must stay valid as
  /// long as the graph is replayed. Bytes on the stack of the code that was
  /// invoked, which is gone by then, are as they were in the capture.
  ///
  /// A read, for which the host would have to wait, fails, and the capture with
  /// it; so does the upload of a constant. The caller ends the capture in any
  /// case, releases the graph of a step that failed, and runs without.
  ///
  /// Blocks that were allocated or freed during the capture are at the graph's
  /// disposal until releaseGraph: freeing them gives them to nobody else, and
  /// results of a replay are where those of the capture were.
  virtual std::string beginCapture() { return "it cannot capture steps"; }
  /// Ends the capture, whether it succeeded or not. The graph, which is not 0,
  /// or 0 with `problem` set.
  virtual int64_t endCapture(std::string &problem) {
    problem = "it cannot capture steps";
    return 0;
  }
  virtual bool capturing() const { return false; }
  /// Starts the graph. Compiled code that reads afterwards needs
  /// Context::replay.
  virtual std::string replay(int64_t graph) {
    return "it cannot capture steps";
  }
  /// Waits for the graph and frees what was reserved for it.
  virtual void releaseGraph(int64_t graph) {}
};

/// What the device functions did since the last reset. A captured launch counts
/// once, in the capture, however often it is replayed.
struct DeviceCounters {
  int64_t kernelsLaunched = 0;
  /// Kernels that were launched at least once, by name, with how often.
  std::vector<std::pair<std::string, int64_t>> launches;
  /// Bytes that were transferred, and in how many transfers. Constants are
  /// apart.
  int64_t bytesRead = 0, bytesWritten = 0, constantBytes = 0;
  int64_t reads = 0, writes = 0, replays = 0;
};

/// The number of a kernel, which gets one now if it has none.
int64_t numberOf(MoEKernel &kernel);

/// What a program that runs kernels may link beside symbols(): the functions
/// above.
const std::vector<Symbol> &deviceSymbols();

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_DEVICE_H
