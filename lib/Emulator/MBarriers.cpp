//===- MBarriers.cpp - Barriers in shared memory --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Phases of mbarriers: a phase ends when all arrivals and all bytes that are
// expected have come.
//
//===----------------------------------------------------------------------===//

#include "Block.h"

using namespace mlir::moe;
using namespace mlir::moe::emu;

constexpr uint32_t mbarrierBytes = 8;

MBarrier &MBarrierTable::known(uint32_t address) {
  auto found = barriers.find(address);
  if (found == barriers.end())
    block->fail("the mbarrier at " + std::to_string(address) +
                " was not initialized");
  return found->second;
}

MBarrier &MBarrierTable::at(uint32_t address, const char *what) {
  MBarrier &barrier = known(address);
  block->shadow.check(block->current(), {address, mbarrierBytes}, what);
  return barrier;
}

void MBarrierTable::init(uint32_t address, uint32_t count) {
  constexpr uint32_t largest = (1 << 20) - 1;
  if (count < 1 || count > largest)
    block->fail("an mbarrier for " + std::to_string(count) + " arrivals");
  block->shadow.write(block->current(), {address, mbarrierBytes},
                      "initializes");
  MBarrier &barrier = barriers[address];
  if (!barrier.waiting.empty())
    block->fail("the mbarrier at " + std::to_string(address) +
                " is initialized while threads wait for it");
  barrier = MBarrier();
  barrier.expected = barrier.pending = count;
}

void MBarrierTable::invalidate(uint32_t address) {
  at(address, "invalidates");
  barriers.erase(address);
}

void MBarrierTable::completeIfDone(MBarrier &barrier, uint32_t address) {
  if (barrier.pending < 0)
    block->fail("the mbarrier at " + std::to_string(address) +
                " has more arrivals than the " +
                std::to_string(barrier.expected) + " it expects");
  if (barrier.pending || barrier.bytes)
    return;
  ++barrier.phase;
  barrier.pending = barrier.expected;
  barrier.completed = std::move(barrier.arrivals);
  barrier.arrivals.reset();
  for (Thread *thread : barrier.waiting)
    block->wake(*thread);
  barrier.waiting.clear();
  block->noteProgress();
}

uint64_t MBarrierTable::arrive(uint32_t address, uint32_t count,
                               uint32_t expectBytes) {
  MBarrier &barrier = at(address, "arrives at");
  const uint64_t phase = barrier.phase;
  block->knowledge.release(block->current(), barrier.arrivals);
  barrier.bytes += expectBytes;
  barrier.pending -= count;
  completeIfDone(barrier, address);
  return phase;
}

void MBarrierTable::expectBytes(uint32_t address, uint32_t bytes) {
  MBarrier &barrier = at(address, "expects bytes at");
  barrier.bytes += bytes;
  completeIfDone(barrier, address);
}

bool MBarrierTable::test(uint32_t address, uint32_t parity) {
  MBarrier &barrier = at(address, "tests");
  if ((barrier.phase & 1) == (parity & 1))
    return false;
  block->knowledge.acquire(block->current(), barrier.completed);
  return true;
}

void MBarrierTable::wait(uint32_t address, uint32_t parity) {
  MBarrier &barrier = at(address, "waits for");
  while ((barrier.phase & 1) == (parity & 1)) {
    barrier.waiting.push_back(&block->current());
    block->wait("mbarrier", address);
  }
  block->knowledge.acquire(block->current(), barrier.completed);
}

Event MBarrierTable::copyEvent(uint32_t address) {
  return block->knowledge.copied(
      block->knowledge.copier(address / mbarrierBytes),
      known(address).arrivals);
}

void MBarrierTable::copyFinished(uint32_t address, Event event) {
  block->knowledge.pass(event, known(address).arrivals);
}

void MBarrierTable::copyBytes(uint32_t address, uint32_t bytes) {
  MBarrier &barrier = known(address);
  barrier.bytes -= bytes;
  completeIfDone(barrier, address);
}

void MBarrierTable::copyArrives(uint32_t address) {
  MBarrier &barrier = known(address);
  --barrier.pending;
  completeIfDone(barrier, address);
}

void MBarrierTable::expectArrival(uint32_t address) {
  ++at(address, "arrives at").pending;
}

std::string MBarrierTable::describe(uint32_t address) const {
  auto found = barriers.find(address);
  if (found == barriers.end())
    return "";
  const MBarrier &barrier = found->second;
  return " (phase " + std::to_string(barrier.phase) + " lacks " +
         std::to_string(barrier.pending) + " arrivals and " +
         std::to_string(barrier.bytes) + " bytes)";
}
