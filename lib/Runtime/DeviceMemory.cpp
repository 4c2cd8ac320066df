//===- DeviceMemory.cpp - Blocks and constants of the device --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host keeps the list of the blocks, since it cannot keep headers in memory
// that it does not see. They count against the limit of memory like blocks of
// the host; constants do not, as the weights they are copies of do not either.
//
//===----------------------------------------------------------------------===//

#include "DeviceState.h"

#include <algorithm>

using namespace mlir::moe;
using rt::deviceState;

using Guard = std::lock_guard<std::mutex>;

static uintptr_t toNumber(const void *address) {
  return reinterpret_cast<uintptr_t>(address);
}

/// Memory of the device, or null with the failure set.
static void *allocateOn(rt::Device &device, int64_t bytes) {
  std::string problem;
  // Blocks of no bytes have addresses of their own, too.
  void *block = device.allocate(std::max<int64_t>(bytes, 1), problem);
  if (block)
    return block;
  if (device.failureWord()[0])
    deviceState.setProblem(problem);
  else
    rt::setFailure(rt::Status::Limit, "cannot allocate " +
                                          std::to_string(bytes) + " bytes on " +
                                          device.name() + ": " + problem);
  return nullptr;
}

/// Null with the failure set.
static void *allocateBlock(int64_t bytes) {
  Guard guard(deviceState.lock);
  rt::Device *device = deviceState.get();
  void *block = device ? allocateOn(*device, bytes) : nullptr;
  if (!block)
    return nullptr;
  // A block of a device that was closed with it may have had this address.
  rt::DeviceBlock &entry = deviceState.blocks[toNumber(block)];
  rt::dischargeBytes(entry.bytes);
  entry = {device, bytes, rt::threadState.blocks};
  return block;
}

extern "C" void *moe_rt_device_alloc(int64_t bytes) {
  rt::chargeBytes(bytes);
  if (void *block = allocateBlock(bytes))
    return block;
  rt::dischargeBytes(bytes);
  rt::jumpToFrame();
}

using Blocks = decltype(rt::DeviceState::blocks);

static Blocks::iterator release(Blocks::iterator block) {
  block->second.device->release(reinterpret_cast<void *>(block->first));
  rt::dischargeBytes(block->second.bytes);
  deviceState.copies.erase(block->first);
  return deviceState.blocks.erase(block);
}

static bool freeBlock(void *address) {
  Guard guard(deviceState.lock);
  auto block = deviceState.blocks.find(toNumber(address));
  if (block == deviceState.blocks.end()) {
    rt::setFailure(rt::Status::Error,
                   "an address is freed that is no block of the device");
    return false;
  }
  release(block);
  return true;
}

bool rt::isDeviceBlock(const void *address) {
  Guard guard(deviceState.lock);
  return deviceState.blocks.count(toNumber(address)) != 0;
}

extern "C" void moe_rt_device_free(void *address) {
  if (address && !freeBlock(address))
    rt::jumpToFrame();
}

void rt::releaseDeviceBlocks(BlockList *owner) {
  Guard guard(deviceState.lock);
  for (auto &[address, block] : deviceState.blocks)
    if (block.owner == owner)
      block.owner = nullptr;
}

void rt::clearDeviceBlocks(BlockList *owner) {
  Guard guard(deviceState.lock);
  for (auto block = deviceState.blocks.begin();
       block != deviceState.blocks.end();)
    block = block->second.owner == owner ? release(block) : std::next(block);
}

/// Null with the failure set.
static void *upload(rt::Device &device, const void *host, int64_t bytes) {
  std::string problem;
  if (bytes < 0)
    problem = "a constant of " + std::to_string(bytes) + " bytes";
  else if (device.capturing())
    problem = "a constant is uploaded while a step is captured; the step must "
              "have run before";
  void *copy = nullptr;
  if (problem.empty()) {
    copy = allocateOn(device, bytes);
    if (!copy || bytes == 0)
      return copy;
    problem = device.write(copy, host, bytes);
  }
  if (problem.empty())
    return copy;
  deviceState.setProblem(problem);
  if (copy)
    device.release(copy);
  return nullptr;
}

/// Null with the failure set.
static const void *findConstant(const void *host, int64_t bytes) {
  Guard guard(deviceState.lock);
  rt::Device *device = deviceState.get();
  if (!device)
    return nullptr;
  // A copy that goes on after these bytes does as well.
  auto known = deviceState.constants.lower_bound({host, bytes});
  if (known != deviceState.constants.end() && known->first.first == host)
    return known->second;
  void *copy = upload(*device, host, bytes);
  if (copy) {
    deviceState.constants[{host, bytes}] = copy;
    deviceState.counters.constantBytes += bytes;
  }
  return copy;
}

extern "C" const void *moe_rt_device_constant(const void *host, int64_t bytes) {
  if (const void *copy = findConstant(host, bytes))
    return copy;
  rt::jumpToFrame();
}

void rt::setDevice(Device *device) {
  Guard guard(deviceState.lock);
  if (device == deviceState.device)
    return;
  for (auto &[host, copy] : deviceState.constants)
    deviceState.device->release(copy);
  deviceState.constants.clear();
  deviceState.copies.clear();
  deviceState.device = device;
}
