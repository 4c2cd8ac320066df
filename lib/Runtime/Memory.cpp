//===- Memory.cpp - Memory of compiled code -------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Aligned blocks from malloc with a header before the data. Every invocation
// knows its blocks, so that a failure leaks nothing, and all bytes are counted
// against the limit of their context.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"
#include "Invocation.h"

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace mlir::moe;

namespace mlir::moe::rt {

/// Stands right before the data.
struct Block {
  MemoryState *memory;
  Block *previous;
  Block *next;
  BlockList::Shard *owner;
  void *base;
  int64_t bytes;
};

} // namespace mlir::moe::rt

using rt::Block;
using rt::BlockList;

static constexpr int64_t minimumAlignment = 64;
/// More than any address space; keeps sums of sizes from overflowing.
static constexpr int64_t maximumBytes = int64_t(1) << 48;

[[noreturn]] static void failAllocation(int64_t bytes, const char *reason,
                                        int64_t value, const char *unit) {
  char message[160];
  int length =
      std::snprintf(message, sizeof(message),
                    "cannot allocate %" PRId64 " bytes: %s %" PRId64 " %s",
                    bytes, reason, value, unit);
  rt::fail(rt::Status::Limit, {message, static_cast<size_t>(length)});
}

void rt::MemoryState::charge(int64_t bytes) {
  if (bytes < 0 || bytes > maximumBytes)
    failAllocation(bytes, "a block has between 0 and", maximumBytes, "bytes");
  int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t bound = limit.load(std::memory_order_relaxed);
  if (bound > 0 && now > bound) {
    discharge(bytes);
    char reason[80];
    std::snprintf(reason, sizeof(reason),
                  "%" PRId64 " bytes are in use, and the limit is",
                  now - bytes);
    failAllocation(bytes, reason, bound, "bytes");
  }
  int64_t before = peak.load(std::memory_order_relaxed);
  while (now > before && !peak.compare_exchange_weak(before, now))
    ;
}

void rt::MemoryState::discharge(int64_t bytes) {
  live.fetch_sub(bytes, std::memory_order_relaxed);
}

static Block *header(void *data) { return static_cast<Block *>(data) - 1; }

static void linkBlock(Block *block, BlockList *list) {
  static std::atomic<unsigned> threadsSeen{0};
  static thread_local unsigned mine = threadsSeen.fetch_add(1);
  block->previous = nullptr;
  block->next = nullptr;
  block->owner = nullptr;
  if (!list)
    return;
  BlockList::Shard &shard = list->shards[mine % BlockList::shardCount];
  block->owner = &shard;
  std::lock_guard<std::mutex> guard(shard.lock);
  block->next = shard.first;
  if (shard.first)
    shard.first->previous = block;
  shard.first = block;
}

static void unlinkBlock(Block *block) {
  if (!block->owner)
    return;
  std::lock_guard<std::mutex> guard(block->owner->lock);
  if (block->next)
    block->next->previous = block->previous;
  if (block->previous)
    block->previous->next = block->next;
  else
    block->owner->first = block->next;
}

static void releaseBlock(Block *block) {
  block->memory->discharge(block->bytes);
  std::free(block->base);
}

void BlockList::release() {
  for (Shard &shard : shards)
    for (Block *block = shard.first; block; block = block->next)
      block->owner = nullptr;
}

void BlockList::clear() {
  for (Shard &shard : shards)
    for (Block *block = shard.first; block;) {
      Block *next = block->next;
      releaseBlock(block);
      block = next;
    }
}

void rt::Context::setMemoryLimit(int64_t bytes) { state->memory.limit = bytes; }
int64_t rt::Context::liveBytes() const { return state->memory.live; }
int64_t rt::Context::peakBytes() const { return state->memory.peak; }
void rt::Context::resetPeakBytes() {
  state->memory.peak = state->memory.live.load();
}

extern "C" void *moe_rt_alloc(MoEContext *context, int64_t bytes,
                              int64_t alignment) {
  rt::MemoryState &memory = rt::Context::stateOf(context).memory;
  if (alignment > maximumBytes)
    failAllocation(bytes, "a block has between 0 and", maximumBytes, "bytes");
  memory.charge(bytes);
  uintptr_t align = std::max(minimumAlignment, alignment);
  void *base = std::malloc(bytes + sizeof(Block) + align);
  if (!base) {
    memory.discharge(bytes);
    failAllocation(bytes, "the system gives no more than the", memory.live,
                   "in use");
  }
  uintptr_t data = reinterpret_cast<uintptr_t>(base) + sizeof(Block);
  data = (data + align - 1) / align * align;
  Block *block = header(reinterpret_cast<void *>(data));
  block->memory = &memory;
  linkBlock(block, rt::threadState.blocks);
  block->base = base;
  block->bytes = bytes;
  return reinterpret_cast<void *>(data);
}

extern "C" void moe_rt_free(MoEContext *context, void *data) {
  if (!data)
    return;
  // Deallocations look alike, whoever's the block is: what the host's code
  // allocates for itself is the host's.
  rt::DeviceState &device = rt::Context::stateOf(context).device;
  if (device.current() && device.isBlock(data))
    return moe_rt_device_free(context, data);
  Block *block = header(data);
  unlinkBlock(block);
  releaseBlock(block);
}
