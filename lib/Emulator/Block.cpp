//===- Block.cpp - The block of threads that runs -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns: a thread that waits picks the next one itself and switches to it. A
// thread that never waits runs on the fiber of the one before it, without a
// switch.
//
//===----------------------------------------------------------------------===//

#include "Block.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>

using namespace mlir::moe;
using namespace mlir::moe::emu;

Block *emu::block = nullptr;

/// In how many turns one copy lands.
static constexpr uint32_t turnsPerCopy = 8;
/// Turns of threads that only poll until that is called a deadlock.
static constexpr uint64_t maximumPolls = 1 << 20;

Block::Block() : shadow(*this) {
  // Aligned as the swizzle of TMA wants addresses to be.
  const size_t bytes = sharedBase + maximumSharedBytes;
  memory = static_cast<unsigned char *>(std::aligned_alloc(1024, bytes));
}

Block::~Block() { std::free(memory); }

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

Fiber &Block::takeFiber() {
  if (idle.empty()) {
    fibers.emplace_back(runFiber, this);
    if (!fibers.back().valid()) {
      fibers.pop_back();
      fail("no memory for the stack of a thread");
    }
    idle.push_back(&fibers.back());
  }
  entering = idle.back();
  idle.pop_back();
  return *entering;
}

Thread *Block::pick(bool &fresh) {
  fresh = false;
  for (;;) {
    if (!asyncCopies.empty() && random.below(turnsPerCopy) == 0)
      asyncCopies.landOne(random.below(asyncCopies.count()));
    const bool canBegin = begun < threadCount;
    if (canBegin && (ready.empty() || random.below(2))) {
      fresh = true;
      return nullptr;
    }
    if (!ready.empty()) {
      uint32_t at = random.below(ready.size());
      Thread *thread = ready[at];
      ready[at] = ready.back();
      ready.pop_back();
      return thread;
    }
    // Nobody is left to land a copy for.
    if (asyncCopies.empty() || ended == threadCount)
      return nullptr;
    asyncCopies.landOne(random.below(asyncCopies.count()));
  }
}

void Block::leave(Fiber &from) {
  bool fresh;
  Thread *next = pick(fresh);
  if (next) {
    running = next;
    if (next->fiber != &from)
      Fiber::switchTo(from, *next->fiber);
  } else if (fresh) {
    Fiber::switchTo(from, takeFiber());
  } else {
    running = nullptr;
    Fiber::switchTo(from, host);
  }
}

void Block::wait(const char *what, uint64_t where) {
  Thread &self = *running;
  self.waitsFor = what;
  self.waitsWhere = where;
  leave(*self.fiber);
  self.waitsFor = nullptr;
}

void Block::wake(Thread &thread) { ready.push_back(&thread); }

void Block::pause() {
  Thread &self = *running;
  if (++polls > maximumPolls) {
    self.waitsFor = "something that it polls";
    fail(describeDeadlock());
  }
  ready.push_back(&self);
  leave(*self.fiber);
}

void Block::fail(std::string why) {
  failed = true;
  // No destructor of this frame runs: it must own no memory.
  problem = why;
  std::string().swap(why);
  Fiber::switchTo(*running->fiber, host);
  std::abort();
}

void Block::trap() {
  trapped = true;
  fail("trap");
}

void Block::exitThread() {
  Fiber &fiber = *running->fiber;
  endThread();
  bool fresh;
  Thread *next = pick(fresh);
  // This stack begins anew, perhaps at once: nothing on it is needed again.
  idle.push_back(&fiber);
  fiber.reset();
  running = next;
  Fiber &to = next ? *next->fiber : fresh ? takeFiber() : host;
  Fiber::switchTo(abandoned, to);
  std::abort();
}

void Block::runFiber(void *argument) {
  auto *self = static_cast<Block *>(argument);
  // Whoever switches here wants a thread to begin.
  Fiber *fiber = self->entering;
  for (;;) {
    self->beginThread(*fiber);
    self->kernel(self->launch->arguments);
    self->endThread();
    bool fresh;
    Thread *next = self->pick(fresh);
    if (fresh)
      continue;
    self->idle.push_back(fiber);
    self->running = next;
    Fiber::switchTo(*fiber, next ? *next->fiber : self->host);
  }
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void Block::beginThread(Fiber &fiber) {
  uint32_t number =
      uint32_t((first + uint64_t(begun++) * stride) % threadCount);
  Thread &thread = threads[number];
  thread.number = number;
  thread.fiber = &fiber;
  thread.ended = false;
  thread.operands = nullptr;
  thread.clock.epoch = knowledge.firstEpoch();
  thread.clock.known.reset();
  thread.fences.clear();
  thread.fenced.reset();
  const int64_t *size = launch->block;
  if (size[1] == 1 && size[2] == 1) {
    thread.index[0] = number;
    thread.index[1] = thread.index[2] = 0;
  } else {
    uint32_t row = number / uint32_t(size[0]);
    thread.index[0] = number % uint32_t(size[0]);
    thread.index[1] = row % uint32_t(size[1]);
    thread.index[2] = row / uint32_t(size[1]);
  }
  running = &thread;
}

void Block::endThread() {
  Thread &self = *running;
  if (self.copies.plain || self.copies.bulk)
    endCopies(self);
  self.ended = true;
  ++ended;
  barriers.noteEnd();
  currentWarp().end(self);
}

void Block::endCopies(Thread &self) {
  const Event event{self.clock.epoch, self.number};
  if (self.copies.plain)
    self.copies.plain->finish(event);
  if (self.copies.bulk && !self.copies.bulk->unfinished().empty()) {
    addRace(threadName(self.number) +
            " ends before its bulk stores have read shared memory");
    self.copies.bulk->finish(event);
  }
  self.copies = ThreadCopies();
}

std::string Block::threadName(uint32_t number) const {
  return "thread " + std::to_string(number) + " of block " + place();
}

std::string Block::place() const {
  return "(" + std::to_string(index[0]) + ", " + std::to_string(index[1]) +
         ", " + std::to_string(index[2]) + ")";
}

void Block::addRace(std::string description) {
  if (races++ == 0)
    firstRace = std::move(description);
}

std::string Block::describeDeadlock() const {
  std::map<std::pair<std::string, uint64_t>, uint32_t> counts;
  for (const Thread &thread : threads)
    if (!thread.ended && thread.waitsFor)
      ++counts[{thread.waitsFor, thread.waitsWhere}];
  std::string text;
  for (const auto &[what, count] : counts) {
    if (!text.empty())
      text += ", ";
    text += std::to_string(count) +
            (count == 1 ? " thread waits for " : " threads wait for ");
    if (what.first == "mbarrier")
      text += "the mbarrier at " + std::to_string(what.second) +
              mbarriers.describe(uint32_t(what.second));
    else if (what.first == "barrier")
      text += "barrier " + std::to_string(what.second);
    else if (what.first == "something that it polls")
      text += what.first;
    else if (what.first == "registers")
      text += "registers";
    else
      text += "the rest of warp " + std::to_string(what.second) + " at " +
              what.first;
  }
  return "deadlock: " + text + ", " + std::to_string(ended) + " of " +
         std::to_string(threadCount) + " threads have ended";
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void Block::enter(uint32_t staticSize, uint32_t requiredThreads,
                  uint32_t registersPerThread,
                  uint32_t blocksPerMultiprocessor) {
  if (entered)
    return;
  entered = true;
  if (requiredThreads && requiredThreads != threadCount)
    fail("it is launched with " + std::to_string(threadCount) +
         " threads and was compiled for " + std::to_string(requiredThreads));
  staticBytes = staticSize;
  const int64_t bytes = int64_t(staticSize) + launch->sharedBytes;
  if (bytes > maximumSharedBytes)
    fail(std::to_string(bytes) + " bytes of shared memory, at most " +
         std::to_string(maximumSharedBytes));
  sharedEnd = sharedBase + uint32_t(bytes);
  std::memset(memory + sharedBase, 0xFF, bytes);
  registers.start(threadCount, registersPerThread, blocksPerMultiprocessor);
}

unsigned char *Block::shared(uint32_t address, uint32_t bytes, const char *what,
                             uint32_t alignment) {
  if (address < sharedBase || uint64_t(address) + bytes > sharedEnd)
    fail(threadName(running->number) + " " + what + " " +
         std::to_string(bytes) + " bytes at " + std::to_string(address) +
         " of shared memory, which is from " + std::to_string(sharedBase) +
         " to " + std::to_string(sharedEnd));
  if (address % alignment)
    fail(threadName(running->number) + " " + what + " shared memory at " +
         std::to_string(address) + ", which is no multiple of " +
         std::to_string(alignment));
  return memory + address;
}

uint32_t Block::addressOf(const void *pointer, const char *what) {
  auto offset = static_cast<const unsigned char *>(pointer) - memory;
  if (offset < 0 || offset > sharedEnd)
    fail(threadName(running->number) + " " + what +
         " an address outside of shared memory");
  return uint32_t(offset);
}

void Block::startBlock() {
  begun = ended = 0;
  ready.clear();
  first = random.below(threadCount);
  entered = false;
  staticBytes = 0;
  sharedEnd = sharedBase;
  if (!knowledge.startBlock(threadCount))
    shadow.clear();
  barriers.start();
  mbarriers.start();
  for (uint32_t warp = 0; warp < warps.size(); ++warp)
    warps[warp].start(warp, threadCount);
}

std::string Block::runBlock() {
  startBlock();
  Fiber::switchTo(host, takeFiber());
  if (!failed) {
    if (ended < threadCount) {
      failed = true;
      problem = describeDeadlock();
    } else if (const char *left = asyncCopies.leftover()) {
      failed = true;
      problem = left;
    }
  }
  for (Warp &warp : warps)
    warp.forgetReading();
  asyncCopies.start();
  if (!failed)
    return "";
  // Stacks were left anywhere, and shadows of copies are not balanced.
  for (Thread &thread : threads)
    thread.copies = ThreadCopies();
  shadow.clear();
  idle.clear();
  for (Fiber &fiber : fibers) {
    fiber.reset();
    idle.push_back(&fiber);
  }
  if (trapped)
    return "trap";
  return std::string("kernel ") + name + ", block " + place() + ": " + problem;
}

std::string Block::run(Kernel function, const char *kernelName,
                       const rt::Launch &how, uint64_t seed) {
  kernel = function;
  name = kernelName;
  launch = &how;
  threadCount = uint32_t(how.block[0] * how.block[1] * how.block[2]);
  threads.clear();
  threads.resize(threadCount);
  warps.resize((threadCount + warpSize - 1) / warpSize);
  random.seed(seed);
  do
    stride = 1 + random.below(threadCount);
  while (std::gcd(stride, threadCount) != 1);
  failed = trapped = false;
  problem.clear();
  races = 0;
  polls = 0;
  block = this;
  std::string result;
  for (index[2] = 0; result.empty() && index[2] < how.grid[2]; ++index[2])
    for (index[1] = 0; result.empty() && index[1] < how.grid[1]; ++index[1])
      for (index[0] = 0; result.empty() && index[0] < how.grid[0]; ++index[0])
        result = runBlock();
  block = nullptr;
  if (result.empty() && races)
    result = std::string("kernel ") + name + ": " + std::to_string(races) +
             (races == 1 ? " race: " : " races on shared memory; the first: ") +
             firstRace;
  return result;
}
