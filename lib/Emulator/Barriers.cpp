//===- Barriers.cpp - Barriers of a block ---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// bar.sync, bar.arrive, and the pool of registers.
//
//===----------------------------------------------------------------------===//

#include "Barriers.h"
#include "Block.h"

#include <algorithm>

using namespace mlir::moe;
using namespace mlir::moe::emu;

//===----------------------------------------------------------------------===//
// bar.sync
//===----------------------------------------------------------------------===//

void BarrierTable::start() {
  for (Barrier &barrier : barriers) {
    if (!barrier.arrived)
      continue;
    barrier = Barrier();
  }
  busy = 0;
}

BarrierTable::Barrier &BarrierTable::at(uint32_t number, uint32_t threads) {
  if (number >= count)
    block->fail("barrier " + std::to_string(number) + " of 0 to 15");
  if (threads % warpSize || threads > (block->threadCount + 31) / 32 * 32)
    block->fail("barrier " + std::to_string(number) + " for " +
                std::to_string(threads) + " of " +
                std::to_string(block->threadCount) + " threads");
  Barrier &barrier = barriers[number];
  const uint32_t expected = threads ? threads : block->threadCount;
  if (!barrier.arrived) {
    barrier.all = true;
    barrier.expected = expected;
    barrier.holding = barrier.result = 0;
    ++busy;
  } else if (barrier.expected != expected) {
    block->fail("barrier " + std::to_string(number) +
                " is for different numbers of threads at a time");
  }
  // Threads that end are only missed by those who name a number.
  barrier.all &= threads == 0;
  ++barrier.arrived;
  return barrier;
}

bool BarrierTable::complete(const Barrier &barrier) const {
  return barrier.arrived >=
         (barrier.all ? block->liveThreads() : barrier.expected);
}

void BarrierTable::release(Barrier &barrier, const Thread *self) {
  block->knowledge.meet(barrier.waiting.data(), barrier.waiting.size(),
                        barrier.arrivals);
  for (Thread *thread : barrier.waiting) {
    if (thread->operands)
      *static_cast<uint32_t *>(thread->operands) = barrier.result;
    if (thread != self)
      block->wake(*thread);
  }
  barrier.waiting.clear();
  barrier.arrivals.reset();
  barrier.arrived = 0;
  --busy;
  block->noteProgress();
}

uint32_t BarrierTable::sync(uint32_t number, uint32_t threads,
                            Reduction reduction, bool predicate) {
  Barrier &barrier = at(number, threads);
  Thread &self = block->current();
  uint32_t result = 0;
  self.operands = &result;
  barrier.waiting.push_back(&self);
  barrier.holding += predicate;
  // Ended threads count as none.
  const uint32_t held = barrier.holding;
  barrier.result = reduction == Reduction::Count ? held
                   : reduction == Reduction::Or  ? held != 0
                                                 : held == barrier.arrived;
  if (complete(barrier))
    release(barrier, &self);
  else
    block->wait("barrier", number);
  return result;
}

void BarrierTable::arrive(uint32_t number, uint32_t threads) {
  Barrier &barrier = at(number, threads);
  block->knowledge.release(block->current(), barrier.arrivals);
  if (complete(barrier))
    release(barrier, nullptr);
}

void BarrierTable::noteEnd() {
  if (!busy)
    return;
  for (Barrier &barrier : barriers)
    if (barrier.arrived && barrier.all && complete(barrier))
      release(barrier, nullptr);
}

//===----------------------------------------------------------------------===//
// setmaxnreg
//===----------------------------------------------------------------------===//

void RegisterPool::start(uint32_t threads, uint32_t perThread,
                         uint32_t blocks) {
  // 64 Ki registers, in portions of 8 for each thread.
  constexpr uint32_t registersOfMultiprocessor = 65536, most = 255;
  const uint32_t warps = (threads + warpSize - 1) / warpSize;
  if (!perThread)
    perThread = registersOfMultiprocessor / (warps * warpSize) /
                std::max(blocks, 1u) / 8 * 8;
  held.assign(warps, std::min(perThread, most));
  open.clear();
  waiting.clear();
  free = 0;
}

bool RegisterPool::tryGrant(const Request &request) {
  const int64_t more = int64_t(request.registers) - held[request.warp];
  if (more > free)
    return false;
  free -= more;
  held[request.warp] = request.registers;
  return true;
}

void RegisterPool::request(uint32_t warp, uint32_t registers) {
  open.push_back({warp, registers});
  // Each grant of fewer may make another possible.
  for (size_t at = 0; at < open.size();) {
    if (!tryGrant(open[at])) {
      ++at;
      continue;
    }
    open.erase(open.begin() + at);
    at = 0;
  }
  for (Thread *thread : waiting)
    block->wake(*thread);
  waiting.clear();
}

void RegisterPool::wait(uint32_t warp, uint32_t registers) {
  while (held[warp] != registers) {
    waiting.push_back(&block->current());
    block->wait("registers", warp);
  }
}
