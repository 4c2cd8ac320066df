//===- Block.h - The block of threads that runs -----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads, their turns, and the shared memory of one block. Everything that
// waits is in a list of waiting threads and in none of those that can run, so
// that nothing left to run, to start or to land is a deadlock.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_BLOCK_H
#define MOE_LIB_EMULATOR_BLOCK_H

#include "AsyncCopies.h"
#include "Barriers.h"
#include "Fiber.h"
#include "GlobalMemory.h"
#include "Ordering.h"
#include "Shadow.h"
#include "Warp.h"
#include "moe/Runtime/Device.h"

#include <deque>
#include <string>
#include <vector>

namespace mlir::moe::emu {

using Kernel = void (*)(void **arguments);

/// Shared memory begins here: a GPU keeps the first KiB for itself.
constexpr uint32_t sharedBase = 1024;
/// What a block may ask for.
constexpr uint32_t maximumSharedBytes = 227 << 10;
constexpr uint32_t warpSize = 32;

struct Thread {
  uint32_t number = 0;
  uint32_t index[3] = {};
  Fiber *fiber = nullptr;
  bool ended = false;
  /// What it knows of others, and where it is itself.
  Clock clock;
  /// The epochs that ended with a fence of the proxy, and what it knew at the
  /// last of them.
  std::vector<uint32_t> fences;
  KnowledgeRef fenced;
  /// Operands of the instruction at which the warp meets.
  void *operands = nullptr;
  /// What it waits for, null if it can run: "barrier", and which one.
  const char *waitsFor = nullptr;
  uint64_t waitsWhere = 0;
  ThreadCopies copies;
};

/// xorshift64*; small and good enough to pick one of a few.
class Random {
public:
  void seed(uint64_t seed) {
    state = (seed + 1) * 0x9E3779B97F4A7C15u;
    next();
  }
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Du;
  }
  /// Less than `count`, which is at most 2^32.
  uint32_t below(uint64_t count) {
    return uint32_t(((next() >> 32) * count) >> 32);
  }

private:
  uint64_t state = 1;
};

class Block {
public:
  Block();
  ~Block();

  /// Runs a whole grid, and returns what went wrong.
  std::string run(Kernel kernel, const char *name, const rt::Launch &launch,
                  uint64_t seed);

  //===--------------------------------------------------------------------===//
  // For instructions, which run on fibers
  //===--------------------------------------------------------------------===//

  Thread &current() { return *running; }
  Warp &currentWarp() { return warps[running->number / warpSize]; }
  /// Others run until somebody calls wake() with this thread.
  void wait(const char *what, uint64_t where);
  void wake(Thread &thread);
  /// Others may run, and so may this thread.
  void pause();
  /// Ends the kernel, whatever other threads do.
  [[noreturn]] void fail(std::string problem);
  [[noreturn]] void trap();
  /// Ends the current thread.
  [[noreturn]] void exitThread();
  /// Counts a race; the first is reported when the grid is done.
  void addRace(std::string description);
  uint32_t liveThreads() const { return threadCount - ended; }
  /// Something happened that a thread which polls may wait for.
  void noteProgress() { polls = 0; }

  /// The first instruction of each thread: what the kernel needs. 0 threads is
  /// any number.
  void enter(uint32_t staticBytes, uint32_t threads, uint32_t registers,
             uint32_t blocksPerMultiprocessor);
  /// Shared memory, by the address that a kernel sees. It fails if the block
  /// has no such bytes, or they are not aligned.
  unsigned char *shared(uint32_t address, uint32_t bytes, const char *what,
                        uint32_t alignment = 1);
  /// The address of a pointer into shared memory; fails for others.
  uint32_t addressOf(const void *pointer, const char *what);
  unsigned char *arena() { return memory; }
  /// "thread 5 of block (0, 0, 0)"
  std::string threadName(uint32_t number) const;

  /// Whether a pointer is one to shared memory.
  bool inArena(const void *pointer) const {
    auto *at = static_cast<const unsigned char *>(pointer);
    return at >= memory && at < memory + sharedBase + maximumSharedBytes;
  }

  const rt::Launch *launch = nullptr;
  /// What was allocated on the device; null where that is not known.
  GlobalMemory *global = nullptr;
  uint32_t index[3] = {};
  uint32_t threadCount = 0, staticBytes = 0, sharedEnd = sharedBase;
  /// Outlives all that refers to what is in it.
  KnowledgePool knowledge;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  BarrierTable barriers;
  MBarrierTable mbarriers;
  AsyncCopies asyncCopies;
  Shadow shadow;
  RegisterPool registers;
  Random random;

private:
  static void runFiber(void *block);
  void startBlock();
  std::string runBlock();
  void beginThread(Fiber &fiber);
  void endThread();
  void endCopies(Thread &self);
  /// What runs next: a thread that was left, or none and then, if `fresh`, one
  /// that has not begun.
  Thread *pick(bool &fresh);
  void leave(Fiber &from);
  Fiber &takeFiber();
  std::string describeDeadlock() const;
  std::string place() const;

  Kernel kernel = nullptr;
  const char *name = "";
  Thread *running = nullptr;
  Fiber host, abandoned;
  /// The fiber that was given a thread to begin.
  Fiber *entering = nullptr;
  std::deque<Fiber> fibers;
  std::vector<Fiber *> idle;
  std::vector<Thread *> ready;
  uint32_t begun = 0, ended = 0, first = 0, stride = 1;
  uint64_t polls = 0;
  bool entered = false, failed = false, trapped = false;
  std::string problem, firstRace;
  uint64_t races = 0;
  unsigned char *memory = nullptr;
};

/// The block that runs; instructions may be called only while there is one.
extern Block *block;

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_BLOCK_H
