//===- CudaMemory.cpp - Memory of a CUDA device ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver's own allocation waits for the device, and so would each step of a
// model. Sizes are rounded up to multiples of 512 bytes and by an eighth, so
// that steps of slightly different sizes share blocks; large blocks, such as
// weights, to multiples of 2 MiB.
//
//===----------------------------------------------------------------------===//

#include "CudaMemory.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace mlir::moe;
using namespace mlir::moe::rt;

static constexpr int64_t smallestBlock = 512;
static constexpr int64_t largeBlock = int64_t(64) << 20;
/// What the driver maps at a time.
static constexpr int64_t pageBytes = int64_t(2) << 20;

static constexpr int64_t outgoingBytes = int64_t(2) << 20;
static constexpr int64_t incomingBytes = int64_t(1) << 20;
static constexpr int64_t stagingAlignment = 64;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static int64_t sizeClass(int64_t bytes) {
  if (bytes >= largeBlock)
    return roundUp(bytes, pageBytes);
  int64_t power = smallestBlock;
  while (power * 2 <= bytes)
    power *= 2;
  return roundUp(std::max(bytes, smallestBlock),
                 std::max(power / 8, smallestBlock));
}

static void *toPointer(cuda::Address address) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

static cuda::Address toAddress(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void *CudaBlocks::takeUnused(int64_t graph, int64_t bytes) {
  auto found = unused.find({graph, bytes});
  if (found == unused.end() || found->second.empty())
    return nullptr;
  void *block = found->second.back();
  found->second.pop_back();
  return block;
}

bool CudaBlocks::trim() {
  bool any = false;
  for (auto &[key, list] : unused) {
    if (key.first != 0)
      continue;
    for (void *block : list) {
      driver.cuMemFree.call(toAddress(block));
      blocks.erase(block);
      any = true;
    }
    list.clear();
  }
  return any;
}

void *CudaBlocks::allocate(int64_t bytes, std::string &problem) {
  bytes = sizeClass(bytes);
  void *block = captured ? takeUnused(captured, bytes) : nullptr;
  if (!block)
    block = takeUnused(0, bytes);
  if (!block) {
    cuda::Address address = 0;
    cuda::Code code = driver.cuMemAlloc.call(&address, bytes);
    // Freeing waits for the device, which a capture does not survive.
    if (code == cuda::outOfMemory && !captured && trim())
      code = driver.cuMemAlloc.call(&address, bytes);
    problem = driver.explain(driver.cuMemAlloc.name, code);
    if (!problem.empty())
      return nullptr;
    block = toPointer(address);
  }
  blocks[block] = {bytes, captured};
  return block;
}

void CudaBlocks::release(void *address) {
  auto found = blocks.find(address);
  if (found == blocks.end())
    return;
  Block &block = found->second;
  if (!block.graph)
    block.graph = captured;
  unused[{block.graph, block.bytes}].push_back(address);
}

void CudaBlocks::releaseGraph(int64_t graph) {
  for (auto &[address, block] : blocks)
    if (block.graph == graph)
      block.graph = 0;
  for (auto list = unused.lower_bound({graph, 0});
       list != unused.end() && list->first.first == graph;
       list = unused.erase(list)) {
    std::vector<void *> &general = unused[{0, list->first.second}];
    general.insert(general.end(), list->second.begin(), list->second.end());
  }
}

void CudaBlocks::clear() {
  for (auto &[address, block] : blocks)
    driver.cuMemFree.call(toAddress(address));
  blocks.clear();
  unused.clear();
}

//===----------------------------------------------------------------------===//
// Pinned memory
//===----------------------------------------------------------------------===//

PinnedMemory::PinnedMemory(PinnedMemory &&other)
    : driver(other.driver), memory(std::exchange(other.memory, nullptr)) {}

PinnedMemory::~PinnedMemory() {
  if (memory)
    driver.cuMemFreeHost.call(memory);
}

std::string PinnedMemory::allocate(int64_t bytes) {
  return driver(driver.cuMemHostAlloc, &memory, bytes,
                cuda::hostPortable | cuda::hostDeviceMap);
}

std::string CudaStaging::open() {
  std::string problem = outgoing.allocate(2 * outgoingBytes);
  if (problem.empty())
    problem = incoming.allocate(incomingBytes);
  for (cuda::Event &event : done)
    if (problem.empty())
      problem = driver(driver.cuEventCreate, &event, cuda::eventDisableTiming);
  return problem;
}

CudaStaging::~CudaStaging() {
  for (cuda::Event event : done)
    if (event)
      driver.cuEventDestroy.call(event);
}

/// Goes on to the other buffer when the device has done with it.
std::string CudaStaging::turn(cuda::Stream stream) {
  std::string problem = driver(driver.cuEventRecord, done[current], stream);
  if (!problem.empty())
    return problem;
  current = 1 - current;
  used = 0;
  return driver(driver.cuEventSynchronize, done[current]);
}

std::string CudaStaging::write(cuda::Stream stream, cuda::Address target,
                               const char *host, int64_t bytes) {
  while (bytes > 0) {
    if (used >= outgoingBytes)
      if (std::string problem = turn(stream); !problem.empty())
        return problem;
    int64_t part = std::min(bytes, outgoingBytes - used);
    char *place = outgoing.data() + current * outgoingBytes + used;
    std::memcpy(place, host, part);
    std::string problem =
        driver(driver.cuMemcpyHtoDAsync, target, place, part, stream);
    if (!problem.empty())
      return problem;
    used += roundUp(part, stagingAlignment);
    target += part;
    host += part;
    bytes -= part;
  }
  return "";
}

std::string CudaStaging::read(cuda::Stream stream, char *host,
                              cuda::Address source, int64_t bytes) {
  while (bytes > 0) {
    int64_t part = std::min(bytes, incomingBytes);
    std::string problem =
        driver(driver.cuMemcpyDtoHAsync, incoming.data(), source, part, stream);
    if (problem.empty())
      problem = driver(driver.cuStreamSynchronize, stream);
    if (!problem.empty())
      return problem;
    std::memcpy(host, incoming.data(), part);
    host += part;
    source += part;
    bytes -= part;
  }
  return "";
}
