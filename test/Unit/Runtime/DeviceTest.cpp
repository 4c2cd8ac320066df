//===- DeviceTest.cpp - Tests of the device functions ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Device.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>

using namespace mlir::moe;

namespace {

/// A device in memory of the host. A kernel's image is a function of the device
/// and the arguments, which returns a problem.
class HostDevice : public rt::Device {
public:
  using Body = std::string (*)(HostDevice &device, void **arguments);

  ~HostDevice() override {
    EXPECT_TRUE(alive.empty());
    for (auto &[bytes, block] : spare)
      std::free(block);
  }
  std::string name() const override { return "host:7"; }
  std::string description() const override { return ""; }
  std::string chip() const override { return ""; }
  int64_t multiprocessors() const override { return 5; }
  void *allocate(int64_t bytes, std::string &problem) override {
    if (bytes <= 0 || bytes > 1 << 20) {
      problem = "no such block";
      return nullptr;
    }
    auto reused = spare.find(bytes);
    void *block = reused == spare.end() ? std::malloc(bytes) : reused->second;
    if (reused != spare.end())
      spare.erase(reused);
    std::memset(block, 0, bytes);
    alive.insert(block);
    sizes[block] = bytes;
    return block;
  }
  void release(void *block) override {
    EXPECT_EQ(alive.erase(block), 1u);
    spare.emplace(sizes[block], block);
  }
  std::string read(void *host, const void *device, int64_t bytes) override {
    ++reads;
    if (!problem.empty())
      return problem;
    std::memcpy(host, device, bytes);
    return "";
  }
  std::string write(void *device, const void *host, int64_t bytes) override {
    if (!problem.empty())
      return problem;
    std::memcpy(device, host, bytes);
    return "";
  }
  std::string launch(MoEKernel &kernel, const rt::Launch &launch) override {
    last = launch;
    return reinterpret_cast<Body>(const_cast<void *>(kernel.image))(
        *this, launch.arguments);
  }
  std::string makeTensorMap(void *map, const rt::TensorMapShape &) override {
    std::memset(map, 1, MoETensorMapBytes);
    return "";
  }
  std::string synchronize() override { return problem; }
  int64_t *failureWord() override { return &word; }
  void *failureWordOnDevice() override { return &word; }
  bool capturing() const override { return isCapturing; }
  std::string replay(int64_t graph) override {
    ++replays;
    return problem;
  }

  void failWith(const char *message) {
    word = reinterpret_cast<int64_t>(message);
  }

  std::set<void *> alive;
  std::map<void *, int64_t> sizes;
  /// By size: what is taken before there is a new block.
  std::multimap<int64_t, void *> spare;
  int64_t word = 0;
  int reads = 0, replays = 0;
  /// What copies and waiting fail with.
  std::string problem;
  rt::Launch last{};
  bool isCapturing = false;
};

class DeviceTest : public ::testing::Test {
protected:
  void SetUp() override { context.setDevice(&device); }
  void TearDown() override {
    context.setDevice(nullptr);
    EXPECT_EQ(context.liveBytes(), 0);
  }

  HostDevice device;
  rt::Context context;
};

MoEKernel kernelOf(const char *name, HostDevice::Body body) {
  return {name, reinterpret_cast<const void *>(body), 0, 0};
}

std::string addOne(HostDevice &, void **arguments) {
  ++**static_cast<int64_t **>(arguments[0]);
  return "";
}

void launch(MoEContext *context, MoEKernel &kernel, void *block,
            int64_t gridX = 1) {
  void *arguments[] = {&block};
  moe_rt_device_launch(context, &kernel, gridX, 2, 3, 32, 4, 1, 100, arguments);
}

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(DeviceTest, BlocksBelongToTheInvocation) {
  void *kept = nullptr;
  rt::Result result = context.invoke([&] {
    kept = moe_rt_device_alloc(&context, 100);
    moe_rt_device_free(&context, moe_rt_device_alloc(&context, 200));
    moe_rt_device_free(&context, nullptr);
  });
  EXPECT_EQ(result.status, rt::Status::Ok);
  EXPECT_EQ(device.alive, std::set<void *>{kept});
  EXPECT_EQ(context.liveBytes(), 100);

  result = context.invoke([&] {
    moe_rt_device_alloc(&context, 300);
    moe_rt_device_alloc(&context, 0);
    rt::Result inner = context.invoke([&] {
      moe_rt_device_alloc(&context, 400);
      moe_rt_fail(&context, "inner", 5);
    });
    EXPECT_EQ(inner.message, "inner");
    EXPECT_EQ(context.liveBytes(), 100 + 300);
    moe_rt_fail(&context, "outer", 5);
  });
  EXPECT_EQ(result.message, "outer");
  EXPECT_EQ(device.alive, std::set<void *>{kept});
  EXPECT_EQ(context.liveBytes(), 100);
  moe_rt_device_free(&context, kept);
}

TEST_F(DeviceTest, EmptyBlocksDiffer) {
  void *a = moe_rt_device_alloc(&context, 0),
       *b = moe_rt_device_alloc(&context, 0);
  EXPECT_NE(a, b);
  EXPECT_EQ(context.liveBytes(), 0);
  moe_rt_device_free(&context, a);
  moe_rt_device_free(&context, b);
}

TEST_F(DeviceTest, LimitCountsDeviceAndHostAlike) {
  context.setMemoryLimit(1000);
  rt::Result result = context.invoke([&] {
    moe_rt_alloc(&context, 600, 64);
    moe_rt_device_alloc(&context, 600);
  });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message,
            "cannot allocate 600 bytes: 600 bytes are in use, and the limit "
            "is 1000 bytes");
  EXPECT_TRUE(device.alive.empty());
}

TEST_F(DeviceTest, RefusedBlocksAreLimits) {
  rt::Result result =
      context.invoke([&] { moe_rt_device_alloc(&context, 2 << 20); });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message,
            "cannot allocate 2097152 bytes on host:7: no such block");
  result = context.invoke([&] { moe_rt_device_alloc(&context, -1); });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message, "cannot allocate -1 bytes: a block has between 0 "
                            "and 281474976710656 bytes");
  result = context.invoke([&] {
    moe_rt_device_alloc(&context, std::numeric_limits<int64_t>::max());
  });
  EXPECT_EQ(result.status, rt::Status::Limit);
}

TEST_F(DeviceTest, WhatIsNoBlockIsNotFreed) {
  rt::Result result = context.invoke([&] {
    char *block = static_cast<char *>(moe_rt_device_alloc(&context, 100));
    moe_rt_device_free(&context, block + 1);
  });
  EXPECT_EQ(result.message,
            "an address is freed that is no block of the device");
  EXPECT_TRUE(device.alive.empty());
}

TEST_F(DeviceTest, ThreadsShareTheDevice) {
  context.setThreads(4);
  rt::Result result = context.invoke([&] {
    moe_rt_parallel_for(
        &context,
        [](MoEContext *in, int64_t index, void *) {
          int64_t value = 0;
          void *block = moe_rt_device_alloc(in, 8);
          moe_rt_device_write(in, block, &index, 8);
          moe_rt_device_read(in, &value, block, 8);
          if (value != index)
            moe_rt_fail(in, "mixed up", 8);
          if (index % 2)
            moe_rt_device_free(in, block);
          if (index == 199)
            moe_rt_fail(in, "at the end", 10);
        },
        nullptr, 200);
  });
  EXPECT_EQ(result.message, "at the end");
  EXPECT_TRUE(device.alive.empty());
}

TEST_F(DeviceTest, ConstantsAreUploadedOnce) {
  const int64_t values[4] = {1, 2, 3, 4};
  EXPECT_EQ(*static_cast<const int64_t *>(
                moe_rt_device_constant(&context, values + 3, 8)),
            4);
  const void *copy = moe_rt_device_constant(&context, values, 32);
  EXPECT_EQ(std::memcmp(copy, values, 32), 0);
  EXPECT_EQ(moe_rt_device_constant(&context, values, 32), copy);
  // The beginning of what is there already.
  EXPECT_EQ(moe_rt_device_constant(&context, values, 8), copy);
  const void *other = moe_rt_device_constant(&context, values + 1, 8);
  EXPECT_NE(other, copy);
  EXPECT_EQ(*static_cast<const int64_t *>(other), 2);
  EXPECT_NE(moe_rt_device_constant(&context, values + 4, 0), nullptr);
  rt::DeviceCounters counters = context.deviceCounters();
  EXPECT_EQ(counters.constantBytes, 48);
  EXPECT_EQ(counters.bytesWritten, 0);
  EXPECT_EQ(context.liveBytes(), 0);
  EXPECT_EQ(device.alive.size(), 4u);

  context.setDevice(nullptr);
  EXPECT_TRUE(device.alive.empty());
}

TEST_F(DeviceTest, ConstantsThatFailLeaveNothing) {
  static const int64_t values[4] = {1, 2, 3, 4};
  device.problem = "cuFake: broken";
  rt::Result result =
      context.invoke([&] { moe_rt_device_constant(&context, values, 32); });
  EXPECT_EQ(result.message, "device host:7: cuFake: broken");
  EXPECT_TRUE(device.alive.empty());
  static const std::vector<char> large(2 << 20);
  result = context.invoke(
      [&] { moe_rt_device_constant(&context, large.data(), 2 << 20); });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message,
            "cannot allocate 2097152 bytes on host:7: no such block");
  result =
      context.invoke([&] { moe_rt_device_constant(&context, values, -32); });
  EXPECT_EQ(result.message, "device host:7: a constant of -32 bytes");
  device.problem.clear();
  device.isCapturing = true;
  result =
      context.invoke([&] { moe_rt_device_constant(&context, values, 32); });
  EXPECT_EQ(result.message, "device host:7: a constant is uploaded while a "
                            "step is captured; the step must have run before");
  device.isCapturing = false;
  EXPECT_NE(moe_rt_device_constant(&context, values, 32), nullptr);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

TEST_F(DeviceTest, SmallBlocksAreReadOnce) {
  auto *block = static_cast<int64_t *>(moe_rt_device_alloc(&context, 16 << 10));
  auto *large =
      static_cast<int64_t *>(moe_rt_device_alloc(&context, (16 << 10) + 1));
  std::vector<int64_t> values(2048);
  std::iota(values.begin(), values.end(), 0);
  moe_rt_device_write(&context, block, values.data(), 16 << 10);
  auto sumOf = [&] {
    int64_t sum = 0;
    for (int i = 0; i < 2048; ++i) {
      int64_t value = 0;
      moe_rt_device_read(&context, &value, block + i, 8);
      sum += value;
    }
    return sum;
  };
  EXPECT_EQ(sumOf(), 2047 * 1024);
  EXPECT_EQ(device.reads, 1);

  MoEKernel kernel = kernelOf("add", addOne);
  launch(&context, kernel, block + 5);
  EXPECT_EQ(sumOf(), 2047 * 1024 + 1);
  EXPECT_EQ(device.reads, 2);
  int64_t value = 100;
  moe_rt_device_write(&context, block, &value, 8);
  EXPECT_EQ(sumOf(), 2047 * 1024 + 101);
  EXPECT_EQ(device.reads, 3);
  block[1] = 11;
  EXPECT_EQ(context.replay(4).status, rt::Status::Ok);
  EXPECT_EQ(sumOf(), 2047 * 1024 + 111);
  EXPECT_EQ(device.reads, 4);

  // A step that is captured must not go by old values.
  device.isCapturing = true;
  moe_rt_device_read(&context, &value, block, 8);
  EXPECT_EQ(device.reads, 5);
  device.isCapturing = false;

  for (int i = 0; i < 3; ++i)
    moe_rt_device_read(&context, &value, large, 8);
  EXPECT_EQ(device.reads, 8);
  moe_rt_device_read(&context, &value, large, 0);
  EXPECT_EQ(device.reads, 8);

  rt::DeviceCounters counters = context.deviceCounters();
  EXPECT_EQ(counters.reads, 8);
  EXPECT_EQ(counters.bytesRead, 4 * (16 << 10) + 4 * 8);
  EXPECT_EQ(counters.writes, 2);
  EXPECT_EQ(counters.bytesWritten, (16 << 10) + 8);
  EXPECT_EQ(counters.replays, 1);
  moe_rt_device_free(&context, block);
  moe_rt_device_free(&context, large);
}

TEST_F(DeviceTest, CopiesOfFreedBlocksAreForgotten) {
  int64_t value = 1;
  void *block = moe_rt_device_alloc(&context, 8);
  moe_rt_device_read(&context, &value, block, 8);
  EXPECT_EQ(value, 0);
  moe_rt_device_free(&context, block);
  void *next = moe_rt_device_alloc(&context, 8);
  ASSERT_EQ(next, block);
  *static_cast<int64_t *>(next) = 9;
  moe_rt_device_read(&context, &value, next, 8);
  EXPECT_EQ(value, 9);
  moe_rt_device_free(&context, next);
}

TEST_F(DeviceTest, CopiesOfNegativeSizeFail) {
  rt::Result result = context.invoke([&] {
    int64_t value;
    moe_rt_device_read(&context, &value, moe_rt_device_alloc(&context, 8), -8);
  });
  EXPECT_EQ(result.message, "device host:7: a copy of -8 bytes");
  result = context.invoke([&] {
    int64_t value = 0;
    moe_rt_device_write(&context, moe_rt_device_alloc(&context, 8), &value, -1);
  });
  EXPECT_EQ(result.message, "device host:7: a copy of -1 bytes");
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

TEST_F(DeviceTest, LaunchesAreCountedByName) {
  auto *block = static_cast<int64_t *>(moe_rt_device_alloc(&context, 8));
  MoEKernel gate = kernelOf("gate", addOne), down = kernelOf("down", addOne);
  launch(&context, gate, block, 4);
  EXPECT_EQ(device.last.grid[0], 4);
  EXPECT_EQ(device.last.grid[2], 3);
  EXPECT_EQ(device.last.block[1], 4);
  EXPECT_EQ(device.last.sharedBytes, 100);
  launch(&context, down, block);
  launch(&context, gate, block);
  // An empty grid is not launched.
  launch(&context, gate, block, 0);
  EXPECT_EQ(*block, 3);
  rt::DeviceCounters counters = context.deviceCounters();
  EXPECT_EQ(counters.kernelsLaunched, 3);
  using Launches = std::vector<std::pair<std::string, int64_t>>;
  EXPECT_EQ(counters.launches, (Launches{{"down", 1}, {"gate", 2}}));
  context.resetCounters();
  EXPECT_TRUE(context.deviceCounters().launches.empty());
  EXPECT_EQ(context.deviceCounters().kernelsLaunched, 0);
  EXPECT_EQ(moe_rt_device_multiprocessors(&context), 5);
  EXPECT_EQ(moe_rt_device_failure_word(&context), &device.word);
  moe_rt_device_free(&context, block);
}

TEST_F(DeviceTest, ImpossibleSizesAreRefused) {
  static MoEKernel kernel = kernelOf(
      "k", [](HostDevice &, void **) { return std::string("was launched"); });
  struct {
    int64_t gridX, gridZ, blockX, blockZ, sharedBytes;
    const char *problem;
  } cases[] = {
      {-1, 1, 32, 1, 0,
       "a grid of -1 x 1 x 1 blocks, at most 2147483647 x 65535 x 65535"},
      {1, 65536, 32, 1, 0,
       "a grid of 1 x 1 x 65536 blocks, at most 2147483647 x 65535 x 65535"},
      {1, 1, 0, 1, 0, "a block of 0 x 1 x 1 threads, at most 1024 x 1024 x 64"},
      {1, 1, 32, 65, 0,
       "a block of 32 x 1 x 65 threads, at most 1024 x 1024 x 64"},
      {1, 1, 32, 64, 0, "a block of 32 x 1 x 64 threads, at most 1024 in all"},
      {1, 1, 32, 1, -4, "-4 bytes of shared memory"},
  };
  for (auto &each : cases) {
    rt::Result result = context.invoke([&] {
      moe_rt_device_launch(&context, &kernel, each.gridX, 1, each.gridZ,
                           each.blockX, 1, each.blockZ, each.sharedBytes,
                           nullptr);
    });
    EXPECT_EQ(result.message,
              std::string("device host:7: kernel k: ") + each.problem);
  }
  EXPECT_EQ(context.deviceCounters().kernelsLaunched, 0);
}

TEST_F(DeviceTest, KernelsSayWhatIsWrong) {
  static MoEKernel says =
      kernelOf("says", [](HostDevice &device, void **) -> std::string {
        device.failWith("token 3: expert 9 of 8");
        return "cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED";
      });
  static MoEKernel silent = kernelOf("silent", [](HostDevice &, void **) {
    return std::string("kernel silent: trapped");
  });
  rt::Result result = context.invoke([&] {
    moe_rt_device_alloc(&context, 8);
    launch(&context, says, nullptr);
  });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_EQ(result.message, "token 3: expert 9 of 8");
  EXPECT_EQ(device.word, 0);
  // The word of one failure is not that of the next.
  result = context.invoke([&] { launch(&context, silent, nullptr); });
  EXPECT_EQ(result.message, "device host:7: kernel silent: trapped");
  EXPECT_EQ(context.deviceCounters().kernelsLaunched, 0);
}

TEST_F(DeviceTest, LateFailuresAreOfKernels) {
  static const char message[] = "index 4 of 4";
  rt::Result result = context.invoke([&] {
    int64_t value;
    void *block = moe_rt_device_alloc(&context, 8);
    device.problem = "cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED";
    device.failWith(message);
    moe_rt_device_read(&context, &value, block, 8);
  });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_EQ(result.message, message);

  device.failWith(message);
  EXPECT_EQ(context.synchronize().message, message);
  EXPECT_EQ(context.synchronize().message, "device host:7: " + device.problem);
  device.failWith(message);
  EXPECT_EQ(context.replay(1).message, message);
  // Not memory is what was lacking.
  device.failWith(message);
  result = context.invoke([&] { moe_rt_device_alloc(&context, 2 << 20); });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_EQ(result.message, message);
  // A word that leads to no message.
  std::string endless(1 << 20, 'x');
  device.word = reinterpret_cast<int64_t>(endless.data());
  EXPECT_EQ(context.synchronize().message, "device host:7: " + device.problem);
}

TEST_F(DeviceTest, WithoutDevice) {
  context.setDevice(nullptr);
  EXPECT_EQ(context.device(), nullptr);
  static MoEKernel kernel = kernelOf("k", addOne);
  static int64_t word;
  const std::function<void()> bodies[] = {
      [&] { moe_rt_device_alloc(&context, 8); },
      [&] { moe_rt_device_read(&context, &word, &word, 8); },
      [&] { moe_rt_device_constant(&context, &word, 8); },
      [&] { moe_rt_device_multiprocessors(&context); },
      [&] { launch(&context, kernel, nullptr); }};
  for (const std::function<void()> &body : bodies) {
    rt::Result result = context.invoke(body);
    EXPECT_EQ(result.status, rt::Status::Error);
    EXPECT_EQ(result.message, "the program runs kernels, and no device is set");
  }
  EXPECT_EQ(context.synchronize().message, "no device is set");
}

TEST_F(DeviceTest, CapturingIsOptional) {
  struct : HostDevice {
    std::string replay(int64_t graph) override { return Device::replay(graph); }
  } plain;
  std::string problem;
  EXPECT_EQ(plain.beginCapture(), "it cannot capture steps");
  EXPECT_EQ(plain.endCapture(problem), 0);
  EXPECT_EQ(problem, "it cannot capture steps");
  EXPECT_EQ(plain.replay(1), "it cannot capture steps");
  plain.releaseGraph(1);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

TEST_F(DeviceTest, TensorMapsAreChecked) {
  alignas(64) char base[64] = {}, map[MoETensorMapBytes] = {};
  const int64_t sizes[] = {128, 0}, strides[] = {256}, box[] = {64, 256};
  moe_rt_device_tensor_map(&context, map, base, 2, 2, sizes, strides, box);
  EXPECT_EQ(map[127], 1);

  auto check = [&](int64_t elementBytes, int64_t rank, int64_t size,
                   int64_t stride, int64_t box0, int64_t box1, int offset = 0) {
    const int64_t sizes[] = {128, size}, strides[] = {stride},
                  box[] = {box0, box1};
    rt::Result result = context.invoke([&] {
      moe_rt_device_tensor_map(&context, map, base + offset, elementBytes, rank,
                               sizes, strides, box);
    });
    const std::string prefix = "device host:7: tensor map: ";
    return result.message.compare(0, prefix.size(), prefix)
               ? "?"
               : result.message.substr(prefix.size());
  };
  EXPECT_EQ(check(8, 2, 8, 256, 64, 8), "elements of 8 bytes, not 2 or 4");
  EXPECT_EQ(check(2, 0, 8, 256, 64, 8), "rank 0 is not between 1 and 5");
  EXPECT_EQ(check(2, 6, 8, 256, 64, 8), "rank 6 is not between 1 and 5");
  EXPECT_EQ(check(2, 2, -8, 256, 64, 8),
            "size 1 is -8, not between 0 and 2^32");
  EXPECT_EQ(check(2, 2, 8, 250, 64, 8),
            "stride 1 is 250, not a multiple of 16 bytes below 2^40");
  EXPECT_EQ(check(2, 2, 8, 256, 64, 257),
            "box size 1 is 257, not between 1 and 256");
  EXPECT_EQ(check(2, 2, 8, 256, 4, 8),
            "rows of the box have 8 bytes, not a multiple of 16");
  EXPECT_EQ(check(2, 2, 8, 256, 64, 8, 2),
            "the tensor is not aligned to 16 bytes");
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

TEST_F(DeviceTest, SymbolsAreApartFromThoseOfTheHost) {
  std::set<std::string> names;
  for (const std::vector<rt::Symbol> *table :
       {&rt::symbols(), &rt::deviceSymbols()})
    for (const rt::Symbol &entry : *table) {
      EXPECT_NE(entry.address, nullptr);
      EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    }
}

TEST_F(DeviceTest, FreesBlocksOfEither) {
  void *onDevice = moe_rt_device_alloc(&context, 100);
  void *onHost = moe_rt_alloc(&context, 200, 64);
  EXPECT_EQ(device.alive, (std::set<void *>{onDevice}));
  EXPECT_EQ(context.liveBytes(), 300);
  moe_rt_free(&context, onDevice);
  EXPECT_TRUE(device.alive.empty());
  EXPECT_EQ(context.liveBytes(), 200);
  moe_rt_free(&context, onHost);
  EXPECT_EQ(context.liveBytes(), 0);
}

TEST_F(DeviceTest, CountsAreReadFromTheDevice) {
  const int64_t counts[] = {3, 0, 5};
  auto *copy =
      static_cast<int64_t *>(moe_rt_device_alloc(&context, sizeof(counts)));
  moe_rt_device_write(&context, copy, counts, sizeof(counts));
  context.resetCounters();
  moe_rt_dispatch(&context, 2, 1, 4, 3, copy);
  std::vector<rt::DispatchCounters> counters = context.dispatchCounters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].tokensPerExpert, (std::vector<int64_t>{3, 0, 5}));
  EXPECT_EQ(counters[0].assignments, 8);
  EXPECT_EQ(device.reads, 1);

  moe_rt_device_write(&context, copy, counts, sizeof(counts));
  device.problem = "broken";
  EXPECT_EQ(context.invoke([&] { moe_rt_dispatch(&context, 2, 1, 4, 3, copy); })
                .message,
            "device host:7: broken");
  device.problem.clear();
  EXPECT_EQ(context.dispatchCounters()[0].runs, 1);
  context.resetCounters();
  moe_rt_device_free(&context, copy);
}
