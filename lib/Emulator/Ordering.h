//===- Ordering.h - What happens before what --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector clocks. Each thread counts epochs, a new one after each release; a
// thread knows, for every other, the last epoch of it that happened before.
// Threads that left a barrier together share one such vector, so that a warp or
// a block costs one vector and not one for each thread. Copies that complete on
// an mbarrier count as threads of their own, a few for all mbarriers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_ORDERING_H
#define MOE_LIB_EMULATOR_ORDERING_H

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace mlir::moe::emu {

struct Thread;

/// The last known epoch of each thread and copier of the block.
struct Knowledge {
  uint32_t references = 0;
  /// Where it goes when nobody refers to it.
  std::vector<Knowledge *> *free = nullptr;
  std::vector<uint32_t> epochs;
};

/// A counted reference; null is to know nothing.
class KnowledgeRef {
public:
  KnowledgeRef() = default;
  explicit KnowledgeRef(Knowledge *to) : to(to) {
    if (to)
      ++to->references;
  }
  KnowledgeRef(const KnowledgeRef &other) : KnowledgeRef(other.to) {}
  KnowledgeRef(KnowledgeRef &&other) noexcept : to(other.to) {
    other.to = nullptr;
  }
  KnowledgeRef &operator=(KnowledgeRef other) noexcept {
    std::swap(to, other.to);
    return *this;
  }
  ~KnowledgeRef() { reset(); }
  void reset() {
    if (to && --to->references == 0)
      to->free->push_back(to);
    to = nullptr;
  }

  Knowledge *get() const { return to; }
  Knowledge *operator->() const { return to; }
  explicit operator bool() const { return to; }
  bool operator==(const KnowledgeRef &other) const { return to == other.to; }
  bool operator!=(const KnowledgeRef &other) const { return to != other.to; }

private:
  Knowledge *to = nullptr;
};

/// Knows all epochs of `known`, and its own up to `epoch`.
struct Clock {
  uint32_t epoch = 0;
  KnowledgeRef known;
};

/// An event of a thread or copier.
struct Event {
  uint32_t epoch = 0;
  uint32_t actor = 0;
};

/// Copiers beside threads.
constexpr uint32_t copierCount = 16;

class KnowledgePool {
public:
  /// Forgets everything: events before are before all that comes. False if
  /// epochs begin again, and events must be forgotten too.
  bool startBlock(uint32_t threads);
  uint32_t firstEpoch() const { return first; }
  uint32_t copier(uint32_t number) const {
    return threads + number % copierCount;
  }

  bool happenedBefore(const Event &event, const Thread &thread) const;
  /// The thread passes on what it knows, and enters a new epoch.
  void release(Thread &thread, KnowledgeRef &into);
  /// The thread learns it.
  void acquire(Thread &thread, const KnowledgeRef &from);
  /// What happened before is visible to asynchronous instructions from here on.
  void fence(Thread &thread);
  /// Whether there is such a fence between the event and the thread: of who
  /// made the event, or of the thread itself.
  bool isFenced(const Event &event, const Thread &thread) const;
  /// A copier passes on `event`, of its own.
  Event copied(uint32_t copier, KnowledgeRef &into);
  /// An event that somebody knows of is passed on.
  void pass(Event event, KnowledgeRef &into);
  /// These threads learn from each other.
  void meet(Thread *const *threads, uint32_t count, const KnowledgeRef &extra);

private:
  KnowledgeRef copyOf(const KnowledgeRef &from);
  /// A vector that nobody else sees.
  void own(KnowledgeRef &ref);
  void join(KnowledgeRef &into, const KnowledgeRef &from);
  void nextEpoch(Thread &thread);

  uint32_t threads = 0, first = 1, last = 0;
  uint32_t copierEpochs[copierCount] = {};
  std::vector<std::unique_ptr<Knowledge>> all;
  std::vector<Knowledge *> free;
  /// The last join: warps ask for the same one thread by thread.
  KnowledgeRef joinedA, joinedB, joined;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_ORDERING_H
