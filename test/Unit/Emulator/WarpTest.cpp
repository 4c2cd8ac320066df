//===- WarpTest.cpp - Tests of instructions of a warp ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Against the pseudocode of PTX, written out for a whole warp at once.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <array>
#include <random>

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::HasSubstr;

namespace {
enum Kind { Butterfly, Up, Down, Index };
struct Expected {
  uint32_t value;
  bool inRange;
};
} // namespace

/// What lane `lane` gets from a shuffle of `values` in segments of `width`.
static Expected expected(Kind kind, const std::array<uint32_t, 32> &values,
                         int lane, int offset, int width) {
  const int segment = lane / width * width;
  int source = kind == Butterfly ? lane ^ offset
               : kind == Up      ? lane - offset
               : kind == Down    ? lane + offset
                                 : segment + offset % width;
  bool inRange = source >= segment && source < segment + width;
  // A butterfly may read a segment below.
  if (kind == Butterfly && source < segment)
    inRange = true;
  return {values[inRange ? source : lane], inRange};
}

TEST(EmulatorWarp, ShufflesLikePTX) {
  std::mt19937 random(1);
  std::array<uint32_t, 32> values;
  std::generate(values.begin(), values.end(), std::ref(random));
  for (Kind kind : {Butterfly, Up, Down, Index})
    for (int width : {32, 16, 8, 2})
      for (int offset : {0, 1, 5, 16, 31}) {
        int32_t clamp = (32 - width) << 8 | (kind == Up ? 0 : 31);
        EXPECT_EQ(
            run({32},
                [&] {
                  int lane = threadNumber();
                  auto both = emu<int64_t>("shfl", int32_t(kind), int32_t(-1),
                                           int32_t(values[lane]),
                                           int32_t(offset), clamp);
                  Expected want = expected(kind, values, lane, offset, width);
                  EXPECT_EQ(uint32_t(both), want.value)
                      << kind << " " << lane << " " << offset << " " << width;
                  EXPECT_EQ(both >> 32, want.inRange);
                }),
            "");
      }
}

TEST(EmulatorWarp, ThreadsThatAreNotInTheMaskDoOtherThings) {
  for (uint64_t seed = 1; seed <= 5; ++seed)
    EXPECT_EQ(run(
                  {64},
                  [] {
                    int lane = threadNumber() % 32;
                    // Two halves at different instructions, and threads that
                    // end.
                    if (lane < 16) {
                      auto got = emu<int64_t>("shfl", int32_t(Butterfly),
                                              int32_t(0xffff), int32_t(lane),
                                              int32_t(1), int32_t(31));
                      EXPECT_EQ(int32_t(got), lane ^ 1);
                    } else if (lane < 24) {
                      EXPECT_EQ(emu<int32_t>("redux", int32_t(1),
                                             int32_t(0xff0000), int32_t(lane)),
                                16 + 17 + 18 + 19 + 20 + 21 + 22 + 23);
                    }
                  },
                  seed),
              "");
}

TEST(EmulatorWarp, Votes) {
  enum { Any, All, Ballot, Uniform };
  EXPECT_EQ(run({64},
                [] {
                  int32_t lane = threadNumber() % 32;
                  auto vote = [](int32_t kind, bool predicate) {
                    return emu<int32_t>("vote", kind, int32_t(-1),
                                        int32_t(predicate));
                  };
                  EXPECT_EQ(vote(Any, lane == 7), 1);
                  EXPECT_EQ(vote(Any, false), 0);
                  EXPECT_EQ(vote(All, lane != 7), 0);
                  EXPECT_EQ(vote(All, true), 1);
                  EXPECT_EQ(vote(Ballot, lane == 3 || lane == 31),
                            int32_t(0x80000008));
                  EXPECT_EQ(vote(Uniform, false), 1);
                  EXPECT_EQ(vote(Uniform, lane == 7), 0);
                }),
            "");
}

TEST(EmulatorWarp, Reduces) {
  EXPECT_EQ(run({32},
                [] {
                  int32_t lane = threadNumber();
                  auto reduce = [](int32_t kind, int32_t value) {
                    return emu<int32_t>("redux", kind, int32_t(-1), value);
                  };
                  EXPECT_EQ(reduce(1, lane), 31 * 16);
                  EXPECT_EQ(reduce(2, ~(1 << lane % 8)), ~0xff);
                  EXPECT_EQ(reduce(3, lane - 10), 21);
                  EXPECT_EQ(reduce(4, lane - 10), -10);
                  EXPECT_EQ(reduce(5, 1 << lane % 8), 0xff);
                  EXPECT_EQ(reduce(6, lane - 10), -1);
                  EXPECT_EQ(reduce(7, lane - 10), 0);
                  EXPECT_EQ(reduce(8, 1 << lane), -1);
                }),
            "");
}

TEST(EmulatorWarp, ElectsOne) {
  int elected = 0;
  EXPECT_EQ(run({96}, [&] { elected += emu<int32_t>("elect", int32_t(-1)); }),
            "");
  EXPECT_EQ(elected, 3);
}

TEST(EmulatorWarp, RefusesThreadsThatMeetAtDifferentInstructions) {
  EXPECT_THAT(run({32},
                  [] {
                    if (threadNumber() < 16)
                      syncWarp();
                    else
                      emu<int32_t>("elect", int32_t(-1));
                  }),
              HasSubstr("meet at different instructions"));
  EXPECT_THAT(run({32}, [] { emu("warp_sync", int32_t(1)); }),
              HasSubstr("a mask of threads without itself"));
  EXPECT_THAT(run({32},
                  [] {
                    if (threadNumber() == 3)
                      barrier();
                    syncWarp();
                    if (threadNumber() != 3)
                      barrier();
                  }),
              HasSubstr("31 threads wait for the rest of warp 0 at "
                        "bar.warp.sync"));
}
