//===- Ordering.cpp - What happens before what ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Ordering.h.
//
//===----------------------------------------------------------------------===//

#include "Ordering.h"
#include "Block.h"

#include <algorithm>

using namespace mlir::moe;
using namespace mlir::moe::emu;

bool KnowledgePool::startBlock(uint32_t threadCount) {
  joinedA.reset();
  joinedB.reset();
  joined.reset();
  threads = threadCount;
  const bool fits = last < UINT32_MAX / 2;
  first = fits ? std::max(last, first) + 1 : 1;
  last = first;
  std::fill(copierEpochs, copierEpochs + copierCount, first);
  return fits;
}

bool KnowledgePool::happenedBefore(const Event &event,
                                   const Thread &thread) const {
  // Events of an earlier block have smaller epochs.
  if (event.epoch < first || event.actor == thread.number)
    return true;
  const KnowledgeRef &known = thread.clock.known;
  return known && event.epoch <= known->epochs[event.actor];
}

KnowledgeRef KnowledgePool::copyOf(const KnowledgeRef &from) {
  if (free.empty()) {
    all.push_back(std::make_unique<Knowledge>());
    all.back()->free = &free;
    free.push_back(all.back().get());
  }
  KnowledgeRef copy(free.back());
  free.pop_back();
  if (from)
    copy->epochs = from->epochs;
  else
    copy->epochs.assign(threads + copierCount, 0);
  return copy;
}

void KnowledgePool::own(KnowledgeRef &ref) {
  if (!ref || ref->references > 1)
    ref = copyOf(ref);
}

void KnowledgePool::join(KnowledgeRef &into, const KnowledgeRef &from) {
  if (!from || into == from)
    return;
  if (!into) {
    into = from;
    return;
  }
  if (into == joinedA && from == joinedB) {
    into = joined;
    return;
  }
  KnowledgeRef before = into;
  KnowledgeRef result = copyOf(into);
  uint32_t *to = result->epochs.data();
  const uint32_t *with = from->epochs.data();
  for (size_t i = 0, size = result->epochs.size(); i < size; ++i)
    to[i] = std::max(to[i], with[i]);
  joinedA = before;
  joinedB = from;
  joined = result;
  into = result;
}

void KnowledgePool::nextEpoch(Thread &thread) {
  last = std::max(last, ++thread.clock.epoch);
}

void KnowledgePool::release(Thread &thread, KnowledgeRef &into) {
  join(into, thread.clock.known);
  own(into);
  into->epochs[thread.number] = thread.clock.epoch;
  nextEpoch(thread);
}

void KnowledgePool::acquire(Thread &thread, const KnowledgeRef &from) {
  join(thread.clock.known, from);
}

void KnowledgePool::fence(Thread &thread) {
  thread.fences.push_back(thread.clock.epoch);
  thread.fenced = thread.clock.known;
  nextEpoch(thread);
}

bool KnowledgePool::isFenced(const Event &event, const Thread &thread) const {
  if (event.epoch < first)
    return true;
  if (thread.fenced && event.epoch <= thread.fenced->epochs[event.actor])
    return true;
  if (event.actor >= threads)
    return false;
  const std::vector<uint32_t> &fences = block->threads[event.actor].fences;
  auto fence = std::lower_bound(fences.begin(), fences.end(), event.epoch);
  return fence != fences.end() && happenedBefore({*fence, event.actor}, thread);
}

Event KnowledgePool::copied(uint32_t copier, KnowledgeRef &into) {
  uint32_t epoch = ++copierEpochs[copier - threads];
  last = std::max(last, epoch);
  pass({epoch, copier}, into);
  return {epoch, copier};
}

void KnowledgePool::pass(Event event, KnowledgeRef &into) {
  if (into && into->epochs[event.actor] >= event.epoch)
    return;
  own(into);
  into->epochs[event.actor] = event.epoch;
}

void KnowledgePool::meet(Thread *const *met, uint32_t count,
                         const KnowledgeRef &extra) {
  KnowledgeRef result = extra;
  for (uint32_t i = 0; i < count; ++i)
    if (!i || met[i]->clock.known != met[i - 1]->clock.known)
      join(result, met[i]->clock.known);
  // Often nobody else holds it than those who meet: then it is theirs to write.
  uint32_t own = 1;
  for (uint32_t i = 0; i < count; ++i)
    own += met[i]->clock.known == result;
  if (!result || result->references > own)
    result = copyOf(result);
  for (uint32_t i = 0; i < count; ++i) {
    result->epochs[met[i]->number] = met[i]->clock.epoch;
    nextEpoch(*met[i]);
    met[i]->clock.known = result;
  }
}
