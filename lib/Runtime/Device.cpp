//===- Device.cpp - The device functions of compiled code -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies, launches and their failures on the device of a context. Each function
// works under the lock and returns whether it succeeded; the C function around
// it jumps.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"
#include "moe/Runtime/Trace.h"

#include <cstring>
#include <utility>

using namespace mlir::moe;
using rt::DeviceState;

using Guard = std::lock_guard<std::mutex>;

/// Blocks up to this size are read as a whole and remembered.
static constexpr int64_t maximumCopyBytes = 16 << 10;
/// Longer texts are no message, but a word that somebody overwrote.
static constexpr int64_t maximumMessageBytes = 64 << 10;

//===----------------------------------------------------------------------===//
// The current device and its failures
//===----------------------------------------------------------------------===//

static DeviceState &deviceOf(MoEContext *context) {
  return rt::Context::stateOf(context).device;
}

rt::Device *rt::Context::device() const { return state->device.current(); }
void rt::Context::setDevice(Device *device) { state->device.set(device); }

rt::Device *rt::DeviceState::get() const {
  if (!current())
    setFailure(Status::Error, "the program runs kernels, and no device is set");
  return current();
}

rt::Result rt::DeviceState::explain(const std::string &problem) {
  Device &device = *current();
  int64_t &word = *device.failureWord();
  if (auto *text = reinterpret_cast<const char *>(std::exchange(word, 0))) {
    size_t length = strnlen(text, maximumMessageBytes + 1);
    if (length > 0 && length <= maximumMessageBytes)
      return {Status::Error, std::string(text, length)};
  }
  return {Status::Error, "device " + device.name() + ": " + problem};
}

void rt::DeviceState::setProblem(const std::string &problem) {
  Result result = explain(problem);
  setFailure(result.status, result.message);
}

/// Calls `work` with the state and the device. False with the failure set if
/// there is none or `work` returns a problem.
template <typename Work> static bool onDevice(MoEContext *context, Work work) {
  DeviceState &state = deviceOf(context);
  Guard guard(state.lock);
  rt::Device *device = state.get();
  if (!device)
    return false;
  std::string problem = work(state, *device);
  if (problem.empty())
    return true;
  state.setProblem(problem);
  return false;
}

template <typename Work>
static rt::Result forHost(DeviceState &state, Work work) {
  Guard guard(state.lock);
  if (!state.current())
    return {rt::Status::Error, "no device is set"};
  std::string problem = work(*state.current());
  return problem.empty() ? rt::Result() : state.explain(problem);
}

rt::Result rt::Context::replay(int64_t graph) {
  return forHost(state->device, [&](Device &device) {
    state->device.copies.clear();
    ++state->device.counters.replays;
    return device.replay(graph);
  });
}

rt::Result rt::Context::synchronize() {
  return forHost(state->device,
                 [](Device &device) { return device.synchronize(); });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

static std::string checkBytes(int64_t bytes) {
  return bytes < 0 ? "a copy of " + std::to_string(bytes) + " bytes" : "";
}

static std::string transfer(DeviceState &state, rt::Device &device, void *host,
                            const void *source, int64_t bytes) {
  std::string problem = device.read(host, source, bytes);
  if (problem.empty()) {
    ++state.counters.reads;
    state.counters.bytesRead += bytes;
  }
  return problem;
}

/// The small block of the device in which the bytes lie; end if there is none.
static auto findSmallBlock(DeviceState &state, rt::Device &device,
                           uintptr_t address, int64_t bytes) {
  auto none = state.blocks.end();
  auto block = state.blocks.upper_bound(address);
  if (block == state.blocks.begin())
    return none;
  --block;
  const rt::DeviceBlock &found = block->second;
  bool inside = address - block->first + bytes <= uint64_t(found.bytes);
  return inside && found.bytes <= maximumCopyBytes && found.device == &device
             ? block
             : none;
}

static std::string readThroughCopies(DeviceState &state, rt::Device &device,
                                     void *host, const void *source,
                                     int64_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(source);
  auto block = findSmallBlock(state, device, address, bytes);
  // A captured step must not go by what memory held before it.
  if (block == state.blocks.end() || device.capturing())
    return transfer(state, device, host, source, bytes);
  auto [copy, isNew] = state.copies.try_emplace(block->first);
  if (isNew) {
    copy->second.resize(block->second.bytes);
    std::string problem =
        transfer(state, device, copy->second.data(),
                 reinterpret_cast<void *>(block->first), block->second.bytes);
    if (!problem.empty()) {
      state.copies.erase(copy);
      return problem;
    }
  }
  std::memcpy(host, copy->second.data() + (address - block->first), bytes);
  return "";
}

extern "C" void moe_rt_device_read(MoEContext *context, void *host,
                                   const void *source, int64_t bytes) {
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        std::string problem = checkBytes(bytes);
        if (problem.empty() && bytes > 0)
          problem = readThroughCopies(state, device, host, source, bytes);
        return problem;
      }))
    rt::jumpToFrame();
}

extern "C" void moe_rt_device_write(MoEContext *context, void *target,
                                    const void *host, int64_t bytes) {
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        std::string problem = checkBytes(bytes);
        if (!problem.empty() || bytes == 0)
          return problem;
        state.copies.clear();
        problem = device.write(target, host, bytes);
        if (problem.empty()) {
          ++state.counters.writes;
          state.counters.bytesWritten += bytes;
        }
        return problem;
      }))
    rt::jumpToFrame();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

int64_t rt::numberOf(MoEKernel &kernel) {
  static std::atomic<int64_t> numbers{0};
  // Contexts share code, and so the records of its kernels.
  int64_t number = __atomic_load_n(&kernel.number, __ATOMIC_RELAXED);
  if (number)
    return number;
  int64_t mine = ++numbers;
  bool first =
      __atomic_compare_exchange_n(&kernel.number, &number, mine, /*weak=*/false,
                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return first ? mine : number;
}

static std::string product(const int64_t sizes[3]) {
  return std::to_string(sizes[0]) + " x " + std::to_string(sizes[1]) + " x " +
         std::to_string(sizes[2]);
}

/// What is wrong with sizes that no device takes.
static std::string checkLaunch(const rt::Launch &launch) {
  const int64_t gridBounds[3] = {0x7fffffff, 0xffff, 0xffff};
  const int64_t blockBounds[3] = {1024, 1024, 64};
  for (int i = 0; i < 3; ++i) {
    if (launch.grid[i] < 0 || launch.grid[i] > gridBounds[i])
      return "a grid of " + product(launch.grid) + " blocks, at most " +
             product(gridBounds);
    if (launch.block[i] < 1 || launch.block[i] > blockBounds[i])
      return "a block of " + product(launch.block) + " threads, at most " +
             product(blockBounds);
  }
  if (launch.block[0] * launch.block[1] * launch.block[2] > blockBounds[0])
    return "a block of " + product(launch.block) + " threads, at most " +
           std::to_string(blockBounds[0]) + " in all";
  if (launch.sharedBytes < 0 || launch.sharedBytes > gridBounds[0])
    return std::to_string(launch.sharedBytes) + " bytes of shared memory";
  return "";
}

static std::string launchOn(DeviceState &state, rt::Device &device,
                            rt::Trace *trace, MoEKernel &kernel,
                            const rt::Launch &launch) {
  std::string problem = checkLaunch(launch);
  if (!problem.empty())
    return std::string("kernel ") + kernel.name + ": " + problem;
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2])
    return "";
  state.copies.clear();
  {
    // A step that is captured is not executed, and must not be waited for.
    rt::TraceSpan span(trace, kernel.name, rt::TraceEvent::Kind::Kernel);
    problem = device.launch(kernel, launch);
    if (problem.empty() && trace && !device.capturing())
      problem = device.synchronize();
  }
  if (!problem.empty())
    return problem;
  ++state.counters.kernelsLaunched;
  auto launches = state.launches.find(std::string_view(kernel.name));
  if (launches == state.launches.end())
    launches = state.launches.emplace(kernel.name, 0).first;
  ++launches->second;
  return "";
}

extern "C" void moe_rt_device_launch(MoEContext *context, MoEKernel *kernel,
                                     int64_t gridX, int64_t gridY,
                                     int64_t gridZ, int64_t blockX,
                                     int64_t blockY, int64_t blockZ,
                                     int64_t sharedBytes, void **arguments) {
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        return launchOn(state, device, rt::Context::stateOf(context).trace,
                        *kernel,
                        {{gridX, gridY, gridZ},
                         {blockX, blockY, blockZ},
                         sharedBytes,
                         arguments});
      }))
    rt::jumpToFrame();
}

extern "C" int64_t moe_rt_device_multiprocessors(MoEContext *context) {
  int64_t count = 0;
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        count = device.multiprocessors();
        return std::string();
      }))
    rt::jumpToFrame();
  return count;
}

extern "C" void *moe_rt_device_failure_word(MoEContext *context) {
  void *words = nullptr;
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        words = device.failureWordOnDevice();
        return std::string();
      }))
    rt::jumpToFrame();
  return words;
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

/// "NAME INDEX is VALUE, RULE"
static std::string breach(const char *name, int64_t index, int64_t value,
                          const char *rule) {
  return "tensor map: " + std::string(name) + " " + std::to_string(index) +
         " is " + std::to_string(value) + ", " + rule;
}

std::string rt::checkTensorMap(const TensorMapShape &shape) {
  if (shape.rank < 1 || shape.rank > 5)
    return "tensor map: rank " + std::to_string(shape.rank) +
           " is not between 1 and 5";
  if (shape.elementBytes != 2 && shape.elementBytes != 4)
    return "tensor map: elements of " + std::to_string(shape.elementBytes) +
           " bytes, not 2 or 4";
  if (reinterpret_cast<uintptr_t>(shape.base) % 16)
    return "tensor map: the tensor is not aligned to 16 bytes";
  for (int64_t i = 0; i < shape.rank; ++i) {
    if (shape.sizes[i] < 0 || shape.sizes[i] > int64_t(1) << 32)
      return breach("size", i, shape.sizes[i], "not between 0 and 2^32");
    if (shape.box[i] < 1 || shape.box[i] > 256)
      return breach("box size", i, shape.box[i], "not between 1 and 256");
  }
  for (int64_t i = 1; i < shape.rank; ++i) {
    int64_t stride = shape.strides[i - 1];
    if (stride < 0 || stride >= int64_t(1) << 40 || stride % 16)
      return breach("stride", i, stride,
                    "not a multiple of 16 bytes below 2^40");
  }
  if (shape.box[0] * shape.elementBytes % 16)
    return "tensor map: rows of the box have " +
           std::to_string(shape.box[0] * shape.elementBytes) +
           " bytes, not a multiple of 16";
  return "";
}

extern "C" void moe_rt_device_tensor_map(MoEContext *context, void *map,
                                         const void *base, int64_t elementBytes,
                                         int64_t rank, const int64_t *sizes,
                                         const int64_t *strides,
                                         const int64_t *box) {
  if (!onDevice(context, [&](DeviceState &state, rt::Device &device) {
        rt::TensorMapShape shape{base, elementBytes, rank, sizes, strides, box};
        std::string problem = rt::checkTensorMap(shape);
        return problem.empty() ? device.makeTensorMap(map, shape) : problem;
      }))
    rt::jumpToFrame();
}

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

rt::DeviceCounters rt::DeviceState::readCounters() {
  Guard guard(lock);
  DeviceCounters read = counters;
  read.launches.assign(launches.begin(), launches.end());
  return read;
}

void rt::DeviceState::resetCounters() {
  Guard guard(lock);
  counters = {};
  launches.clear();
}

rt::DeviceCounters rt::Context::deviceCounters() const {
  return state->device.readCounters();
}
