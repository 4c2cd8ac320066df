//===- BarrierTest.cpp - Tests of barriers --------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who waits for whom, and what is said when nobody comes.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <vector>

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::AllOf;
using ::testing::HasSubstr;

static void initBarrier(int32_t offset, int32_t count) {
  emu("mbarrier_init", static_cast<void *>(shared(offset)), count);
}
static int64_t arrive(int32_t offset, int32_t count = 1) {
  return emu<int64_t>("mbarrier_arrive", static_cast<void *>(shared(offset)),
                      count);
}
static void expectBytes(int32_t offset, int32_t bytes) {
  emu<int64_t>("mbarrier_arrive_expect_tx", static_cast<void *>(shared(offset)),
               bytes);
}
static void wait(int32_t offset, int32_t parity) {
  emu<void>("mbarrier_wait", static_cast<void *>(shared(offset)), parity);
}
static int32_t hasCompleted(int32_t offset, int32_t parity) {
  return emu<int32_t>("mbarrier_test", static_cast<void *>(shared(offset)),
                      parity);
}
static int32_t namedBarrier(int32_t number, int32_t threads,
                            int32_t reduction = 0, int32_t predicate = 0) {
  return emu<int32_t>("barrier", number, threads, reduction, predicate);
}

TEST(EmulatorBarrier, HoldsAllThreadsBack) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    int before = 0;
    EXPECT_EQ(run(
                  {96},
                  [&] {
                    for (int round = 1; round <= 3; ++round) {
                      ++before;
                      barrier();
                      EXPECT_EQ(before, 96 * round);
                      barrier();
                    }
                  },
                  seed),
              "");
  }
}

TEST(EmulatorBarrier, NamedBarriersAreForSomeThreads) {
  int before[2] = {0, 0};
  EXPECT_EQ(run({128},
                [&] {
                  int half = threadNumber() / 64;
                  ++before[half];
                  namedBarrier(1 + half, 64);
                  EXPECT_EQ(before[half], 64);
                }),
            "");
}

TEST(EmulatorBarrier, ArrivalsDoNotWait) {
  bool produced = false;
  EXPECT_EQ(run({64},
                [&] {
                  if (threadNumber() < 32) {
                    produced = true;
                    emu("barrier_arrive", int32_t(3), int32_t(64));
                  } else {
                    namedBarrier(3, 64);
                    EXPECT_TRUE(produced);
                  }
                }),
            "");
}

TEST(EmulatorBarrier, ReducesPredicates) {
  EXPECT_EQ(run({64},
                [] {
                  int32_t third = threadNumber() % 3 == 0;
                  EXPECT_EQ(namedBarrier(0, 0, 1, third), 22);
                  EXPECT_EQ(namedBarrier(0, 0, 2, third), 0);
                  EXPECT_EQ(namedBarrier(0, 0, 2, 1), 1);
                  EXPECT_EQ(namedBarrier(0, 0, 3, third), 1);
                  EXPECT_EQ(namedBarrier(0, 0, 3, 0), 0);
                }),
            "");
}

TEST(EmulatorBarrier, SaysWhoWaitsInADeadlock) {
  EXPECT_THAT(run({64, 2},
                  [] {
                    if (threadNumber() < 40)
                      namedBarrier(2, 64);
                  }),
              AllOf(HasSubstr("kernel test, block (0, 0, 0): deadlock"),
                    HasSubstr("40 threads wait for barrier 2"),
                    HasSubstr("24 of 64 threads have ended")));
  EXPECT_THAT(run({32},
                  [] {
                    if (threadNumber() == 0)
                      initBarrier(8, 3);
                    syncWarp();
                    if (threadNumber() == 1)
                      arrive(8);
                    wait(8, 0);
                  }),
              HasSubstr("32 threads wait for the mbarrier at 1032 (phase 0 "
                        "lacks 2 arrivals and 0 bytes)"));
  EXPECT_THAT(run({32},
                  [] {
                    if (threadNumber() == 0)
                      initBarrier(0, 1);
                    syncWarp();
                    while (!hasCompleted(0, 0)) {
                    }
                  }),
              HasSubstr("deadlock"));
}

TEST(EmulatorBarrier, RefusesBarriersThatDisagree) {
  EXPECT_THAT(run({64}, [] { namedBarrier(1, 32 + threadNumber() / 32 * 32); }),
              HasSubstr("different numbers of threads"));
  EXPECT_THAT(run({64}, [] { namedBarrier(16, 64); }), HasSubstr("barrier 16"));
  EXPECT_THAT(run({64}, [] { namedBarrier(1, 96); }), HasSubstr("96 of 64"));
}

TEST(EmulatorMBarrier, CountsPhases) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    int arrived = 0;
    EXPECT_EQ(run(
                  {64},
                  [&] {
                    if (threadNumber() == 0)
                      initBarrier(0, 64);
                    barrier();
                    for (int32_t phase = 0; phase < 4; ++phase) {
                      ++arrived;
                      EXPECT_EQ(arrive(0), phase);
                      wait(0, phase & 1);
                      EXPECT_GE(arrived, 64 * (phase + 1));
                      EXPECT_EQ(hasCompleted(0, phase & 1), 1);
                      barrier();
                    }
                  },
                  seed),
              "");
  }
}

TEST(EmulatorMBarrier, ANewOneHasCompletedThePhaseBefore) {
  EXPECT_EQ(run({1},
                [] {
                  initBarrier(0, 1);
                  wait(0, 1);
                  EXPECT_EQ(hasCompleted(0, 0), 0);
                  arrive(0);
                  EXPECT_EQ(hasCompleted(0, 0), 1);
                }),
            "");
}

TEST(EmulatorMBarrier, WaitsForBytes) {
  static unsigned char source[64];
  EXPECT_EQ(run({1},
                [] {
                  initBarrier(0, 1);
                  emu("bulk_load", static_cast<void *>(shared(64)),
                      static_cast<const void *>(source),
                      static_cast<void *>(shared(0)), int32_t(64));
                  expectBytes(0, 64);
                  wait(0, 0);
                  EXPECT_EQ(shared(64)[63], 0);
                }),
            "");
  EXPECT_THAT(run({1},
                  [] {
                    initBarrier(0, 1);
                    expectBytes(0, 64);
                    wait(0, 0);
                  }),
              HasSubstr("lacks 0 arrivals and 64 bytes"));
}

TEST(EmulatorMBarrier, RefusesMisuse) {
  EXPECT_THAT(run({1}, [] { arrive(0); }), HasSubstr("was not initialized"));
  EXPECT_THAT(run({1}, [] { initBarrier(0, 0); }), HasSubstr("0 arrivals"));
  EXPECT_THAT(run({1}, [] { initBarrier(4, 1); }), HasSubstr("multiple of 8"));
  EXPECT_THAT(run({1},
                  [] {
                    initBarrier(0, 2);
                    arrive(0, 3);
                  }),
              HasSubstr("more arrivals than the 2"));
  EXPECT_THAT(run({1},
                  [] {
                    initBarrier(0, 1);
                    emu("mbarrier_inval", static_cast<void *>(shared(0)));
                    arrive(0);
                  }),
              HasSubstr("was not initialized"));
}

TEST(EmulatorRegisters, WarpsHandThemOn) {
  auto change = [](int32_t registers, bool increase) {
    emu("setmaxnreg", registers, int32_t(increase));
  };
  // 65536 / 384 is 170, in portions of 8 168: 128 x 128 for the others.
  EXPECT_EQ(run({384},
                [&] {
                  if (threadNumber() < 128)
                    change(40, false);
                  else
                    change(232, true);
                }),
            "");
  EXPECT_THAT(run({384},
                  [&] {
                    if (threadNumber() < 128)
                      change(40, false);
                    else
                      change(240, true);
                  }),
              HasSubstr("wait for registers"));
  EXPECT_THAT(run({384}, [&] { change(240, false); }),
              HasSubstr("decrease 168 registers to 240"));
  EXPECT_THAT(run({384}, [&] { change(41, false); }),
              HasSubstr("multiple of 8"));
}
