//===- Barriers.h - Barriers of a block -------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sixteen barriers of bar.sync, mbarriers in shared memory, and the
// registers that warps hand to each other.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_BARRIERS_H
#define MOE_LIB_EMULATOR_BARRIERS_H

#include "Ordering.h"

#include <string>
#include <unordered_map>

namespace mlir::moe::emu {

class BarrierTable {
public:
  static constexpr uint32_t count = 16;

  /// How the predicates of a barrier are made one value.
  enum class Reduction { None, Count, And, Or };

  void start();
  /// Waits for `threads` threads, 0 for all of the block that have not ended.
  uint32_t sync(uint32_t barrier, uint32_t threads, Reduction reduction,
                bool predicate);
  void arrive(uint32_t barrier, uint32_t threads);
  /// A thread has ended.
  void noteEnd();

private:
  struct Barrier {
    uint32_t expected = 0, arrived = 0, holding = 0;
    bool all = false;
    std::vector<Thread *> waiting;
    KnowledgeRef arrivals;
    uint32_t result = 0;
  };
  Barrier &at(uint32_t barrier, uint32_t threads);
  bool complete(const Barrier &barrier) const;
  void release(Barrier &barrier, const Thread *self);

  Barrier barriers[count];
  /// Barriers at which somebody waits.
  uint32_t busy = 0;
};

struct MBarrier {
  uint32_t expected = 0;
  int64_t pending = 0, bytes = 0;
  uint64_t phase = 0;
  /// What arrivals of this phase, and of the last one, passed on.
  KnowledgeRef arrivals, completed;
  std::vector<Thread *> waiting;
};

class MBarrierTable {
public:
  void start() { barriers.clear(); }
  void init(uint32_t address, uint32_t count);
  void invalidate(uint32_t address);
  /// The phase before the arrival.
  uint64_t arrive(uint32_t address, uint32_t count, uint32_t expectBytes);
  void expectBytes(uint32_t address, uint32_t bytes);
  /// Whether the phase of this parity has completed; then the thread knows what
  /// happened before.
  bool test(uint32_t address, uint32_t parity);
  void wait(uint32_t address, uint32_t parity);

  /// By the thread that issues a copy: looks whether there is a barrier.
  void copyArrivesLater(uint32_t address) {
    at(address, "has a copy arrive at");
  }
  /// For copies, which are no thread: an event that is passed on.
  Event copyEvent(uint32_t address);
  /// An event of another is passed on too.
  void copyFinished(uint32_t address, Event event);
  void copyBytes(uint32_t address, uint32_t bytes);
  void copyArrives(uint32_t address);
  /// One arrival more is expected in this phase.
  void expectArrival(uint32_t address);

  /// " (phase 3 lacks 1 arrival and 16384 bytes)"
  std::string describe(uint32_t address) const;

private:
  /// Fails if there is none, or the thread does not know that there is.
  MBarrier &at(uint32_t address, const char *what);
  MBarrier &known(uint32_t address);
  void completeIfDone(MBarrier &barrier, uint32_t address);

  std::unordered_map<uint32_t, MBarrier> barriers;
};

/// setmaxnreg: warps that give registers back let others take them.
class RegisterPool {
public:
  /// `perThread` of 0 is what a multiprocessor has for so many threads.
  void start(uint32_t threads, uint32_t perThread, uint32_t blocks);
  uint32_t of(uint32_t warp) const { return held[warp]; }
  /// By one thread of the warp, which gets them at once or later.
  void request(uint32_t warp, uint32_t registers);
  /// Until the warp has what was requested.
  void wait(uint32_t warp, uint32_t registers);

private:
  struct Request {
    uint32_t warp, registers;
  };
  bool tryGrant(const Request &request);

  std::vector<uint32_t> held;
  std::vector<Request> open;
  std::vector<Thread *> waiting;
  int64_t free = 0;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_BARRIERS_H
