//===- CopyTest.cpp - Tests of asynchronous copies ------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lands where, and when it is there.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <array>
#include <numeric>
#include <vector>

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::HasSubstr;

alignas(128) static unsigned char source[4096];

static void copy(int32_t to, int32_t from, int32_t bytes, int32_t sourceBytes) {
  emu("cp_async", static_cast<void *>(shared(to)),
      static_cast<const void *>(source + from), bytes, sourceBytes);
}
static void commit() { emu("cp_async_commit_group"); }
static void waitGroup(int32_t groups) { emu("cp_async_wait_group", groups); }

namespace {
class EmulatorCopy : public ::testing::Test {
protected:
  void SetUp() override {
    for (size_t i = 0; i < sizeof source; ++i)
      source[i] = (unsigned char)(i * 7 + i / 256 + 1);
  }
};
} // namespace

TEST_F(EmulatorCopy, FillsWithZeroWhatTheSourceLacks) {
  for (int32_t bytes : {4, 8, 16})
    for (int32_t present = 0; present <= bytes; present += 2)
      EXPECT_EQ(run({1},
                    [=] {
                      copy(64, 16, bytes, present);
                      commit();
                      waitGroup(0);
                      for (int32_t i = 0; i < 32; ++i) {
                        unsigned want = i < present ? source[16 + i]
                                        : i < bytes ? 0
                                                    : 0xFF;
                        EXPECT_EQ(shared(64)[i], want);
                      }
                    }),
                "");
}

TEST_F(EmulatorCopy, LandsBetweenItsIssueAndItsWait) {
  int early = 0, late = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed)
    EXPECT_EQ(run(
                  {32},
                  [&] {
                    int32_t at = 16 * threadNumber();
                    copy(at, at, 16, 16);
                    commit();
                    barrier();
                    // Looks behind the emulator's back.
                    if (threadNumber() == 0)
                      ++(shared(16 * 20)[0] == source[16 * 20] ? early : late);
                    barrier();
                    waitGroup(0);
                    EXPECT_EQ(shared(at)[15], source[at + 15]);
                  },
                  seed),
              "");
  EXPECT_GT(early, 0);
  EXPECT_GT(late, 0);
}

TEST_F(EmulatorCopy, GroupsCompleteInOrder) {
  EXPECT_EQ(run({1},
                [] {
                  for (int32_t group = 0; group < 4; ++group) {
                    copy(16 * group, 16 * group, 16, 16);
                    commit();
                  }
                  waitGroup(1);
                  EXPECT_EQ(load<unsigned char>(16 * 2), source[16 * 2]);
                  waitGroup(0);
                  EXPECT_EQ(load<unsigned char>(16 * 3), source[16 * 3]);
                }),
            "");
}

TEST_F(EmulatorCopy, ArrivesAtAnMBarrier) {
  for (uint64_t seed = 1; seed <= 10; ++seed)
    EXPECT_EQ(run(
                  {64},
                  [] {
                    void *barrierOf = shared(2048);
                    if (threadNumber() == 0)
                      emu("mbarrier_init", barrierOf, int32_t(32));
                    barrier();
                    if (threadNumber() < 32) {
                      for (int32_t half = 0; half < 2; ++half) {
                        int32_t at = 32 * threadNumber() + 16 * half;
                        copy(at, at, 16, 16);
                      }
                      emu("cp_async_mbarrier_arrive", barrierOf, int32_t(1));
                    } else {
                      emu<void>("mbarrier_wait", barrierOf, int32_t(0));
                      int32_t at = 32 * (63 - threadNumber());
                      EXPECT_EQ(load<unsigned char>(at + 31), source[at + 31]);
                    }
                  },
                  seed),
              "");
}

TEST_F(EmulatorCopy, RefusesAddressesThatAreNotAligned) {
  EXPECT_THAT(run({1}, [] { copy(8, 0, 16, 16); }),
              HasSubstr("no multiple of 16"));
  EXPECT_THAT(run({1}, [] { copy(0, 8, 16, 16); }),
              HasSubstr("not aligned to 16"));
  EXPECT_THAT(run({1}, [] { copy(0, 0, 8, 16); }), HasSubstr("16 of 8"));
  EXPECT_THAT(run({1}, [] { copy(4096, 0, 16, 16); }),
              HasSubstr("16 bytes at 5120"));
}

//===----------------------------------------------------------------------===//
// TMA
//===----------------------------------------------------------------------===//

namespace {
/// A tensor, and a box at a place of it.
struct Box {
  int64_t elementBytes;
  std::vector<int64_t> sizes, box;
  std::array<int32_t, 5> at;
};
} // namespace

static void loadBox(void *to, const void *map, void *barrier, int32_t rank,
                    std::array<int32_t, 5> at) {
  emu("tma_load", to, map, barrier, rank, at[0], at[1], at[2], at[3], at[4]);
}

/// The strides of a tensor whose rows are padded to 16 bytes, in bytes.
static std::vector<int64_t> stridesOf(const Box &box) {
  std::vector<int64_t> strides{box.elementBytes};
  int64_t stride = (box.sizes[0] * box.elementBytes + 15) / 16 * 16;
  for (size_t i = 1; i < box.sizes.size(); ++i) {
    strides.push_back(stride);
    stride *= box.sizes[i];
  }
  return strides;
}

/// Where each element of the box is in the tensor, by index in the box; -1
/// beyond the tensor.
static std::vector<int64_t> placesOf(const Box &box) {
  std::vector<int64_t> strides = stridesOf(box), places;
  int64_t count = 1;
  for (int64_t size : box.box)
    count *= size;
  for (int64_t number = 0; number < count; ++number) {
    int64_t rest = number, place = 0;
    bool inside = true;
    for (size_t i = 0; i < box.sizes.size(); ++i) {
      int64_t index = box.at[i] + rest % box.box[i];
      rest /= box.box[i];
      inside &= index >= 0 && index < box.sizes[i];
      place += index * strides[i];
    }
    places.push_back(inside ? place : -1);
  }
  return places;
}

static const Box boxes[] = {
    {4, {40}, {8}, {36}},
    {2, {40}, {64}, {-8}},
    {2, {100, 9}, {64, 8}, {64, 4}},
    {2, {100, 9}, {64, 16}, {-5, -3}},
    {4, {33, 5}, {32, 4}, {8, 3}},
    {2, {64, 6, 3}, {64, 4, 2}, {0, 4, 2}},
    {2, {8, 3, 4, 2}, {8, 2, 2, 2}, {0, 2, -1, 0}},
    {4, {4, 3, 2, 2, 3}, {4, 2, 1, 2, 2}, {0, 1, 1, 0, 2}},
};

/// The byte of the box in shared memory, swizzled by 128 bytes or not.
static int64_t swizzledPlace(const Box &box, int64_t number) {
  int64_t byte = number * box.elementBytes;
  if (box.box[0] * box.elementBytes != 128)
    return byte;
  int64_t row = byte / 128, piece = byte / 16 % 8;
  return row * 128 + (piece ^ row % 8) * 16 + byte % 16;
}

static std::string mapOf(rt::Device &device, const Box &box, const void *base,
                         void *map) {
  std::vector<int64_t> strides = stridesOf(box);
  return device.makeTensorMap(map, {base, box.elementBytes,
                                    int64_t(box.sizes.size()), box.sizes.data(),
                                    strides.data() + 1, box.box.data()});
}

TEST_F(EmulatorCopy, LoadsBoxesByTMA) {
  for (const Box &box : boxes) {
    auto device = createEmulatorDevice({3, 4, /*reachesHost=*/true});
    alignas(64) char map[MoETensorMapBytes];
    ASSERT_EQ(mapOf(*device, box, source, map), "");
    std::vector<int64_t> places = placesOf(box);
    EXPECT_EQ(
        run(*device, {32, 1, 8192},
            [&] {
              void *barrierOf = shared(8184);
              if (threadNumber() == 0) {
                emu("mbarrier_init", barrierOf, int32_t(1));
                loadBox(shared(1024), map, barrierOf, int32_t(box.sizes.size()),
                        box.at);
                emu<int64_t>("mbarrier_arrive_expect_tx", barrierOf,
                             int32_t(places.size() * box.elementBytes));
              }
              syncWarp();
              emu<void>("mbarrier_wait", barrierOf, int32_t(0));
              for (size_t i = 0; i < places.size(); ++i)
                for (int64_t byte = 0; byte < box.elementBytes; ++byte) {
                  unsigned want = places[i] < 0 ? 0 : source[places[i] + byte];
                  ASSERT_EQ(shared(1024)[swizzledPlace(box, i) + byte], want);
                }
              EXPECT_EQ(shared(1024)[places.size() * box.elementBytes], 0xFF);
            }),
        "");
  }
}

TEST_F(EmulatorCopy, StoresBoxesByTMA) {
  for (const Box &box : boxes) {
    auto device = createEmulatorDevice({3, 4, /*reachesHost=*/true});
    alignas(64) char map[MoETensorMapBytes];
    alignas(16) static unsigned char target[4096];
    std::memset(target, 0xEE, sizeof target);
    ASSERT_EQ(mapOf(*device, box, target, map), "");
    std::vector<int64_t> places = placesOf(box);
    std::vector<int> want(sizeof target, 0xEE);
    for (size_t i = 0; i < places.size(); ++i)
      for (int64_t byte = 0; byte < box.elementBytes; ++byte)
        if (places[i] >= 0)
          want[places[i] + byte] = source[swizzledPlace(box, i) + byte];
    EXPECT_EQ(run(*device, {1, 1, 8192},
                  [&] {
                    std::memcpy(shared(1024), source,
                                places.size() * box.elementBytes);
                    emu("tma_store", static_cast<const void *>(map),
                        static_cast<const void *>(shared(1024)),
                        int32_t(box.sizes.size()), box.at[0], box.at[1],
                        box.at[2], box.at[3], box.at[4]);
                    emu("bulk_commit_group");
                    emu("bulk_wait_group", int32_t(0));
                  }),
              "");
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_EQ(target[i], want[i]) << i;
  }
}

TEST_F(EmulatorCopy, RefusesMisuseOfTMA) {
  const Box &box = boxes[2];
  auto device = createEmulatorDevice({1, 4, /*reachesHost=*/true});
  alignas(64) char map[MoETensorMapBytes];
  ASSERT_EQ(mapOf(*device, box, source, map), "");
  auto launch = [&](int32_t to, const void *what, int32_t rank) {
    return run(*device, {1}, [=] {
      emu("mbarrier_init", static_cast<void *>(shared(0)), int32_t(1));
      loadBox(shared(to), what, shared(0), rank, {});
    });
  };
  EXPECT_THAT(launch(1024, source, 2), HasSubstr("no tensor map"));
  EXPECT_THAT(launch(1024, map, 3), HasSubstr("rank 2"));
  EXPECT_THAT(launch(1040, map, 2), HasSubstr("no multiple of 128"));
  EXPECT_THAT(launch(3584, map, 2), HasSubstr("1024 bytes at 4608"));
  int endsEarly = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto device = createEmulatorDevice({seed, 4, /*reachesHost=*/true});
    std::string problem = run(*device, {1}, [&] {
      emu("mbarrier_init", static_cast<void *>(shared(0)), int32_t(1));
      loadBox(shared(1024), map, shared(0), 2, {});
    });
    endsEarly += problem.find("still copies") != std::string::npos;
  }
  EXPECT_GT(endsEarly, 0);
  EXPECT_THAT(run(*device, {1},
                  [&] {
                    emu("tma_store", static_cast<const void *>(map),
                        static_cast<const void *>(shared(1024)), int32_t(2),
                        int32_t(100), int32_t(0), int32_t(0), int32_t(0),
                        int32_t(0));
                    emu("bulk_commit_group");
                  }),
              HasSubstr("ends before its bulk stores"));
}
