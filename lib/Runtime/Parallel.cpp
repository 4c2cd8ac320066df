//===- Parallel.cpp - Parallel loops of compiled code ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One team of OpenMP threads takes indices one by one in ascending order. When
// bodies fail, the failure of the lowest index is the one reported: all lower
// indices have been taken before, and each taken body runs to its end, so the
// message does not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"
#include "Invocation.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <omp.h>

using namespace mlir::moe;

void rt::Context::setThreads(int count) { state->threads = std::max(count, 0); }

int rt::Context::threads() const {
  int requested = state->threads.load(std::memory_order_relaxed);
  return requested > 0 ? requested : omp_get_max_threads();
}

static int64_t threadsOf(MoEContext *context) {
  return static_cast<rt::Context *>(context)->threads();
}

using Body = void (*)(MoEContext *context, int64_t index, void *captured);

namespace {
/// A loop that a team works on.
struct ParallelLoop {
  MoEContext *context;
  Body body;
  void *captured;
  int64_t count;
  rt::BlockList *blocks;
  alignas(64) std::atomic<int64_t> next{0};

  alignas(64) std::mutex lock{};
  int64_t failedIndex = std::numeric_limits<int64_t>::max();
  rt::Status status = rt::Status::Ok;
  std::string message{};

  void takeIndices();
  /// Out of line, so that setjmp's function keeps no values in registers.
  [[gnu::noinline]] void recordFailure(int64_t index, rt::FailureFrame &frame);
};
} // namespace

void ParallelLoop::recordFailure(int64_t index, rt::FailureFrame &frame) {
  next = count;
  std::lock_guard<std::mutex> guard(lock);
  if (index > failedIndex)
    return;
  failedIndex = index;
  status = frame.status;
  message = std::move(frame.message);
}

/// The work of one thread of the team.
void ParallelLoop::takeIndices() {
  rt::FailureFrame frame;
  const rt::ThreadState outer = rt::threadState;
  rt::threadState = {&frame, blocks, /*inParallelLoop=*/true};
  // Read after a longjmp to here, hence volatile.
  volatile int64_t index = 0;
  if (setjmp(frame.target) == 0) {
    while ((index = next.fetch_add(1, std::memory_order_relaxed)) < count) {
      body(context, index, captured);
      rt::endNestedRuns();
    }
  } else {
    rt::endNestedRuns();
    recordFailure(index, frame);
  }
  rt::threadState = outer;
}

/// Returns whether the loop ended with a failure, which is then in the frame of
/// this thread.
static bool runTeam(MoEContext *context, Body body, void *captured,
                    int64_t count, int team) {
  rt::FailureFrame *frame = rt::threadState.frame;
  ParallelLoop loop{context, body, captured, count, rt::threadState.blocks};
#pragma omp parallel num_threads(team)
  loop.takeIndices();
  if (loop.status == rt::Status::Ok)
    return false;
  if (!frame)
    rt::fail(loop.status, loop.message);
  frame->status = loop.status;
  frame->message = std::move(loop.message);
  return true;
}

extern "C" int64_t moe_rt_threads(MoEContext *context) {
  return rt::threadState.inParallelLoop ? 1 : threadsOf(context);
}

extern "C" void moe_rt_parallel_for(MoEContext *context, Body body,
                                    void *captured, int64_t count) {
  int64_t team = std::min<int64_t>(threadsOf(context), count);
  if (team <= 1 || rt::threadState.inParallelLoop) {
    for (int64_t index = 0; index < count; ++index)
      body(context, index, captured);
    return;
  }
  if (runTeam(context, body, captured, count, static_cast<int>(team)))
    rt::jumpToFrame();
}
