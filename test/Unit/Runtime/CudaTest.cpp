//===- CudaTest.cpp - Tests of CUDA devices on a driver that plays one ----===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// FakeCuda.cpp is the driver.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Cuda.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <unistd.h>

using namespace mlir::moe;

namespace {

using Lines = std::vector<std::string>;

class CudaTest : public ::testing::Test {
protected:
  void SetUp() override {
    logPath = ::testing::TempDir() + "moe-fake-cuda-" +
              std::to_string(getpid()) + ".log";
    setenv("MOE_CUDA_DRIVER", MOE_FAKE_CUDA_LIBRARY, 1);
    setenv("MOE_FAKE_CUDA_LOG", logPath.c_str(), 1);
    behave("");
  }
  void TearDown() override {
    context.setDevice(nullptr);
    device.reset();
    unsetenv("MOE_CUDA_DRIVER");
    unsetenv("MOE_FAKE_CUDA_LOG");
    unsetenv("MOE_FAKE_CUDA");
    std::remove(logPath.c_str());
  }

  void behave(const char *how) { setenv("MOE_FAKE_CUDA", how, 1); }

  /// Opens a device; the problem if that fails.
  std::string open(int ordinal = 0) {
    std::string problem;
    device = rt::openCudaDevice(ordinal, problem);
    EXPECT_EQ(!device, !problem.empty());
    forget();
    return problem;
  }

  /// What was called since the last `forget`.
  Lines calls() {
    std::ifstream file(logPath);
    Lines lines;
    for (std::string line; std::getline(file, line);)
      lines.push_back(line);
    return lines;
  }
  int64_t countCalls(const std::string &prefix) {
    Lines lines = calls();
    return std::count_if(lines.begin(), lines.end(), [&](auto &line) {
      return line.compare(0, prefix.size(), prefix) == 0;
    });
  }
  void forget() { std::remove(logPath.c_str()); }

  /// Closes the device: what it left behind.
  std::string close() {
    device.reset();
    Lines lines = calls();
    return lines.empty() ? "" : lines.back();
  }

  std::string logPath;
  std::unique_ptr<rt::Device> device;
  rt::Context context;
};

constexpr const char nothingAlive[] =
    "alive: 0 blocks 0 pinned 0 streams 0 events 0 modules 0 graphs";

constexpr const char image[] = "// up down gate";

MoEKernel kernelOf(const char *name) { return {name, image, sizeof(image), 0}; }

rt::Launch launchOf(int64_t sharedBytes = 0) {
  return {{4, 2, 1}, {128, 1, 1}, sharedBytes, nullptr};
}

int64_t readWord(rt::Device &device, const void *block) {
  int64_t value = -1;
  EXPECT_EQ(device.read(&value, block, sizeof(value)), "");
  return value;
}

} // namespace

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, DevicesSayWhatTheyAre) {
  ASSERT_EQ(open(), "");
  EXPECT_EQ(device->name(), "cuda:0");
  EXPECT_EQ(device->description(), "Fake 0, sm_90, 80 GiB");
  EXPECT_EQ(device->chip(), "sm_90a");
  EXPECT_EQ(device->multiprocessors(), 132);
  for (auto [capability, chip] : {std::pair("capability=80", "sm_80"),
                                  std::pair("capability=89", "sm_89"),
                                  std::pair("capability=100", "sm_100a"),
                                  std::pair("capability=121", "sm_121a")}) {
    device.reset();
    behave(capability);
    ASSERT_EQ(open(), "");
    EXPECT_EQ(device->chip(), chip);
  }
  for (auto [version, ptx] :
       {std::pair("version=13000", 90), std::pair("version=12080", 87),
        std::pair("version=12060", 85), std::pair("version=12000", 80)}) {
    device.reset();
    behave(version);
    ASSERT_EQ(open(), "");
    EXPECT_EQ(device->ptxVersion(), ptx);
  }
  device.reset();
  behave("devices=2");
  ASSERT_EQ(open(1), "");
  EXPECT_EQ(device->name(), "cuda:1");
  EXPECT_EQ(device->description(), "Fake 1, sm_90, 80 GiB");
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, DevicesAreListed) {
  behave("devices=2 capability=100 memory=1073741824");
  std::string why = "?";
  std::vector<rt::CudaDeviceInfo> devices = rt::listCudaDevices(why);
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(why, "");
  EXPECT_EQ(devices[1].name, "cuda:1");
  EXPECT_EQ(devices[1].description, "Fake 1, sm_100, 1 GiB");
  // Looking at a device makes nothing on it.
  EXPECT_EQ(countCalls("cuDevicePrimaryCtxRetain"), 0);
  behave("devices=0");
  EXPECT_TRUE(rt::listCudaDevices(why).empty());
  EXPECT_EQ(
      why, "cuInit: CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)");
  behave("fail=cuDeviceGetName:999:1");
  EXPECT_TRUE(rt::listCudaDevices(why).empty());
  EXPECT_EQ(why, "cuda:0: cuDeviceGetName: error 999");
}

TEST_F(CudaTest, ProblemsOfOpening) {
  behave("devices=0");
  EXPECT_EQ(open(), "cuInit: CUDA_ERROR_NO_DEVICE (no CUDA-capable device is "
                    "detected)");
  behave("version=11080");
  EXPECT_EQ(open(), "the driver is for CUDA 11.8, and CUDA 12.0 or newer is "
                    "needed");
  EXPECT_EQ(countCalls("cuInit"), 0);
  behave("");
  EXPECT_EQ(open(1), "there is no cuda:1: the machine has 1 device");
  EXPECT_EQ(open(-1), "there is no cuda:-1: the machine has 1 device");
  behave("devices=2");
  EXPECT_EQ(open(3), "there is no cuda:3: the machine has 2 devices");
}

TEST_F(CudaTest, LibrariesThatAreNoDriver) {
  setenv("MOE_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
  EXPECT_EQ(open(),
            "/nowhere/libcuda.so.1 cannot be loaded: cannot open shared "
            "object file: No such file or directory");
  std::string why;
  EXPECT_TRUE(rt::listCudaDevices(why).empty());
  EXPECT_EQ(why.compare(0, 22, "/nowhere/libcuda.so.1 "), 0);
  setenv("MOE_CUDA_DRIVER", "libm.so.6", 1);
  EXPECT_EQ(open(), "libm.so.6 has no cuDriverGetVersion");
}

TEST_F(CudaTest, EveryCallOfOpeningMayFail) {
  for (const char *name :
       {"cuDriverGetVersion", "cuInit", "cuDeviceGetCount", "cuDeviceGet",
        "cuDeviceGetName", "cuDeviceTotalMem", "cuDeviceGetAttribute",
        "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuStreamCreate",
        "cuMemHostAlloc", "cuEventCreate", "cuMemHostGetDevicePointer"}) {
    const std::string call = name;
    int64_t times = 0;
    // As often as it is called.
    for (std::string problem; !device; ++times) {
      behave(("fail=" + call + ":2:" + std::to_string(times + 1)).c_str());
      device = rt::openCudaDevice(0, problem);
      if (device)
        break;
      EXPECT_EQ(problem, call + ": CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
      // What had been made by then is gone.
      if (countCalls("cuDevicePrimaryCtxRelease"))
        EXPECT_EQ(calls().back(), nothingAlive) << call << " " << times;
      forget();
    }
    EXPECT_GE(times, 1) << call;
    device.reset();
    forget();
    behave("");
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, ReleasedBlocksAreTakenAgain) {
  ASSERT_EQ(open(), "");
  std::string problem;
  void *a = device->allocate(1, problem);
  void *b = device->allocate(513, problem);
  void *c = device->allocate(100000, problem);
  void *d = device->allocate((int64_t(64) << 20) + 1, problem);
  EXPECT_EQ(calls(), (Lines{"cuMemAlloc 512", "cuMemAlloc 1024",
                            "cuMemAlloc 106496", "cuMemAlloc 69206016"}));
  for (void *block : {a, b, c, d}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 256, 0u);
    device->release(block);
  }
  forget();
  // Same sizes, same addresses; the last one that was released comes first.
  EXPECT_EQ(device->allocate(99000, problem), c);
  EXPECT_EQ(device->allocate(512, problem), a);
  void *e = device->allocate(512, problem);
  EXPECT_NE(e, a);
  device->release(a);
  device->release(e);
  EXPECT_EQ(device->allocate(300, problem), e);
  EXPECT_EQ(device->allocate(300, problem), a);
  EXPECT_EQ(calls(), Lines{"cuMemAlloc 512"});
  EXPECT_EQ(problem, "");
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, CachedBlocksAreGivenBackFirst) {
  behave("memory=8192");
  ASSERT_EQ(open(), "");
  std::string problem;
  void *a = device->allocate(2048, problem);
  void *b = device->allocate(4096, problem);
  device->release(a);
  forget();
  ASSERT_NE(device->allocate(3072, problem), nullptr);
  EXPECT_EQ(calls(),
            (Lines{"cuMemAlloc 3072", "cuMemFree 2048", "cuMemAlloc 3072"}));
  forget();
  EXPECT_EQ(device->allocate(3072, problem), nullptr);
  EXPECT_EQ(problem, "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
  // There was nothing to give back.
  EXPECT_EQ(calls(), Lines{"cuMemAlloc 3072"});
  // A block that is in use was not given back.
  int64_t value = 5;
  EXPECT_EQ(device->write(b, &value, 8), "");
  EXPECT_EQ(readWord(*device, b), 5);

  context.setDevice(device.get());
  rt::Result result =
      context.invoke([&] { moe_rt_device_alloc(&context, 5000); });
  EXPECT_EQ(result.status, rt::Status::Limit);
  EXPECT_EQ(result.message, "cannot allocate 5000 bytes on cuda:0: cuMemAlloc: "
                            "CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, WritesDoNotWait) {
  ASSERT_EQ(open(), "");
  std::string problem;
  constexpr int64_t count = 5 << 20;
  std::vector<char> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<char>(i * 7919 >> 5);
  std::vector<char> expected = values, got(count + 1000);
  auto *block = static_cast<char *>(device->allocate(count + 1000, problem));
  EXPECT_EQ(device->write(block, values.data(), count), "");
  // The host's bytes may change before the device has them.
  std::fill(values.begin(), values.end(), 'x');
  for (int64_t i = 0; i < 1000; ++i) {
    char value = static_cast<char>(i);
    EXPECT_EQ(device->write(block + count + i, &value, 1), "");
    expected.push_back(value);
  }
  EXPECT_EQ(countCalls("cuStreamSynchronize"), 0);
  EXPECT_EQ(device->read(got.data(), block, count + 1000), "");
  EXPECT_EQ(got, expected);
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, CopiesOutsideOfBlocksFail) {
  ASSERT_EQ(open(), "");
  std::string problem;
  int64_t values[200] = {};
  void *block = device->allocate(512, problem);
  EXPECT_EQ(device->write(block, values, sizeof(values)),
            "cuMemcpyHtoDAsync: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  EXPECT_EQ(device->read(values, block, sizeof(values)),
            "cuMemcpyDtoHAsync: CUDA_ERROR_INVALID_VALUE (invalid argument)");
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, ModulesAreLoadedOnce) {
  ASSERT_EQ(open(), "");
  MoEKernel up = kernelOf("up"), down = kernelOf("down");
  EXPECT_EQ(device->launch(up, launchOf()), "");
  EXPECT_EQ(device->launch(up, launchOf()), "");
  EXPECT_EQ(device->launch(down, launchOf()), "");
  EXPECT_EQ(calls(),
            (Lines{"cuModuleLoadDataEx", "cuModuleGetFunction up",
                   "cuLaunchKernel up grid 4 2 1 block 128 1 1 shared 0",
                   "cuLaunchKernel up grid 4 2 1 block 128 1 1 shared 0",
                   "cuModuleGetFunction down",
                   "cuLaunchKernel down grid 4 2 1 block 128 1 1 shared 0"}));
  EXPECT_NE(up.number, down.number);
  EXPECT_EQ(device->synchronize(), "");
  EXPECT_EQ(calls().back(), "run down");
  EXPECT_EQ(close(), nothingAlive);

  // What a device that was closed had loaded means nothing to the next.
  ASSERT_EQ(open(), "");
  EXPECT_EQ(device->launch(down, launchOf()), "");
  EXPECT_EQ(calls().front(), "cuModuleLoadDataEx");
}

TEST_F(CudaTest, ImagesAreKnownByTheirBytes) {
  ASSERT_EQ(open(), "");
  // Without the zero that ends it.
  std::string text = "// a b";
  MoEKernel first{"a", text.data(), static_cast<int64_t>(text.size()), 0};
  EXPECT_EQ(device->launch(first, launchOf()), "");
  text[3] = 'c';
  MoEKernel second{"c", text.data(), static_cast<int64_t>(text.size()), 0};
  EXPECT_EQ(device->launch(second, launchOf()), "");
  EXPECT_EQ(countCalls("cuModuleLoadDataEx"), 2);
}

TEST_F(CudaTest, MuchSharedMemoryIsAskedFor) {
  ASSERT_EQ(open(), "");
  MoEKernel up = kernelOf("up");
  EXPECT_EQ(device->launch(up, launchOf(48 << 10)), "");
  EXPECT_EQ(countCalls("cuFuncSetAttribute"), 0);
  EXPECT_EQ(device->launch(up, launchOf(200 << 10)), "");
  EXPECT_EQ(countCalls("cuFuncSetAttribute up 8 204800"), 1);
  // All of it, so that as many blocks as fit run at a time.
  EXPECT_EQ(countCalls("cuFuncSetAttribute up 9 100"), 1);
  EXPECT_EQ(device->launch(up, launchOf(100 << 10)), "");
  EXPECT_EQ(countCalls("cuFuncSetAttribute"), 2);
  EXPECT_EQ(device->launch(up, launchOf(300 << 10)),
            "kernel up: 307200 bytes of shared memory: cuFuncSetAttribute: "
            "CUDA_ERROR_INVALID_VALUE (invalid argument)");
}

TEST_F(CudaTest, ImagesThatTheDriverRefuses) {
  MoEKernel up = kernelOf("up");
  behave("fail=cuModuleLoadDataEx:222:1 fail=cuModuleLoadDataEx:209:2");
  ASSERT_EQ(open(), "");
  EXPECT_EQ(device->launch(up, launchOf()),
            "kernel up: cuModuleLoadDataEx: CUDA_ERROR_UNSUPPORTED_PTX_VERSION "
            "(unsupported toolchain): line 9; fatal : no such thing");
  EXPECT_EQ(device->launch(up, launchOf()),
            "kernel up: cuModuleLoadDataEx: CUDA_ERROR_NO_BINARY_FOR_GPU (no "
            "kernel image)");
  EXPECT_EQ(device->launch(up, launchOf()), "");
  MoEKernel missing = kernelOf("sideways");
  EXPECT_EQ(device->launch(missing, launchOf()),
            "kernel sideways: cuModuleGetFunction: CUDA_ERROR_NOT_FOUND (named "
            "symbol not found)");
  MoEKernel empty{"empty", nullptr, 0, 0};
  EXPECT_EQ(device->launch(empty, launchOf()), "kernel empty: it has no image");
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, KernelsThatFail) {
  behave("fail=cuStreamSynchronize:719:1");
  ASSERT_EQ(open(), "");
  context.setDevice(device.get());
  EXPECT_EQ(device->failureWord(), device->failureWordOnDevice());
  static MoEKernel up = kernelOf("up");
  static const char message[] = "token 3: expert 9 of 8";
  rt::Result result = context.invoke([&] {
    int64_t value;
    void *block = moe_rt_device_alloc(&context, 8);
    moe_rt_device_launch(&context, &up, 1, 1, 1, 32, 1, 1, 0, nullptr);
    *device->failureWord() = reinterpret_cast<int64_t>(message);
    moe_rt_device_read(&context, &value, block, 8);
  });
  EXPECT_EQ(result.status, rt::Status::Error);
  EXPECT_EQ(result.message, message);
  // From now on nothing works.
  EXPECT_EQ(context.synchronize().message,
            "device cuda:0: cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED "
            "(unspecified launch failure)");
  context.setDevice(nullptr);
  device.reset();
  // Until it is opened again.
  behave("");
  ASSERT_EQ(open(), "");
  EXPECT_EQ(device->launch(up, launchOf()), "");
  EXPECT_EQ(device->synchronize(), "");
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, TensorMapsOfTheDriver) {
  ASSERT_EQ(open(), "");
  char place[MoETensorMapBytes + 1];
  std::memset(place, 1, sizeof(place));
  std::string problem;
  void *base = device->allocate(1 << 20, problem);
  forget();
  const int64_t sizes[] = {2048, 768, 16}, strides[] = {4096, 3145728},
                box[] = {64, 128, 1}, narrow[] = {32, 8}, empty[] = {2048, 0};
  // The driver wants an aligned map, compiled code need not have one.
  EXPECT_EQ(device->makeTensorMap(place + 1, {base, 2, 3, sizes, strides, box}),
            "");
  EXPECT_EQ(place[1], 0);
  EXPECT_EQ(place[MoETensorMapBytes], 0);
  EXPECT_EQ(device->makeTensorMap(place, {base, 4, 2, empty, strides, narrow}),
            "");
  EXPECT_EQ(device->makeTensorMap(place, {base, 2, 2, sizes, strides, narrow}),
            "");
  EXPECT_EQ(
      calls(),
      (Lines{"cuTensorMapEncodeTiled type 1 sizes 2048 768 16 strides 4096 "
             "3145728 box 64/1 128/1 1/1 modes 0 3 3 0",
             "cuTensorMapEncodeTiled type 7 sizes 2048 1 strides 4096 box 32/1 "
             "8/1 modes 0 3 3 0",
             "cuTensorMapEncodeTiled type 1 sizes 2048 768 strides 4096 box "
             "32/1 8/1 modes 0 0 3 0"}));
  EXPECT_EQ(device->makeTensorMap(place, {base, 2, 9, sizes, strides, box}),
            "tensor map: rank 9 is not between 1 and 5");
}

//===----------------------------------------------------------------------===//
// Captured steps
//===----------------------------------------------------------------------===//

namespace {
/// Where a step gets its input, and where it leaves a result.
struct Step {
  int64_t input = 0;
  void *result = nullptr;
  MoEKernel up = kernelOf("up");

  void run(MoEContext *context) {
    void *between = moe_rt_device_alloc(context, 512);
    result = moe_rt_device_alloc(context, 2000);
    moe_rt_device_write(context, result, &input, sizeof(input));
    // On the real stack, also under sanitizers.
    auto *temporary = static_cast<int64_t *>(__builtin_alloca(sizeof(int64_t)));
    *temporary = 77;
    moe_rt_device_write(context, static_cast<char *>(result) + 8, temporary, 8);
    *temporary = 78;
    moe_rt_device_launch(context, &up, 1, 1, 1, 32, 1, 1, 0, nullptr);
    moe_rt_device_free(context, between);
  }
};
} // namespace

TEST_F(CudaTest, StepsAreReplayed) {
  ASSERT_EQ(open(), "");
  context.setDevice(device.get());
  Step step;
  EXPECT_EQ(context.invoke([&] { step.run(&context); }).message, "");
  moe_rt_device_free(&context, step.result);
  EXPECT_EQ(context.synchronize().message, "");
  EXPECT_EQ(countCalls("run up"), 1);

  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_TRUE(device->capturing());
  EXPECT_EQ(device->beginCapture(), "a step is being captured already");
  forget();
  step.input = 1;
  EXPECT_EQ(context.invoke([&] { step.run(&context); }).message, "");
  // Nothing waited, and memory came from what was there.
  EXPECT_EQ(countCalls("cuMemAlloc"), 0);
  EXPECT_EQ(countCalls("cuStreamSynchronize"), 0);
  EXPECT_EQ(countCalls("cuEventSynchronize"), 0);
  std::string problem;
  int64_t graph = device->endCapture(problem);
  ASSERT_NE(graph, 0) << problem;
  EXPECT_FALSE(device->capturing());
  // Nothing was done either.
  EXPECT_EQ(device->synchronize(), "");
  EXPECT_EQ(countCalls("run up"), 0);

  for (int64_t input : {5, 6, 7}) {
    step.input = input;
    forget();
    EXPECT_EQ(context.replay(graph).message, "");
    step.input = -1;
    EXPECT_EQ(countCalls("cuLaunchKernel"), 0);
    int64_t got[2] = {};
    moe_rt_device_read(&context, got, step.result, 16);
    EXPECT_EQ(countCalls("run up"), 1);
    EXPECT_EQ(got[0], input);
    EXPECT_EQ(got[1], 77);
  }

  // What the graph writes to is given to nobody else while it lives.
  auto allocate = [&] { return device->allocate(2000, problem); };
  void *result = step.result;
  moe_rt_device_free(&context, result);
  void *other = allocate();
  EXPECT_NE(other, result);
  device->releaseGraph(graph);
  EXPECT_EQ(allocate(), result);
  EXPECT_EQ(context.replay(graph).message,
            "device cuda:0: there is no graph " + std::to_string(graph));
  device->releaseGraph(graph);
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, ReplaysInARowKeepTheirInputs) {
  ASSERT_EQ(open(), "");
  std::string problem;
  int64_t input = 1, got[2] = {};
  auto *block = static_cast<char *>(device->allocate(16, problem));
  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_EQ(device->write(block, &input, 8), "");
  int64_t first = device->endCapture(problem);
  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_EQ(device->write(block + 8, &input, 8), "");
  int64_t second = device->endCapture(problem);
  ASSERT_NE(first, second);
  input = 10;
  EXPECT_EQ(device->replay(first), "");
  input = 20;
  EXPECT_EQ(device->replay(second), "");
  EXPECT_EQ(device->read(got, block, 16), "");
  EXPECT_EQ(got[0], 10);
  EXPECT_EQ(got[1], 20);
  forget();
  input = 30;
  EXPECT_EQ(device->replay(first), "");
  // Fills the memory that the first replay has read from.
  EXPECT_EQ(calls(),
            (Lines{"cuEventSynchronize", "cuGraphLaunch", "cuEventRecord"}));
}

TEST_F(CudaTest, BlocksReleasedInACaptureAreReserved) {
  behave("memory=4096");
  ASSERT_EQ(open(), "");
  std::string problem;
  void *before = device->allocate(8, problem);
  void *unused = device->allocate(1024, problem);
  EXPECT_EQ(device->beginCapture(), "");
  device->release(before);
  device->release(unused);
  // The step itself goes on with it.
  EXPECT_EQ(device->allocate(8, problem), before);
  device->release(before);
  int64_t graph = device->endCapture(problem);
  ASSERT_NE(graph, 0);
  EXPECT_NE(device->allocate(8, problem), before);
  // A second graph does not get it either.
  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_NE(device->allocate(8, problem), before);
  int64_t second = device->endCapture(problem);
  EXPECT_NE(device->allocate(1024, problem), unused);
  // Nor the driver, when there is no more.
  EXPECT_EQ(device->allocate(1024, problem), nullptr);
  EXPECT_EQ(countCalls("cuMemFree"), 0);
  device->releaseGraph(graph);
  EXPECT_EQ(device->allocate(8, problem), before);
  EXPECT_EQ(device->allocate(1024, problem), unused);
  device->releaseGraph(second);
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, StepsThatReadAreNotCaptured) {
  ASSERT_EQ(open(), "");
  context.setDevice(device.get());
  Step step;
  const std::string waits = "the host would have to wait for the device, which "
                            "it cannot while a step is captured";
  int64_t value = 0;
  void *known = moe_rt_device_alloc(&context, 8);
  moe_rt_device_read(&context, &value, known, 8);
  std::string problem;
  for (bool copied : {false, true}) {
    EXPECT_EQ(device->beginCapture(), "");
    rt::Result result = context.invoke([&] {
      step.run(&context);
      moe_rt_device_read(&context, &value, copied ? known : step.result, 8);
    });
    EXPECT_EQ(result.message, "device cuda:0: " + waits);
    EXPECT_EQ(device->endCapture(problem), 0);
    EXPECT_EQ(problem, waits);
  }
  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_EQ(device->synchronize(), waits);
  EXPECT_EQ(device->endCapture(problem), 0);
  EXPECT_EQ(device->endCapture(problem), 0);
  EXPECT_EQ(problem, "no step is being captured");

  // The device works as before, and has its memory.
  forget();
  EXPECT_EQ(context.invoke([&] { step.run(&context); }).message, "");
  EXPECT_EQ(countCalls("cuMemAlloc"), 0);
  moe_rt_device_free(&context, step.result);
  moe_rt_device_free(&context, known);
  EXPECT_EQ(close(), nothingAlive);
}

TEST_F(CudaTest, EveryCallOfCapturingMayFail) {
  for (const char *name : {"cuStreamBeginCapture", "cuMemHostAlloc",
                           "cuMemcpyHtoDAsync", "cuMemAlloc", "cuLaunchKernel",
                           "cuStreamEndCapture", "cuGraphInstantiate",
                           "cuEventCreate", "cuGraphLaunch", "cuEventRecord"}) {
    ASSERT_EQ(open(), "");
    context.setDevice(device.get());
    auto failNext = [&] {
      // Opening has called it up to three times.
      std::string how;
      for (int call = 1; call < 8; ++call)
        how += "fail=" + std::string(name) + ":1:" + std::to_string(call) + " ";
      behave(how.c_str());
    };
    Step step;
    failNext();
    std::string problem = device->beginCapture();
    rt::Result result = context.invoke([&] { step.run(&context); });
    int64_t graph = 0;
    std::string ended;
    if (problem.empty())
      graph = device->endCapture(problem);
    if (graph)
      problem = device->replay(graph);
    EXPECT_NE(problem.find(std::string(name) +
                           ": CUDA_ERROR_INVALID_VALUE (invalid argument)"),
              std::string::npos)
        << name << ": " << problem;
    behave("");
    if (result.status == rt::Status::Ok)
      moe_rt_device_free(&context, step.result);
    EXPECT_EQ(close(), nothingAlive) << name;
    forget();
  }
}

TEST_F(CudaTest, ClosingEndsACapture) {
  ASSERT_EQ(open(), "");
  int64_t value = 0;
  std::string problem;
  void *block = device->allocate(8, problem);
  EXPECT_EQ(device->beginCapture(), "");
  EXPECT_EQ(device->write(block, &value, 8), "");
  EXPECT_EQ(close(), nothingAlive);
}
