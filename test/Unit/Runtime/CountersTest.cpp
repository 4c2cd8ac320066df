//===- CountersTest.cpp - Tests of the counters ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Runtime.h"

#include "gtest/gtest.h"

using namespace mlir::moe;

namespace {

const int64_t counts[] = {3, 0, 2};

class CountersTest : public ::testing::Test {
protected:
  rt::Context context;
};

void touch(MoEContext *context, int64_t dispatch, intptr_t address,
           int64_t bytes) {
  moe_rt_touch_weight(context, dispatch, 0, reinterpret_cast<void *>(address),
                      bytes);
}

} // namespace

TEST_F(CountersTest, SumsOverRuns) {
  for (int run = 0; run < 2; ++run) {
    moe_rt_dispatch(&context, 1, 0, 4, 3, counts);
    moe_rt_evaluate(&context, 1, 0, 0);
    moe_rt_evaluate(&context, 1, 0, 0);
    moe_rt_count_flops(&context, 1, 0, 10);
  }
  moe_rt_evaluate(&context, 1, 0, 2);
  std::vector<rt::DispatchCounters> counters = context.dispatchCounters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].runs, 2);
  EXPECT_EQ(counters[0].tokens, 8);
  EXPECT_EQ(counters[0].assignments, 10);
  EXPECT_EQ(counters[0].tokensPerExpert, (std::vector<int64_t>{6, 0, 4}));
  EXPECT_EQ(counters[0].evaluated, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(counters[0].evaluatedCount(), 2);
  EXPECT_EQ(counters[0].flops, 20);
}

TEST_F(CountersTest, InstancesAreApartAndOrdered) {
  moe_rt_dispatch(&context, 2, 0, 4, 3, counts);
  moe_rt_dispatch(&context, 1, 7, 4, 3, counts);
  moe_rt_dispatch(&context, 1, 3, 4, 3, counts);
  std::vector<rt::DispatchCounters> counters = context.dispatchCounters();
  ASSERT_EQ(counters.size(), 3u);
  EXPECT_EQ(counters[0].instance, 3);
  EXPECT_EQ(counters[1].instance, 7);
  EXPECT_EQ(counters[2].dispatch, 2);
  context.resetCounters();
  EXPECT_TRUE(context.dispatchCounters().empty());
  moe_rt_count_flops(&context, 2, 0, 1);
  EXPECT_EQ(context.dispatchCounters()[0].runs, 0);
}

TEST_F(CountersTest, BytesAreDistinctWithinARun) {
  moe_rt_dispatch(&context, 0, 0, 4, 3, counts);
  touch(&context, 0, 1000, 100); // [1000, 1100)
  touch(&context, 0, 1050, 100); // overlaps: [1000, 1150)
  touch(&context, 0, 1150, 50);  // adjoins: [1000, 1200)
  touch(&context, 0, 5000, 10);
  touch(&context, 0, 900, 1000); // covers: [900, 1900)
  touch(&context, 0, 5000, 10);
  touch(&context, 0, 7000, 0);
  touch(&context, 0, 7000, -5);
  EXPECT_EQ(context.dispatchCounters()[0].weightBytes, 1010);
  // Reading ends no run.
  touch(&context, 0, 5000, 20);
  EXPECT_EQ(context.dispatchCounters()[0].weightBytes, 1020);
  moe_rt_dispatch(&context, 0, 0, 4, 3, counts);
  touch(&context, 0, 5000, 20);
  EXPECT_EQ(context.dispatchCounters()[0].weightBytes, 1040);
}

TEST_F(CountersTest, ManyIntervals) {
  moe_rt_dispatch(&context, 0, 0, 4, 3, counts);
  for (int repetition = 0; repetition < 3; ++repetition)
    for (int64_t i = 0; i < 3000; ++i)
      touch(&context, 0, 100 + (i * 7919 % 3000) * 20, 10);
  EXPECT_EQ(context.dispatchCounters()[0].weightBytes, 30000);
}

TEST_F(CountersTest, ParallelBodiesShareARun) {
  for (int threads : {1, 8}) {
    context.setThreads(threads);
    context.resetCounters();
    moe_rt_dispatch(&context, 0, 0, 4, 3, counts);
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t index, void *) {
          moe_rt_evaluate(in, 0, 0, index % 3);
          moe_rt_count_flops(in, 0, 0, index);
          touch(in, 0, 1000 + index % 10 * 50, 100);
        },
        nullptr, 1000);
    rt::DispatchCounters counters = context.dispatchCounters()[0];
    EXPECT_EQ(counters.flops, 499500);
    EXPECT_EQ(counters.evaluatedCount(), 3);
    EXPECT_EQ(counters.weightBytes, 550);
  }
}

TEST_F(CountersTest, NestedRunsAreApart) {
  // Each body runs an inner dispatch twice; each of these touches 150 bytes.
  for (int threads : {1, 8}) {
    context.setThreads(threads);
    context.resetCounters();
    moe_rt_dispatch(&context, 0, 0, 4, 3, counts);
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t, void *) {
          for (int run = 0; run < 2; ++run) {
            moe_rt_dispatch(in, 1, 0, 4, 3, counts);
            moe_rt_parallel_for(
                in,
                [](MoEContext *in, int64_t index, void *) {
                  touch(in, 1, 1000 + index * 50, 100);
                },
                nullptr, 2);
            touch(in, 0, 0x10000, 8);
          }
        },
        nullptr, 100);
    std::vector<rt::DispatchCounters> counters = context.dispatchCounters();
    EXPECT_EQ(counters[0].weightBytes, 8);
    EXPECT_EQ(counters[1].runs, 200);
    EXPECT_EQ(counters[1].weightBytes, 200 * 150);
  }
}

TEST_F(CountersTest, SidesOfConditionals) {
  for (int threads : {1, 8}) {
    context.setThreads(threads);
    context.resetCounters();
    EXPECT_TRUE(context.conditionalCounters().empty());
    moe_rt_branch(&context, 4, 2);
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t index, void *) {
          moe_rt_branch(in, 1, index % 3 == 0);
        },
        nullptr, 1000);
    std::vector<rt::ConditionalCounters> counters =
        context.conditionalCounters();
    ASSERT_EQ(counters.size(), 2u);
    EXPECT_EQ(counters[0].conditional, 1);
    EXPECT_EQ(counters[0].sides, (std::vector<int64_t>{666, 334}));
    EXPECT_EQ(counters[1].conditional, 4);
    EXPECT_EQ(counters[1].sides, (std::vector<int64_t>{0, 0, 1}));
    // Conditionals are no dispatches.
    EXPECT_TRUE(context.dispatchCounters().empty());
  }
}
