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

#include "ContextState.h"

#include <algorithm>

using namespace mlir::moe;
using rt::DeviceState;

using Guard = std::lock_guard<std::mutex>;

static uintptr_t toNumber(const void *address) {
  return reinterpret_cast<uintptr_t>(address);
}

/// Memory of the device, or null with the failure set.
static void *allocateOn(DeviceState &state, rt::Device &device, int64_t bytes) {
  std::string problem;
  // Blocks of no bytes have addresses of their own, too.
  void *block = device.allocate(std::max<int64_t>(bytes, 1), problem);
  if (block)
    return block;
  if (device.failureWord()[0])
    state.setProblem(problem);
  else
    rt::setFailure(rt::Status::Limit, "cannot allocate " +
                                          std::to_string(bytes) + " bytes on " +
                                          device.name() + ": " + problem);
  return nullptr;
}

/// Null with the failure set.
static void *allocateBlock(DeviceState &state, int64_t bytes) {
  Guard guard(state.lock);
  rt::Device *device = state.get();
  void *block = device ? allocateOn(state, *device, bytes) : nullptr;
  if (!block)
    return nullptr;
  // A block of a device that was closed with it may have had this address.
  rt::DeviceBlock &entry = state.blocks[toNumber(block)];
  state.memory.discharge(entry.bytes);
  entry = {device, bytes, rt::threadState.blocks};
  return block;
}

extern "C" void *moe_rt_device_alloc(MoEContext *context, int64_t bytes) {
  rt::Context::State &state = rt::Context::stateOf(context);
  state.memory.charge(bytes);
  if (void *block = allocateBlock(state.device, bytes))
    return block;
  state.memory.discharge(bytes);
  rt::jumpToFrame();
}

using Blocks = decltype(DeviceState::blocks);

Blocks::iterator rt::DeviceState::release(Blocks::iterator block) {
  block->second.device->release(reinterpret_cast<void *>(block->first));
  memory.discharge(block->second.bytes);
  copies.erase(block->first);
  return blocks.erase(block);
}

static bool freeBlock(DeviceState &state, void *address) {
  Guard guard(state.lock);
  auto block = state.blocks.find(toNumber(address));
  if (block == state.blocks.end()) {
    rt::setFailure(rt::Status::Error,
                   "an address is freed that is no block of the device");
    return false;
  }
  state.release(block);
  return true;
}

bool rt::DeviceState::isBlock(const void *address) {
  Guard guard(lock);
  return blocks.count(toNumber(address)) != 0;
}

extern "C" void moe_rt_device_free(MoEContext *context, void *address) {
  if (address && !freeBlock(rt::Context::stateOf(context).device, address))
    rt::jumpToFrame();
}

void rt::DeviceState::releaseBlocks(BlockList *owner) {
  Guard guard(lock);
  for (auto &[address, block] : blocks)
    if (block.owner == owner)
      block.owner = nullptr;
}

void rt::DeviceState::clearBlocks(BlockList *owner) {
  Guard guard(lock);
  for (auto block = blocks.begin(); block != blocks.end();)
    block = block->second.owner == owner ? release(block) : std::next(block);
}

/// Null with the failure set.
static void *upload(DeviceState &state, rt::Device &device, const void *host,
                    int64_t bytes) {
  std::string problem;
  if (bytes < 0)
    problem = "a constant of " + std::to_string(bytes) + " bytes";
  else if (device.capturing())
    problem = "a constant is uploaded while a step is captured; the step must "
              "have run before";
  void *copy = nullptr;
  if (problem.empty()) {
    copy = allocateOn(state, device, bytes);
    if (!copy || bytes == 0)
      return copy;
    problem = device.write(copy, host, bytes);
  }
  if (problem.empty())
    return copy;
  state.setProblem(problem);
  if (copy)
    device.release(copy);
  return nullptr;
}

/// Null with the failure set.
static const void *findConstant(DeviceState &state, const void *host,
                                int64_t bytes) {
  Guard guard(state.lock);
  rt::Device *device = state.get();
  if (!device)
    return nullptr;
  // A copy that goes on after these bytes does as well.
  auto known = state.constants.lower_bound({host, bytes});
  if (known != state.constants.end() && known->first.first == host)
    return known->second;
  void *copy = upload(state, *device, host, bytes);
  if (copy) {
    state.constants[{host, bytes}] = copy;
    state.counters.constantBytes += bytes;
  }
  return copy;
}

extern "C" const void *moe_rt_device_constant(MoEContext *context,
                                              const void *host, int64_t bytes) {
  if (const void *copy =
          findConstant(rt::Context::stateOf(context).device, host, bytes))
    return copy;
  rt::jumpToFrame();
}

void rt::DeviceState::set(Device *next) {
  Guard guard(lock);
  Device *before = current();
  if (next == before)
    return;
  for (auto &[host, copy] : constants)
    before->release(copy);
  constants.clear();
  copies.clear();
  device = next;
}
