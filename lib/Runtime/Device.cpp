//===- Device.cpp - The device functions of compiled code -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies, launches and their failures on whatever device is current. Each
// function works under the lock and returns whether it succeeded; the C
// function around it jumps.
//
//===----------------------------------------------------------------------===//

#include "DeviceState.h"
#include "moe/Runtime/Trace.h"

#include <cstring>
#include <utility>

using namespace mlir::moe;
using rt::deviceState;

rt::DeviceState rt::deviceState;

using Guard = std::lock_guard<std::mutex>;

/// Blocks up to this size are read as a whole and remembered.
static constexpr int64_t maximumCopyBytes = 16 << 10;
/// Longer texts are no message, but a word that somebody overwrote.
static constexpr int64_t maximumMessageBytes = 64 << 10;

//===----------------------------------------------------------------------===//
// The current device and its failures
//===----------------------------------------------------------------------===//

rt::Device *rt::currentDevice() {
  Guard guard(deviceState.lock);
  return deviceState.device;
}

rt::Device *rt::DeviceState::get() {
  if (!device)
    setFailure(Status::Error, "the program runs kernels, and no device is set");
  return device;
}

rt::Result rt::DeviceState::explain(const std::string &problem) {
  int64_t &word = *device->failureWord();
  if (auto *text = reinterpret_cast<const char *>(std::exchange(word, 0))) {
    size_t length = strnlen(text, maximumMessageBytes + 1);
    if (length > 0 && length <= maximumMessageBytes)
      return {Status::Error, std::string(text, length)};
  }
  return {Status::Error, "device " + device->name() + ": " + problem};
}

void rt::DeviceState::setProblem(const std::string &problem) {
  Result result = explain(problem);
  setFailure(result.status, result.message);
}

/// Calls `work` with the device. False with the failure set if there is none or
/// `work` returns a problem.
template <typename Work> static bool onDevice(Work work) {
  Guard guard(deviceState.lock);
  rt::Device *device = deviceState.get();
  if (!device)
    return false;
  std::string problem = work(*device);
  if (problem.empty())
    return true;
  deviceState.setProblem(problem);
  return false;
}

template <typename Work> static rt::Result forHost(Work work) {
  Guard guard(deviceState.lock);
  if (!deviceState.device)
    return {rt::Status::Error, "no device is set"};
  std::string problem = work(*deviceState.device);
  return problem.empty() ? rt::Result() : deviceState.explain(problem);
}

rt::Result rt::replay(int64_t graph) {
  return forHost([&](Device &device) {
    deviceState.copies.clear();
    ++deviceState.counters.replays;
    return device.replay(graph);
  });
}

rt::Result rt::synchronize() {
  return forHost([](Device &device) { return device.synchronize(); });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

static std::string checkBytes(int64_t bytes) {
  return bytes < 0 ? "a copy of " + std::to_string(bytes) + " bytes" : "";
}

static std::string transfer(rt::Device &device, void *host, const void *source,
                            int64_t bytes) {
  std::string problem = device.read(host, source, bytes);
  if (problem.empty()) {
    ++deviceState.counters.reads;
    deviceState.counters.bytesRead += bytes;
  }
  return problem;
}

/// The small block of the device in which the bytes lie; end if there is none.
static auto findSmallBlock(rt::Device &device, uintptr_t address,
                           int64_t bytes) {
  auto none = deviceState.blocks.end();
  auto block = deviceState.blocks.upper_bound(address);
  if (block == deviceState.blocks.begin())
    return none;
  --block;
  const rt::DeviceBlock &found = block->second;
  bool inside = address - block->first + bytes <= uint64_t(found.bytes);
  return inside && found.bytes <= maximumCopyBytes && found.device == &device
             ? block
             : none;
}

static std::string readThroughCopies(rt::Device &device, void *host,
                                     const void *source, int64_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(source);
  auto block = findSmallBlock(device, address, bytes);
  // A captured step must not go by what memory held before it.
  if (block == deviceState.blocks.end() || device.capturing())
    return transfer(device, host, source, bytes);
  auto [copy, isNew] = deviceState.copies.try_emplace(block->first);
  if (isNew) {
    copy->second.resize(block->second.bytes);
    std::string problem =
        transfer(device, copy->second.data(),
                 reinterpret_cast<void *>(block->first), block->second.bytes);
    if (!problem.empty()) {
      deviceState.copies.erase(copy);
      return problem;
    }
  }
  std::memcpy(host, copy->second.data() + (address - block->first), bytes);
  return "";
}

extern "C" void moe_rt_device_read(void *host, const void *source,
                                   int64_t bytes) {
  if (!onDevice([&](rt::Device &device) {
        std::string problem = checkBytes(bytes);
        if (problem.empty() && bytes > 0)
          problem = readThroughCopies(device, host, source, bytes);
        return problem;
      }))
    rt::jumpToFrame();
}

extern "C" void moe_rt_device_write(void *target, const void *host,
                                    int64_t bytes) {
  if (!onDevice([&](rt::Device &device) {
        std::string problem = checkBytes(bytes);
        if (!problem.empty() || bytes == 0)
          return problem;
        deviceState.copies.clear();
        problem = device.write(target, host, bytes);
        if (problem.empty()) {
          ++deviceState.counters.writes;
          deviceState.counters.bytesWritten += bytes;
        }
        return problem;
      }))
    rt::jumpToFrame();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

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

static std::string launchOn(rt::Device &device, MoEKernel &kernel,
                            const rt::Launch &launch) {
  std::string problem = checkLaunch(launch);
  if (!problem.empty())
    return std::string("kernel ") + kernel.name + ": " + problem;
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2])
    return "";
  deviceState.copies.clear();
  {
    // A step that is captured is not executed, and must not be waited for.
    rt::TraceSpan span(kernel.name, rt::TraceEvent::Kind::Kernel);
    problem = device.launch(kernel, launch);
    if (problem.empty() && rt::Trace::isOn() && !device.capturing())
      problem = device.synchronize();
  }
  if (!problem.empty())
    return problem;
  ++deviceState.counters.kernelsLaunched;
  auto launches = deviceState.launches.find(std::string_view(kernel.name));
  if (launches == deviceState.launches.end())
    launches = deviceState.launches.emplace(kernel.name, 0).first;
  ++launches->second;
  return "";
}

extern "C" void moe_rt_device_launch(MoEKernel *kernel, int64_t gridX,
                                     int64_t gridY, int64_t gridZ,
                                     int64_t blockX, int64_t blockY,
                                     int64_t blockZ, int64_t sharedBytes,
                                     void **arguments) {
  if (!onDevice([&](rt::Device &device) {
        return launchOn(device, *kernel,
                        {{gridX, gridY, gridZ},
                         {blockX, blockY, blockZ},
                         sharedBytes,
                         arguments});
      }))
    rt::jumpToFrame();
}

extern "C" int64_t moe_rt_device_multiprocessors() {
  int64_t count = 0;
  if (!onDevice([&](rt::Device &device) {
        count = device.multiprocessors();
        return std::string();
      }))
    rt::jumpToFrame();
  return count;
}

extern "C" void *moe_rt_device_failure_word() {
  void *words = nullptr;
  if (!onDevice([&](rt::Device &device) {
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

extern "C" void moe_rt_device_tensor_map(void *map, const void *base,
                                         int64_t elementBytes, int64_t rank,
                                         const int64_t *sizes,
                                         const int64_t *strides,
                                         const int64_t *box) {
  if (!onDevice([&](rt::Device &device) {
        rt::TensorMapShape shape{base, elementBytes, rank, sizes, strides, box};
        std::string problem = rt::checkTensorMap(shape);
        return problem.empty() ? device.makeTensorMap(map, shape) : problem;
      }))
    rt::jumpToFrame();
}

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

rt::DeviceCounters rt::deviceCounters() {
  Guard guard(deviceState.lock);
  DeviceCounters counters = deviceState.counters;
  counters.launches.assign(deviceState.launches.begin(),
                           deviceState.launches.end());
  return counters;
}

void rt::resetDeviceCounters() {
  Guard guard(deviceState.lock);
  deviceState.counters = {};
  deviceState.launches.clear();
}
