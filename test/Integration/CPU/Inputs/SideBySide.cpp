//===- SideBySide.cpp - Programs that run at the same time ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two programs as a compiler would have made them, in several contexts at once.
// Built by side_by_side.test with the runtime's own sources and a sanitizer for
// threads, without LLVM, which has none.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Device.h"
#include "moe/Runtime/Trace.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace mlir::moe;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);             \
      std::exit(1);                                                            \
    }                                                                          \
  } while (false)

namespace {
constexpr int64_t rows = 60;

/// A device in memory of the host, which two contexts share.
class HostDevice : public rt::Device {
public:
  std::string name() const override { return "host"; }
  std::string description() const override { return ""; }
  std::string chip() const override { return ""; }
  int64_t multiprocessors() const override { return 1; }
  void *allocate(int64_t bytes, std::string &) override {
    return std::calloc(bytes, 1);
  }
  void release(void *block) override { std::free(block); }
  std::string read(void *host, const void *device, int64_t bytes) override {
    std::memcpy(host, device, bytes);
    return "";
  }
  std::string write(void *device, const void *host, int64_t bytes) override {
    std::memcpy(device, host, bytes);
    return "";
  }
  std::string launch(MoEKernel &kernel, const rt::Launch &launch) override {
    CHECK(rt::numberOf(kernel) != 0);
    ++**static_cast<int64_t **>(launch.arguments[0]);
    return "";
  }
  std::string makeTensorMap(void *, const rt::TensorMapShape &) override {
    return "";
  }
  std::string synchronize() override { return ""; }
  int64_t *failureWord() override { return &word; }
  void *failureWordOnDevice() override { return &word; }

private:
  int64_t word = 0;
};

/// What a parallel loop captures.
struct Captured {
  const float *input;
  float *output;
  int64_t dispatch;
};

const float *weightOf(MoEContext *context) {
  return static_cast<const float *>(context->data[0]);
}

/// A row times the weight; expert `index % 2`, which counts what it does.
void tile(MoEContext *context, int64_t index, void *captured) {
  auto &of = *static_cast<Captured *>(captured);
  const float *weight = weightOf(context);
  moe_rt_evaluate(context, of.dispatch, 0, index % 2);
  moe_rt_touch_weight(context, of.dispatch, 0, weight, sizeof(float));
  auto *packed = static_cast<float *>(moe_rt_alloc(context, sizeof(float), 64));
  *packed = of.input[index] * *weight;
  of.output[index] = *packed;
  moe_rt_free(context, packed);
  moe_rt_count_flops(context, of.dispatch, 0, 1);
  moe_rt_evaluate_end(context, of.dispatch, 0, index % 2);
}

void fail(MoEContext *context, int64_t index, void *) {
  moe_rt_alloc(context, 32, 64);
  if (index % 10 == 3)
    moe_rt_fail(context, "three", 5);
}

/// output = input * weight
void multiply(MoEContext *context, const float *input, float *output,
              int64_t dispatch) {
  const int64_t counts[] = {rows / 2, rows - rows / 2};
  moe_rt_align(context, reinterpret_cast<int64_t>(weightOf(context)));
  moe_rt_dispatch(context, dispatch, 0, rows, 2, counts);
  Captured captured = {input, output, dispatch};
  moe_rt_parallel_for(context, tile, &captured, rows);
  moe_rt_dispatch_end(context, dispatch, 0);
  moe_rt_branch(context, 0, dispatch % 2);
}

MoEKernel kernel = {"k", nullptr, 0, 0};

/// Adds one to a number on the device, so many times; the number.
int64_t count(MoEContext *context, int64_t times) {
  int64_t number = 0;
  void *block = moe_rt_device_alloc(context, sizeof(number));
  moe_rt_device_write(context, block, &number, sizeof(number));
  void *arguments[] = {&block};
  for (int64_t i = 0; i < times; ++i)
    moe_rt_device_launch(context, &kernel, 1, 1, 1, 1, 1, 1, 0, arguments);
  moe_rt_device_read(context, &number, block, sizeof(number));
  moe_rt_free(context, block);
  return number;
}

void use(int number, rt::Device *device) {
  const float weight = static_cast<float>(number + 2);
  rt::Trace trace;
  rt::Context context;
  context.setTrace(&trace);
  context.setThreads(1 + number % 3);
  context.setData({&weight});
  int copies = 0;
  context.copyBeforeUse(&weight, [&] { ++copies; });
  std::vector<float> input(rows), output(rows);
  for (int64_t i = 0; i < rows; ++i)
    input[i] = static_cast<float>(i);
  constexpr int runs = 30;
  for (int run = 0; run < runs; ++run) {
    rt::Result result = context.invoke(
        [&] { multiply(&context, input.data(), output.data(), number); });
    CHECK(result.status == rt::Status::Ok);
    for (int64_t i = 0; i < rows; ++i)
      CHECK(output[i] == static_cast<float>(i * (number + 2)));
    result = context.invoke(
        [&] { moe_rt_parallel_for(&context, fail, nullptr, rows); });
    CHECK(result.message == "three");
  }
  CHECK(copies == runs);
  CHECK(context.liveBytes() == 0);
  auto counters = context.dispatchCounters();
  CHECK(counters.size() == 1);
  CHECK(counters[0].dispatch == number && counters[0].runs == runs);
  CHECK(counters[0].flops == runs * rows);
  CHECK(counters[0].weightBytes == int64_t(runs * sizeof(float)));
  CHECK(counters[0].evaluatedCount() == 2);
  int64_t dispatches = 0, experts = 0;
  for (const rt::TraceEvent &event : trace.events()) {
    CHECK(event.dispatch == number);
    dispatches += event.kind == rt::TraceEvent::Kind::Dispatch;
    experts += event.kind == rt::TraceEvent::Kind::Expert;
  }
  CHECK(dispatches == runs && experts == runs * rows);
  CHECK(context.conditionalCounters()[0].sides[number % 2] == runs);

  context.setMemoryLimit(16);
  rt::Result result = context.invoke([&] { moe_rt_alloc(&context, 32, 64); });
  CHECK(result.status == rt::Status::Limit);
  context.setMemoryLimit(0);
  if (!device)
    return;
  context.setDevice(device);
  int64_t counted = 0;
  result = context.invoke([&] { counted = count(&context, 10 + number); });
  CHECK(result.status == rt::Status::Ok && counted == 10 + number);
  CHECK(context.deviceCounters().kernelsLaunched == 10 + number);
}
} // namespace

int main() {
  HostDevice shared;
  std::vector<std::thread> threads;
  for (int number = 0; number < 6; ++number)
    threads.emplace_back([=, &shared] { use(number, &shared); });
  for (std::thread &thread : threads)
    thread.join();
  std::puts("all ran");
}
