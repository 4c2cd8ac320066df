//===- RaceTest.cpp - Tests of races --------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that are right are silent for every seed; with a part left out they
// are not. Races are found whatever the order in which threads happen to run.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::HasSubstr;

static constexpr uint64_t seeds = 10;

static void expectSilence(Shape shape, const std::function<void()> &body) {
  for (uint64_t seed = 1; seed <= seeds; ++seed)
    EXPECT_EQ(run(shape, body, seed), "") << seed;
}
static void expectRace(Shape shape, const std::function<void()> &body,
                       const char *text = "race") {
  for (uint64_t seed = 1; seed <= seeds; ++seed)
    EXPECT_THAT(run(shape, body, seed), HasSubstr(text)) << seed;
}

TEST(EmulatorRace, ReadsWhatAnotherWroteNeedABarrier) {
  auto exchange = [](bool withBarrier) {
    return [=] {
      store<int32_t>(4 * threadNumber(), threadNumber());
      if (withBarrier)
        barrier();
      load<int32_t>(4 * (threadNumber() ^ 33));
    };
  };
  expectSilence({64}, exchange(true));
  expectRace({64}, exchange(false), "without a barrier between");
}

TEST(EmulatorRace, WritesOfWhatAnotherReadNeedABarrier) {
  auto reuse = [](bool withBarrier) {
    return [=] {
      if (threadNumber() == 0)
        store<int32_t>(0, 1);
      barrier();
      load<int32_t>(0);
      if (withBarrier)
        barrier();
      if (threadNumber() == 40)
        store<int32_t>(0, 2);
    };
  };
  expectSilence({64}, reuse(true));
  expectRace({64}, reuse(false));
}

TEST(EmulatorRace, WritesOfTwoThreads) {
  expectRace({64}, [] { store<int32_t>(0, threadNumber()); }, "writes 4 bytes");
  // Bytes beside each other are not the same.
  expectSilence({64}, [] { store<int16_t>(2 * threadNumber(), 1); });
  expectSilence({64}, [] {
    store<int32_t>(4 * threadNumber(), 1);
    store<int32_t>(4 * threadNumber(), 2);
  });
}

TEST(EmulatorRace, AreCountedOverAllBlocks) {
  EXPECT_THAT(run({2, 5}, [] { store<int32_t>(0, 1); }),
              HasSubstr("kernel test: 5 races on shared memory; the first: "
                        "thread"));
  EXPECT_THAT(run({2, 1}, [] { store<int32_t>(0, 1); }),
              HasSubstr("kernel test: 1 race"));
}

TEST(EmulatorRace, BlocksDoNotKnowEachOther) {
  expectSilence({1, 8}, [] {
    store<int32_t>(0, 1);
    load<int32_t>(0);
  });
}

TEST(EmulatorRace, AWarpSynchronizesItself) {
  auto exchange = [](bool withSync, int32_t distance) {
    return [=] {
      store<int32_t>(4 * threadNumber(), 1);
      if (withSync)
        syncWarp();
      load<int32_t>(4 * (threadNumber() ^ distance));
    };
  };
  expectSilence({64}, exchange(true, 1));
  expectRace({64}, exchange(false, 1));
  // Not with other warps.
  expectRace({64}, exchange(true, 32));
}

TEST(EmulatorRace, AShuffleOrdersNothing) {
  expectRace({32}, [] {
    store<int32_t>(4 * threadNumber(), 1);
    emu<int64_t>("shfl", int32_t(3), int32_t(-1), int32_t(0), int32_t(0),
                 int32_t(31));
    load<int32_t>(4 * (threadNumber() ^ 1));
  });
}

TEST(EmulatorRace, ANamedBarrierIsForItsThreads) {
  auto exchange = [](int32_t distance) {
    return [=] {
      store<int32_t>(4 * threadNumber(), 1);
      emu<int32_t>("barrier", int32_t(1 + threadNumber() / 64), int32_t(64),
                   int32_t(0), int32_t(0));
      load<int32_t>(4 * (threadNumber() ^ distance));
    };
  };
  expectSilence({128}, exchange(32));
  expectRace({128}, exchange(64));
}

TEST(EmulatorRace, KnowledgeIsPassedOn) {
  // Warp 0 to warp 1 to warp 2, each by a barrier of the two.
  auto pass = [](bool whole) {
    return [=] {
      int warp = threadNumber() / 32;
      auto meet = [](int32_t number) {
        emu<int32_t>("barrier", number, int32_t(64), int32_t(0), int32_t(0));
      };
      if (threadNumber() == 0)
        store<int32_t>(0, 1);
      if (warp == 1 && !whole)
        meet(2);
      if (warp <= 1)
        meet(1);
      if ((warp == 1 && whole) || warp == 2)
        meet(2);
      if (warp == 2)
        load<int32_t>(0);
    };
  };
  expectSilence({96}, pass(true));
  expectRace({96}, pass(false));
}

TEST(EmulatorRace, AtomicOperationsAreNone) {
  auto update = [] {
    emu<void>("shared_atomic", static_cast<const void *>(shared(0)),
              int64_t(4));
  };
  expectSilence({64}, update);
  expectRace({64}, [=] {
    update();
    if (threadNumber() == 3)
      load<int32_t>(0);
  });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

alignas(16) static unsigned char source[4096];

static void copy(int32_t to, int32_t bytes = 16) {
  emu("cp_async", static_cast<void *>(shared(to)),
      static_cast<const void *>(source), bytes, bytes);
}

TEST(EmulatorRace, ACopyIsWaitedFor) {
  auto use = [](bool wait, int32_t distance, bool withBarrier) {
    return [=] {
      copy(16 * threadNumber());
      emu("cp_async_commit_group");
      if (wait)
        emu("cp_async_wait_group", int32_t(0));
      if (withBarrier)
        barrier();
      load<int32_t>(16 * (threadNumber() ^ distance) + 12);
    };
  };
  expectSilence({64}, use(true, 0, false));
  expectSilence({64}, use(true, 1, true));
  expectRace({64}, use(false, 0, false), "a copy in flight still writes");
  expectRace({64}, use(false, 1, true), "a copy in flight still writes");
  expectRace({64}, use(true, 1, false));
}

TEST(EmulatorRace, ACopyIsOrderedAfterReads) {
  auto refill = [](bool withBarrier) {
    return [=] {
      store<int32_t>(4 * threadNumber(), 1);
      barrier();
      load<int32_t>(4 * (threadNumber() ^ 5));
      if (withBarrier)
        barrier();
      if (threadNumber() == 0)
        for (int32_t at = 0; at < 256; at += 16)
          copy(at);
    };
  };
  expectSilence({64}, refill(true));
  expectRace({64}, refill(false), "copies by cp.async");
}

namespace {
enum Fault { None, TooFewBytes, NoWait, NoEmptyBarrier, NoInitBarrier };
} // namespace

/// One thread fills a ring of two stages, a warp reads it.
static std::function<void()> ring(Fault fault) {
  return [=] {
    constexpr int32_t stages = 2, rounds = 6, bytes = 512;
    auto full = [](int32_t s) { return static_cast<void *>(shared(8 * s)); };
    auto empty = [](int32_t s) {
      return static_cast<void *>(shared(64 + 8 * s));
    };
    auto data = [](int32_t s) { return 1024 + 512 * s; };
    if (threadNumber() == 0)
      for (int32_t s = 0; s < stages; ++s) {
        emu("mbarrier_init", full(s), int32_t(1));
        emu("mbarrier_init", empty(s), int32_t(1));
      }
    if (fault != NoInitBarrier)
      barrier();
    const bool producer = threadNumber() / 32 == 1;
    if (producer && threadNumber() % 32)
      return;
    for (int32_t round = 0; round < rounds; ++round) {
      int32_t s = round % stages, parity = round / stages & 1;
      if (producer) {
        if (fault != NoEmptyBarrier)
          emu<void>("mbarrier_wait", empty(s), parity ^ 1);
        emu<int64_t>("mbarrier_arrive_expect_tx", full(s),
                     fault == TooFewBytes ? bytes / 2 : bytes);
        emu("bulk_load", static_cast<void *>(shared(data(s))),
            static_cast<const void *>(source), full(s), bytes);
        continue;
      }
      if (fault != NoWait)
        emu<void>("mbarrier_wait", full(s), parity);
      int32_t value = load<int32_t>(data(s) + 16 * threadNumber());
      if (fault == None) {
        EXPECT_EQ(value, 0);
      }
      syncWarp();
      if (threadNumber() == 0)
        emu<int64_t>("mbarrier_arrive", empty(s), int32_t(1));
    }
  };
}

TEST(EmulatorRace, ARingOfStages) {
  expectSilence({64}, ring(None));
  expectRace({64}, ring(TooFewBytes), "deadlock");
  expectRace({64}, ring(NoInitBarrier), "mbarrier");
  // Accesses race with copies, or an mbarrier is overrun.
  for (Fault fault : {NoWait, NoEmptyBarrier})
    for (uint64_t seed = 1; seed <= seeds; ++seed)
      EXPECT_NE(run({64}, ring(fault), seed), "") << seed;
}

TEST(EmulatorRace, WhatWgmmaReadsIsGuarded) {
  auto body = [](int64_t leave, bool withBarrier, bool fenced = true) {
    return [=] {
      auto address = uint64_t(uint32_t(emu<int32_t>(
          "shared_address", static_cast<const void *>(shared(0)))));
      auto descriptor = int64_t(1ull << 62 | uint64_t(64) << 32 | address >> 4);
      for (int32_t at = 0; at < 64; at += 4)
        store<int32_t>(64 * threadNumber() + at, 0);
      if (fenced)
        emu("fence_proxy_async");
      barrier();
      float sums[4];
      emu("wgmma_fence");
      emu("wgmma", static_cast<float *>(sums), descriptor, descriptor,
          int32_t(8), int32_t(0), int32_t(0), int32_t(1), int32_t(1));
      emu("wgmma_commit_group");
      emu("wgmma_wait_group", leave);
      if (withBarrier)
        barrier();
      if (threadNumber() == 0)
        copy(0);
    };
  };
  const Shape shape{128, 1, 16 << 10};
  expectSilence(shape, body(0, true));
  expectRace(shape, body(0, true, /*fenced=*/false),
             "wrote without a fence.proxy.async between");
  expectRace(shape, body(1, true), "a wgmma or a bulk store in flight");
  expectRace(shape, body(0, false));
}

TEST(EmulatorRace, AReaderMayFenceWhatItKnows) {
  alignas(16) static unsigned char target[64];
  auto body = [](bool before, bool after) {
    return [=] {
      if (threadNumber() == 1)
        store<int32_t>(0, 7);
      if (before && threadNumber() == 0)
        emu("fence_proxy_async");
      barrier();
      if (after && threadNumber() == 0)
        emu("fence_proxy_async");
      if (threadNumber() == 0) {
        emu("bulk_store", static_cast<void *>(target),
            static_cast<const void *>(shared(0)), int32_t(16));
        emu("bulk_commit_group");
        emu("bulk_wait_group", int32_t(0));
      }
    };
  };
  expectSilence({32}, body(false, true));
  // Of another thread, it is of what that thread knew.
  for (bool before : {false, true})
    expectRace({32}, body(before, false),
               "wrote without a fence.proxy.async between");
}

TEST(EmulatorRace, WhatABulkStoreReadsIsGuarded) {
  static unsigned char target[64];
  auto body = [](bool wait) {
    return [=] {
      for (int32_t at = 0; at < 64; at += 4)
        store<int32_t>(at, 7);
      emu("fence_proxy_async");
      emu("bulk_store", static_cast<void *>(target),
          static_cast<const void *>(shared(0)), int32_t(64));
      emu("bulk_commit_group");
      if (wait)
        emu("bulk_wait_group", int32_t(0));
      store<int32_t>(8, 8);
      if (!wait)
        emu("bulk_wait_group", int32_t(0));
    };
  };
  expectSilence({1}, body(true));
  EXPECT_EQ(target[8], 7);
  expectRace({1}, body(false), "a wgmma or a bulk store in flight");
}
