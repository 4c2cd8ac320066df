//===- DeviceTest.cpp - Tests of the emulator as a device -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory, launches, and what threads are told about themselves.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <set>
#include <vector>

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::HasSubstr;

TEST(EmulatorDevice, SaysWhatItIs) {
  auto device = createEmulatorDevice({7, 3});
  EXPECT_EQ(device->name(), "cuda-emulator");
  EXPECT_EQ(device->chip(), "sm_90a");
  EXPECT_EQ(device->multiprocessors(), 3);
  EXPECT_THAT(device->description(), HasSubstr("seed 7"));
}

TEST(EmulatorDevice, TakesTheSeedFromTheEnvironment) {
  setenv("MOE_EMULATOR_SEED", "99", 1);
  EXPECT_THAT(createEmulatorDevice()->description(), HasSubstr("seed 99"));
  EXPECT_THAT(createEmulatorDevice({5, 4})->description(), HasSubstr("seed 5"));
  unsetenv("MOE_EMULATOR_SEED");
}

TEST(EmulatorDevice, FillsNewMemoryWithNaN) {
  auto device = createEmulatorDevice();
  std::string problem;
  auto *block = static_cast<float *>(device->allocate(12, problem));
  ASSERT_TRUE(block);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 256, 0u);
  float values[3];
  EXPECT_EQ(device->read(values, block, 12), "");
  for (float value : values)
    EXPECT_TRUE(std::isnan(value));
  const float written[3] = {1, 2, 3};
  EXPECT_EQ(device->write(block, written, 12), "");
  EXPECT_EQ(device->read(values, block, 12), "");
  EXPECT_EQ(values[2], 3);
  device->release(block);
  EXPECT_EQ(device->synchronize(), "");
}

TEST(EmulatorDevice, RefusesSizesThatNoMachineHas) {
  auto device = createEmulatorDevice();
  for (int64_t bytes : {int64_t(-1), INT64_MAX, INT64_MAX / 2}) {
    std::string problem;
    EXPECT_FALSE(device->allocate(bytes, problem));
    EXPECT_THAT(problem, HasSubstr(std::to_string(bytes)));
  }
}

TEST(EmulatorDevice, NoticesWritesBeyondABlock) {
  for (int64_t at : {-1, 10}) {
    auto device = createEmulatorDevice();
    std::string problem;
    auto *block = static_cast<char *>(device->allocate(10, problem));
    block[at] = 0;
    EXPECT_THAT(device->synchronize(), HasSubstr("10 bytes"));
    device->release(block);
    EXPECT_THAT(device->synchronize(),
                HasSubstr(at < 0 ? "in front of" : "beyond"));
    EXPECT_EQ(device->synchronize(), "");
  }
}

TEST(EmulatorDevice, GivesEachThreadItsPlace) {
  std::set<std::vector<int32_t>> seen;
  std::function<void()> body = [&] {
    std::vector<int32_t> place;
    for (const char *name : {"tid_x", "tid_y", "tid_z", "ctaid_x", "ctaid_y",
                             "ctaid_z", "laneid", "warpid"})
      place.push_back(emu<int32_t>(name));
    int32_t number = place[0] + 5 * (place[1] + 3 * place[2]);
    EXPECT_EQ(place[6], number % 32);
    EXPECT_EQ(place[7], number / 32);
    EXPECT_EQ(emu<int32_t>("ntid_y"), 3);
    EXPECT_EQ(emu<int32_t>("nctaid_z"), 2);
    seen.insert(place);
  };
  auto entry = +[](void **arguments) {
    (*static_cast<const std::function<void()> *>(arguments[0]))();
  };
  MoEKernel kernel{"places", reinterpret_cast<const void *>(entry), 0, 0};
  void *arguments[] = {&body};
  auto device = createEmulatorDevice();
  EXPECT_EQ(device->launch(kernel, {{3, 2, 2}, {5, 3, 4}, 0, arguments}), "");
  EXPECT_EQ(seen.size(), size_t(3 * 2 * 2 * 5 * 3 * 4));
}

/// The order in which threads pass a barrier.
static std::vector<int32_t> orderOf(uint64_t seed) {
  std::vector<int32_t> order;
  EXPECT_EQ(run(
                {64},
                [&] {
                  order.push_back(threadNumber());
                  barrier();
                  order.push_back(threadNumber());
                },
                seed),
            "");
  return order;
}

TEST(EmulatorDevice, OrdersThreadsByTheSeed) {
  EXPECT_EQ(orderOf(1), orderOf(1));
  EXPECT_NE(orderOf(1), orderOf(2));
  EXPECT_EQ(orderOf(3).size(), 128u);
}

TEST(EmulatorDevice, FillsSharedMemoryForEachBlock) {
  EXPECT_EQ(run({1, 3, 64},
                [] {
                  for (int32_t at = 0; at < 64; at += 4) {
                    EXPECT_EQ(load<uint32_t>(at), ~0u);
                    store<uint32_t>(at, 0);
                  }
                }),
            "");
}

TEST(EmulatorDevice, StopsAtATrap) {
  int ran = 0;
  auto device = createEmulatorDevice();
  EXPECT_EQ(run(*device, {64, 4},
                [&] {
                  ++ran;
                  barrier();
                  if (threadNumber() == 5)
                    emu("trap");
                  barrier();
                  ++ran;
                }),
            "trap");
  EXPECT_EQ(ran, 64);
  // The device is good for the next.
  EXPECT_EQ(run(*device, {64}, [] { barrier(); }), "");
}

TEST(EmulatorDevice, EndsAThreadAtExit) {
  int ended = 0;
  EXPECT_EQ(run({64},
                [&] {
                  if (threadNumber() % 2)
                    emu("exit");
                  barrier();
                  ++ended;
                }),
            "");
  EXPECT_EQ(ended, 32);
}

TEST(EmulatorDevice, RefusesWhatNoBlockHas) {
  EXPECT_THAT(run({2048}, [] {}), HasSubstr("at most 1024"));
  EXPECT_THAT(run({32, 1, (227 << 10) + 1}, [] {}),
              HasSubstr("bytes of shared memory, at most 232448"));
  EXPECT_EQ(run({32, 1, 227 << 10}, [] {}), "");
}

TEST(EmulatorDevice, ReportsAccessesOutsideOfSharedMemory) {
  std::string problem = run({32, 2, 2048}, [] { store<int32_t>(2045, 1); });
  EXPECT_THAT(problem, HasSubstr("kernel test, block (0, 0, 0): thread"));
  EXPECT_THAT(problem, HasSubstr("writes 4 bytes at 3069"));
  EXPECT_EQ(run({1, 2, 2048}, [] { store<int32_t>(2044, 1); }), "");
  EXPECT_THAT(run({32},
                  [] {
                    int local = 0;
                    emu<void>("shared_load", static_cast<const void *>(&local),
                              int64_t(4));
                  }),
              HasSubstr("outside of shared memory"));
}

TEST(EmulatorDevice, RefusesTensorMapsThatTMADoesNotTake) {
  auto device = createEmulatorDevice();
  alignas(64) char map[MoETensorMapBytes], data[64];
  int64_t sizes[2] = {8, 4}, strides[1] = {16}, box[2] = {8, 2};
  auto make = [&](int64_t elementBytes, int64_t rank, const void *base) {
    return device->makeTensorMap(
        map, {base, elementBytes, rank, sizes, strides, box});
  };
  EXPECT_EQ(make(2, 2, data), "");
  EXPECT_THAT(make(1, 2, data), HasSubstr("1 bytes"));
  EXPECT_THAT(make(2, 6, data), HasSubstr("rank 6"));
  EXPECT_THAT(make(2, 2, data + 2), HasSubstr("16 bytes"));
  strides[0] = 18;
  EXPECT_THAT(make(2, 2, data), HasSubstr("stride of 18"));
  strides[0] = 16;
  box[1] = 257;
  EXPECT_THAT(make(2, 2, data), HasSubstr("box of 257"));
  box[1] = 2;
  box[0] = 4;
  EXPECT_THAT(make(2, 2, data), HasSubstr("8 bytes in a row"));
}

TEST(EmulatorDevice, NamesAccessesOutsideOfWhatIsAllocated) {
  auto device = createEmulatorDevice({1, 4});
  std::string problem;
  auto *block = static_cast<char *>(device->allocate(64, problem));
  auto reach = [&](const char *how, int64_t offset, int64_t bytes) {
    return run(*device, {1}, [=] {
      emu(how, static_cast<const void *>(block + offset), bytes);
    });
  };
  EXPECT_EQ(reach("global_load", 0, 64), "");
  EXPECT_EQ(reach("global_store", 60, 4), "");
  EXPECT_THAT(reach("global_load", 62, 4),
              HasSubstr("thread 0 of block (0, 0, 0) reads 4 bytes of global "
                        "memory at byte 62 of a block of 64"));
  EXPECT_THAT(reach("global_store", 64, 1), HasSubstr("writes 1 bytes"));
  EXPECT_THAT(reach("global_store", -1, 1), HasSubstr("at "));
  static char elsewhere[8];
  EXPECT_THAT(run(*device, {1},
                  [] {
                    emu("global_load", static_cast<const void *>(elsewhere),
                        int64_t(8));
                  }),
              HasSubstr("global memory at "));
  device->release(block);
  EXPECT_THAT(reach("global_load", 0, 4), HasSubstr("reads 4 bytes"));
}
