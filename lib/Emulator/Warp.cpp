//===- Warp.cpp - The threads of a warp meet ------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Warp.h.
//
//===----------------------------------------------------------------------===//

#include "Warp.h"
#include "Block.h"

using namespace mlir::moe;
using namespace mlir::moe::emu;

void Warp::start(uint32_t number, uint32_t threads) {
  warpNumber = number;
  uint32_t count = threads - number * warpSize;
  alive = count >= warpSize ? ~0u : (1u << count) - 1;
  meetings.clear();
  open.clear();
  committed.clear();
}

Thread &Warp::thread(uint32_t lane) const {
  return block->threads[warpNumber * warpSize + lane];
}

void *Warp::operandsOf(uint32_t lane) const { return thread(lane).operands; }

void Warp::meet(uint32_t mask, const char *what, void *operands, Work work) {
  Thread &self = block->current();
  const uint32_t bit = 1u << self.number % warpSize;
  if (!(mask & bit))
    block->fail(block->threadName(self.number) + " executes " + what +
                " with a mask of threads without itself");
  size_t at = 0;
  while (at < meetings.size() && meetings[at].mask != mask)
    ++at;
  if (at == meetings.size())
    meetings.push_back({mask, 0, what, work});
  Meeting &meeting = meetings[at];
  // Literals of one text may be at two addresses.
  if (meeting.work != work && std::string(meeting.what) != what)
    block->fail("threads of warp " + std::to_string(warpNumber) +
                " meet at different instructions: " + meeting.what + " and " +
                what);
  meeting.arrived |= bit;
  self.operands = operands;
  if ((mask & alive & ~meeting.arrived) == 0)
    return finish(at, &self);
  block->wait(what, warpNumber);
}

void Warp::finish(size_t at, Thread *self) {
  Meeting meeting = meetings[at];
  meetings.erase(meetings.begin() + at);
  meeting.work(*this, meeting.arrived);
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (meeting.arrived >> lane & 1 && &thread(lane) != self)
      block->wake(thread(lane));
}

void Warp::end(Thread &ending) {
  alive &= ~(1u << ending.number % warpSize);
  for (size_t at = 0; at < meetings.size();) {
    if ((meetings[at].mask & alive & ~meetings[at].arrived) == 0)
      finish(at, nullptr);
    else
      ++at;
  }
}

void Warp::order(uint32_t lanes) {
  Thread *met[warpSize];
  uint32_t count = 0;
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      met[count++] = &thread(lane);
  block->knowledge.meet(met, count, KnowledgeRef());
}

void Warp::beginReading(SharedRange range) {
  block->shadow.beginReading(thread(0), range, "reads by wgmma");
  open.push_back(range);
}

void Warp::commitReading() {
  committed.push_back(std::move(open));
  open.clear();
}

void Warp::waitReading(uint32_t groups) {
  while (committed.size() > groups) {
    for (const SharedRange &range : committed.front())
      block->shadow.endReading(range);
    committed.erase(committed.begin());
  }
}

void Warp::forgetReading() {
  commitReading();
  waitReading(0);
}
