//===- AsyncCopies.cpp - Copies that land later ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups, cp.async, and the copies of whole pieces of memory (cp.async.bulk).
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "Block.h"
#include "Instructions.h"

#include <cstring>

using namespace mlir::moe;
using namespace mlir::moe::emu;

//===----------------------------------------------------------------------===//
// Groups and what flies
//===----------------------------------------------------------------------===//

void CopyGroups::commit() {
  committed.push_back(std::move(open));
  open.clear();
}

void CopyGroups::wait(uint32_t count, Event event) {
  while (committed.size() > count) {
    for (const OperationRef &operation : committed.front())
      operation->finish(event);
    committed.erase(committed.begin());
  }
}

void CopyGroups::finish(Event event) {
  commit();
  wait(0, event);
}

std::vector<OperationRef> CopyGroups::unfinished() const {
  std::vector<OperationRef> result;
  auto collect = [&](const std::vector<OperationRef> &operations) {
    for (const OperationRef &operation : operations)
      if (!operation->isFinished())
        result.push_back(operation);
  };
  for (const auto &group : committed)
    collect(group);
  collect(open);
  return result;
}

void AsyncCopies::start() { flying.clear(); }

bool AsyncCopies::landOne(uint32_t choice) {
  OperationRef operation = std::move(flying[choice]);
  flying[choice] = std::move(flying.back());
  flying.pop_back();
  if (operation->hasLanded())
    return false;
  operation->land();
  return true;
}

const char *AsyncCopies::leftover() const {
  for (const OperationRef &operation : flying)
    if (!operation->hasLanded() && operation->mustBeWaitedFor())
      return operation->mustBeWaitedFor();
  return nullptr;
}

static CopyGroups &plainGroups() {
  auto &groups = block->current().copies.plain;
  if (!groups)
    groups = std::make_unique<CopyGroups>();
  return *groups;
}

static Event currentEvent() {
  const Thread &self = block->current();
  return {self.clock.epoch, self.number};
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

namespace {
class PlainCopy : public Operation {
public:
  PlainCopy(uint32_t target, const void *source, uint32_t bytes,
            uint32_t sourceBytes)
      : target(target), bytes(bytes), sourceBytes(sourceBytes), source(source) {
  }

private:
  void copy() override {
    unsigned char *to = block->arena() + target;
    if (sourceBytes)
      std::memcpy(to, source, sourceBytes);
    std::memset(to + sourceBytes, 0, bytes - sourceBytes);
  }
  void letGo(Event event) override {
    block->shadow.endCopy({target, bytes}, event, Proxy::Generic);
  }

  uint32_t target, bytes, sourceBytes;
  const void *source;
};

/// Arrives at an mbarrier when the copies before it have landed.
class CopyArrival : public Operation {
public:
  CopyArrival(uint32_t barrier, std::vector<OperationRef> copies)
      : barrier(barrier), copies(std::move(copies)) {}

private:
  void copy() override {
    Event event = block->mbarriers.copyEvent(barrier);
    // Copies may have finished with another barrier or for their own thread.
    for (const OperationRef &operation : copies) {
      operation->finish(event);
      block->mbarriers.copyFinished(barrier, operation->finishedBy());
    }
    copies.clear();
    block->mbarriers.copyArrives(barrier);
  }
  void letGo(Event) override {}

  uint32_t barrier;
  std::vector<OperationRef> copies;
};

class BulkLoad : public Operation {
public:
  BulkLoad(uint32_t target, const void *source, uint32_t bytes,
           uint32_t barrier)
      : target(target), bytes(bytes), barrier(barrier), source(source) {}
  const char *mustBeWaitedFor() const override {
    return "the block ends while a bulk copy to shared memory is in flight";
  }

private:
  void copy() override {
    std::memcpy(block->arena() + target, source, bytes);
    block->shadow.endCopy({target, bytes}, block->mbarriers.copyEvent(barrier),
                          Proxy::Async);
    block->mbarriers.copyBytes(barrier, bytes);
  }
  void letGo(Event) override {}

  uint32_t target, bytes, barrier;
  const void *source;
};

class BulkStore : public Operation {
public:
  BulkStore(void *target, uint32_t source, uint32_t bytes)
      : target(target), source(source), bytes(bytes) {}

private:
  void copy() override { std::memcpy(target, block->arena() + source, bytes); }
  void letGo(Event) override { block->shadow.endReading({source, bytes}); }

  void *target;
  uint32_t source, bytes;
};
} // namespace

CopyGroups &emu::bulkGroups() {
  auto &groups = block->current().copies.bulk;
  if (!groups)
    groups = std::make_unique<CopyGroups>();
  return *groups;
}

void emu::checkAligned(const void *pointer, uint32_t alignment,
                       const char *what) {
  if (reinterpret_cast<uintptr_t>(pointer) % alignment)
    block->fail(block->threadName(block->current().number) + " " + what +
                " global memory that is not aligned to " +
                std::to_string(alignment) + " bytes");
}

void moe_emu_cp_async(void *target, const void *source, int32_t bytes,
                      int32_t sourceBytes) {
  constexpr const char *what = "copies by cp.async";
  const uint32_t address = block->addressOf(target, what);
  block->shared(address, bytes, what, bytes);
  if (sourceBytes < 0 || sourceBytes > bytes)
    block->fail("cp.async of " + std::to_string(sourceBytes) + " of " +
                std::to_string(bytes) + " bytes");
  if (sourceBytes) {
    checkAligned(source, bytes, what);
    checkGlobal(source, sourceBytes, what);
  }
  block->shadow.beginCopy(block->current(), {address, uint32_t(bytes)}, what);
  auto copy = std::make_shared<PlainCopy>(address, source, bytes, sourceBytes);
  plainGroups().add(copy);
  block->asyncCopies.add(std::move(copy));
}

void moe_emu_cp_async_commit_group() { plainGroups().commit(); }

void moe_emu_cp_async_wait_group(int32_t groups) {
  plainGroups().wait(groups, currentEvent());
}

void moe_emu_cp_async_wait_all() { plainGroups().finish(currentEvent()); }

void moe_emu_cp_async_mbarrier_arrive(void *barrier, int32_t noIncrement) {
  const uint32_t address = block->addressOf(barrier, "arrives by cp.async at");
  if (!noIncrement)
    block->mbarriers.expectArrival(address);
  block->mbarriers.copyArrivesLater(address);
  block->asyncCopies.add(
      std::make_shared<CopyArrival>(address, plainGroups().unfinished()));
}

//===----------------------------------------------------------------------===//
// cp.async.bulk
//===----------------------------------------------------------------------===//

static void checkBulk(int32_t bytes, const char *what) {
  if (bytes <= 0 || bytes % 16)
    block->fail(block->threadName(block->current().number) + " " + what + " " +
                std::to_string(bytes) + " bytes, which is no multiple of 16");
}

void moe_emu_bulk_load(void *target, const void *source, void *barrier,
                       int32_t bytes) {
  constexpr const char *what = "copies by cp.async.bulk";
  checkBulk(bytes, what);
  const uint32_t address = block->addressOf(target, what);
  block->shared(address, bytes, what, 16);
  checkAligned(source, 16, what);
  checkGlobal(source, bytes, what);
  const uint32_t at = block->addressOf(barrier, what);
  block->mbarriers.copyArrivesLater(at);
  block->shadow.beginCopy(block->current(), {address, uint32_t(bytes)}, what);
  block->asyncCopies.add(
      std::make_shared<BulkLoad>(address, source, bytes, at));
}

void moe_emu_bulk_store(void *target, const void *source, int32_t bytes) {
  constexpr const char *what = "stores by cp.async.bulk";
  checkBulk(bytes, what);
  const uint32_t address = block->addressOf(source, what);
  block->shared(address, bytes, what, 16);
  checkAligned(target, 16, what);
  checkGlobal(target, bytes, what);
  block->shadow.beginReading(block->current(), {address, uint32_t(bytes)},
                             what);
  auto store = std::make_shared<BulkStore>(target, address, bytes);
  bulkGroups().add(store);
  block->asyncCopies.add(std::move(store));
}

void moe_emu_bulk_commit_group() { bulkGroups().commit(); }

void moe_emu_bulk_wait_group(int32_t groups) {
  bulkGroups().wait(groups, currentEvent());
}
