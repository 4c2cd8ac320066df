//===- RuntimeTest.cpp - Tests of memory, failures and loops --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Device.h"

#include "gtest/gtest.h"
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>

using namespace mlir::moe;

namespace {

class RuntimeTest : public ::testing::Test {
protected:
  void TearDown() override { EXPECT_EQ(context.liveBytes(), 0); }
  rt::Context context;
};

void failWith(const char *message) {
  moe_rt_fail(nullptr, message, static_cast<int64_t>(std::strlen(message)));
}

void *symbol(const char *name) {
  for (const rt::Symbol &entry : rt::symbols())
    if (std::strcmp(entry.name, name) == 0)
      return entry.address;
  return nullptr;
}

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(RuntimeTest, BlocksAreAlignedAndCounted) {
  for (int64_t alignment : {1, 8, 64, 256, 4096})
    for (int64_t bytes : {0, 1, 100, 1 << 20}) {
      void *block = moe_rt_alloc(&context, bytes, alignment);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) %
                    std::max<int64_t>(64, alignment),
                0u);
      EXPECT_EQ(context.liveBytes(), bytes);
      std::memset(block, 1, bytes);
      moe_rt_free(&context, block);
    }
  moe_rt_free(&context, nullptr);
}

TEST_F(RuntimeTest, PeakIsRemembered) {
  context.resetPeakBytes();
  moe_rt_free(&context, moe_rt_alloc(&context, 5000, 64));
  EXPECT_EQ(context.peakBytes(), 5000);
  context.resetPeakBytes();
  EXPECT_EQ(context.peakBytes(), 0);
}

TEST_F(RuntimeTest, LimitEndsTheInvocation) {
  context.setMemoryLimit(1000);
  rt::Result result = context.invoke([&] {
    moe_rt_alloc(&context, 600, 64);
    moe_rt_alloc(&context, 600, 64);
    FAIL() << "went on";
  });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message,
            "cannot allocate 600 bytes: 600 bytes are in use, and the limit "
            "is 1000 bytes");
}

TEST_F(RuntimeTest, AbsurdSizesAreLimits) {
  for (int64_t bytes : {int64_t(-1), std::numeric_limits<int64_t>::min(),
                        std::numeric_limits<int64_t>::max()}) {
    rt::Result result =
        context.invoke([&] { moe_rt_alloc(&context, bytes, 64); });
    EXPECT_EQ(result.status, rt::Status::Limit) << bytes;
  }
  rt::Result result = context.invoke([&] { moe_rt_alloc(&context, -1, 64); });
  EXPECT_EQ(result.message, "cannot allocate -1 bytes: a block has between 0 "
                            "and 281474976710656 bytes");
}

TEST_F(RuntimeTest, ResultsOutliveTheInvocation) {
  void *kept = nullptr;
  rt::Result result = context.invoke([&] {
    kept = moe_rt_alloc(&context, 10, 64);
    void *other = moe_rt_alloc(&context, 20, 64);
    moe_rt_free(&context, other);
  });
  EXPECT_EQ(result.status, rt::Status::Ok);
  EXPECT_EQ(context.liveBytes(), 10);
  // A later failure leaves it alone.
  EXPECT_EQ(context.invoke([&] { failWith("later"); }).message, "later");
  EXPECT_EQ(context.liveBytes(), 10);
  moe_rt_free(&context, kept);
}

TEST_F(RuntimeTest, ContextsAreApart) {
  rt::Context other;
  other.setMemoryLimit(100);
  other.setThreads(3);
  void *block = moe_rt_alloc(&context, 1000, 64);
  EXPECT_EQ(other.liveBytes(), 0);
  EXPECT_EQ(other.invoke([&] { moe_rt_alloc(&other, 200, 64); }).status,
            rt::Status::Limit);
  EXPECT_EQ(moe_rt_threads(&other), 3);
  context.setThreads(2);
  EXPECT_EQ(moe_rt_threads(&other), 3);
  moe_rt_free(&context, block);
  EXPECT_EQ(context.liveBytes(), 0);
}

TEST_F(RuntimeTest, AnotherContextRunsInside) {
  // Its failure, its blocks and its counters are its own.
  context.setThreads(4);
  rt::Result result = context.invoke([&] {
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t index, void *) {
          void *mine = moe_rt_alloc(in, 64, 64);
          {
            const int64_t counts[] = {1};
            rt::Context inner;
            rt::Result failed = inner.invoke([&] {
              moe_rt_dispatch(&inner, 0, 0, 1, 1, counts);
              moe_rt_touch_weight(&inner, 0, 0, counts, 8);
              moe_rt_alloc(&inner, 100, 64);
              failWith("inside");
            });
            EXPECT_EQ(failed.message, "inside");
            EXPECT_EQ(inner.liveBytes(), 0);
            auto counters = inner.dispatchCounters();
            ASSERT_EQ(counters.size(), 1u);
            EXPECT_EQ(counters[0].weightBytes, 8);
          }
          moe_rt_free(in, mine);
        },
        nullptr, 20);
  });
  EXPECT_EQ(result.status, rt::Status::Ok);
  EXPECT_TRUE(context.dispatchCounters().empty());
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

TEST_F(RuntimeTest, FailureComesBackAndFreesBlocks) {
  rt::Result result = context.invoke([&] {
    moe_rt_alloc(&context, 100, 64);
    moe_rt_free(&context, moe_rt_alloc(&context, 100, 64));
    moe_rt_alloc(&context, 300, 64);
    failWith("index 9 of 4");
  });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_EQ(result.message, "index 9 of 4");
}

TEST_F(RuntimeTest, InnerInvocationFailsAlone) {
  rt::Result inner;
  rt::Result outer = context.invoke([&] {
    void *block = moe_rt_alloc(&context, 10, 64);
    inner = context.invoke([&] {
      moe_rt_alloc(&context, 10, 64);
      failWith("inner");
    });
    moe_rt_free(&context, block);
  });
  EXPECT_EQ(inner.message, "inner");
  EXPECT_EQ(outer.status, rt::Status::Ok);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

TEST_F(RuntimeTest, EveryIndexRunsOnce) {
  for (int threads : {0, 1, 3, 8})
    for (int64_t count : {0, 1, 2, 1000}) {
      context.setThreads(threads);
      std::vector<std::atomic<int>> seen(count);
      moe_rt_parallel_for(
          &context,
          [](MoEContext *, int64_t index, void *captured) {
            ++(*static_cast<std::vector<std::atomic<int>> *>(captured))[index];
          },
          &seen, count);
      for (std::atomic<int> &times : seen)
        EXPECT_EQ(times, 1);
    }
  moe_rt_parallel_for(
      &context, [](MoEContext *, int64_t, void *) { FAIL(); }, nullptr, -3);
}

TEST_F(RuntimeTest, NestedLoopsRunInline) {
  context.setThreads(4);
  std::atomic<int> total{0};
  moe_rt_parallel_for(
      &context,
      [](MoEContext *in, int64_t, void *sum) {
        // No two threads work on the inner loop: its sum needs no atomic.
        int inner = 0;
        moe_rt_parallel_for(
            in,
            [](MoEContext *, int64_t index, void *sum) {
              *static_cast<int *>(sum) += index;
            },
            &inner, 5);
        *static_cast<std::atomic<int> *>(sum) += inner;
      },
      &total, 20);
  EXPECT_EQ(total, 200);
}

TEST_F(RuntimeTest, LowestFailingIndexIsReported) {
  auto body = [](MoEContext *in, int64_t index, void *) {
    moe_rt_alloc(in, 64, 64);
    if (index % 10 == 7)
      failWith(("index " + std::to_string(index)).c_str());
  };
  for (int threads : {1, 2, 8})
    for (int repetition = 0; repetition < 20; ++repetition) {
      context.setThreads(threads);
      rt::Result result = context.invoke(
          [&] { moe_rt_parallel_for(&context, body, nullptr, 100); });
      EXPECT_EQ(result.status, rt::Status::Error);
      EXPECT_EQ(result.message, "index 7") << threads;
    }
  // The team works after a failure.
  rt::Result result = context.invoke([&] {
    moe_rt_parallel_for(
        &context, [](MoEContext *, int64_t, void *) {}, nullptr, 100);
  });
  EXPECT_EQ(result.status, rt::Status::Ok);
}

TEST_F(RuntimeTest, WorkersMeetTheLimit) {
  context.setThreads(4);
  context.setMemoryLimit(10000);
  rt::Result result = context.invoke([&] {
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t, void *) { moe_rt_alloc(in, 1000, 64); },
        nullptr, 64);
  });
  EXPECT_EQ(result.status, rt::Status::Limit);
}

TEST_F(RuntimeTest, BlocksMayBeFreedByAnotherThread) {
  context.setThreads(4);
  rt::Result result = context.invoke([&] {
    static void *blocks[64];
    auto take = [](MoEContext *in, int64_t index, void *) {
      blocks[index] = moe_rt_alloc(in, index, 64);
    };
    auto give = [](MoEContext *in, int64_t index, void *) {
      moe_rt_free(in, blocks[63 - index]);
    };
    moe_rt_parallel_for(&context, take, nullptr, 64);
    moe_rt_parallel_for(&context, give, nullptr, 64);
  });
  EXPECT_EQ(result.status, rt::Status::Ok);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

namespace {
/// A descriptor of a buffer of floats of rank 2.
struct Matrix {
  float *allocated, *aligned;
  int64_t offset, sizes[2], strides[2];
};
} // namespace

TEST_F(RuntimeTest, StridedCopies) {
  std::vector<float> from(24), to(24);
  std::iota(from.begin(), from.end(), 0.f);
  // Columns 1 to 3 of a 4 x 6 matrix, transposed into a 3 x 4 corner.
  Matrix source{from.data(), from.data(), 1, {3, 4}, {1, 6}};
  Matrix target{to.data(), to.data(), 0, {3, 4}, {8, 1}};
  MoEUnrankedMemRef sourceRef{2, &source}, targetRef{2, &target};
  memrefCopy(sizeof(float), &sourceRef, &targetRef);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      EXPECT_EQ(to[i * 8 + j], from[j * 6 + i + 1]);
}

TEST_F(RuntimeTest, DenseScalarAndEmptyCopies) {
  std::vector<float> from(24, 2.f), to(24);
  Matrix source{from.data(), from.data(), 0, {2, 6}, {6, 1}};
  Matrix target{to.data(), to.data(), 3, {2, 6}, {6, 1}};
  MoEUnrankedMemRef sourceRef{2, &source}, targetRef{2, &target};
  memrefCopy(sizeof(float), &sourceRef, &targetRef);
  EXPECT_EQ(std::accumulate(to.begin(), to.end(), 0.f), 24.f);
  EXPECT_EQ(to[2], 0.f);
  EXPECT_EQ(to[15], 0.f);

  source.sizes[0] = target.sizes[0] = 0;
  source.aligned = target.aligned = nullptr;
  memrefCopy(sizeof(float), &sourceRef, &targetRef);

  float scalarFrom = 5, scalarTo = 0;
  Matrix scalarSource{&scalarFrom, &scalarFrom, 0, {}, {}};
  Matrix scalarTarget{&scalarTo, &scalarTo, 0, {}, {}};
  MoEUnrankedMemRef a{0, &scalarSource}, b{0, &scalarTarget};
  memrefCopy(sizeof(float), &a, &b);
  EXPECT_EQ(scalarTo, 5);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

TEST_F(RuntimeTest, SymbolsAreUnique) {
  std::vector<std::string> names;
  for (const rt::Symbol &entry : rt::symbols()) {
    EXPECT_NE(entry.address, nullptr) << entry.name;
    names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(symbol("system"), nullptr);
}

TEST_F(RuntimeTest, EverySymbolIsDocumented) {
  std::ifstream page(MOE_DOCS_DIR "/RuntimeABI.md");
  ASSERT_TRUE(page.good());
  std::stringstream text;
  text << page.rdbuf();
  for (const auto *table : {&rt::symbols(), &rt::deviceSymbols()})
    for (const rt::Symbol &entry : *table)
      EXPECT_NE(text.str().find("`" + std::string(entry.name) + "`"),
                std::string::npos)
          << entry.name;
  // Those that mean something else on a device are in the section of devices.
  std::string devices = text.str().substr(text.str().find("\n## Devices\n"));
  devices.resize(devices.find("\n## ", 1));
  for (const rt::Symbol &entry : rt::deviceSymbols())
    EXPECT_NE(devices.find("`" + std::string(entry.name) + "`"),
              std::string::npos)
        << entry.name;
}

TEST_F(RuntimeTest, HalfConversionsRoundTrip) {
  auto truncate = reinterpret_cast<float (*)(float)>(symbol("__truncsfhf2"));
  auto extend = reinterpret_cast<float (*)(float)>(symbol("__extendhfsf2"));
  auto truncateDouble =
      reinterpret_cast<float (*)(double)>(symbol("__truncdfhf2"));
  for (uint32_t half = 0; half < 0x10000; ++half) {
    float value = extend(floatOf(half));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(extend(truncate(value))));
      continue;
    }
    EXPECT_EQ(bitsOf(truncate(value)), half);
    EXPECT_EQ(bitsOf(truncateDouble(value)), half);
    // Half way to the next one: the even one of the two.
    float next = extend(floatOf(half + 1));
    if ((half & 0x7fff) < 0x7bff) {
      uint32_t even = half + (half & 1);
      EXPECT_EQ(bitsOf(truncate((value + next) / 2)), even) << half;
      double above = (double(value) + next) / 2;
      above = std::nextafter(above, next);
      EXPECT_EQ(bitsOf(truncateDouble(above)), half + 1) << half;
    }
  }
  EXPECT_EQ(bitsOf(truncate(1e6f)), 0x7c00u);
  EXPECT_EQ(bitsOf(truncate(65520.f)), 0x7c00u);
  EXPECT_EQ(bitsOf(truncate(65519.f)), 0x7bffu);
}

TEST_F(RuntimeTest, BFloatConversionsRoundToEven) {
  auto truncate = reinterpret_cast<float (*)(float)>(symbol("__truncsfbf2"));
  auto truncateDouble =
      reinterpret_cast<float (*)(double)>(symbol("__truncdfbf2"));
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    float value = floatOf(bits << 16);
    float middle = floatOf((bits << 16) | 0x8000);
    EXPECT_EQ(bitsOf(truncate(value)), bits);
    EXPECT_EQ(bitsOf(truncate(middle)), bits + (bits & 1));
    EXPECT_EQ(bitsOf(truncate(-middle)), 0x8000u | (bits + (bits & 1)));
    EXPECT_EQ(bitsOf(truncateDouble(middle)), bits + (bits & 1));
    // Rounding to float first would lose what decides.
    double above = std::nextafter(double(middle), INFINITY);
    EXPECT_EQ(bitsOf(truncateDouble(above)), bits + 1);
    double below = std::nextafter(double(middle), 0);
    EXPECT_EQ(bitsOf(truncateDouble(below)), bits);
  }
  EXPECT_EQ(bitsOf(truncate(INFINITY)), 0x7f80u);
  EXPECT_TRUE(std::isnan(floatOf(bitsOf(truncate(floatOf(0x7f800001))) << 16)));
  EXPECT_EQ(bitsOf(truncateDouble(1e300)), 0x7f80u);
}
