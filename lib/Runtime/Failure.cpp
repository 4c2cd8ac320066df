//===- Failure.cpp - Failures of compiled code ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled code has no unwind tables: a failure is a longjmp to the innermost
// frame of its thread, an invocation or a worker of a parallel loop.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"
#include "Invocation.h"
#include "moe/Runtime/MappedFiles.h"

#include <cstdio>
#include <cstdlib>

using namespace mlir::moe;

thread_local rt::ThreadState rt::threadState;

void rt::jumpToFrame() { std::longjmp(threadState.frame->target, 1); }

void rt::setFailure(Status status, std::string_view message) {
  FailureFrame *frame = threadState.frame;
  if (!frame) {
    std::fprintf(stderr,
                 "moe runtime: failure outside of an invocation: %.*s\n",
                 static_cast<int>(message.size()), message.data());
    std::abort();
  }
  frame->status = status;
  frame->message.assign(message);
}

void rt::fail(Status status, std::string_view message) {
  setFailure(status, message);
  jumpToFrame();
}

bool rt::isOnInvokedStack(const void *address) {
  return threadState.frame && address > __builtin_frame_address(0) &&
         address < threadState.frame->stack;
}

rt::Result rt::Context::invoke(const std::function<void()> &body) {
  MappedReads reads;
  BlockList blocks;
  FailureFrame frame;
  const ThreadState outer = threadState;
  const size_t outerRuns = countNestedRuns();
  if (setjmp(frame.target) == 0) {
    threadState = {&frame, &blocks, outer.inParallelLoop};
    body();
  }
  threadState = outer;
  endNestedRuns(outerRuns);
  // Whatever came of bytes that are not there says nothing.
  if (std::string missing = reads.failure(); !missing.empty()) {
    frame.status = Status::Error;
    frame.message = std::move(missing);
  }
  if (frame.status == Status::Ok) {
    blocks.release();
    state->device.releaseBlocks(&blocks);
    return {};
  }
  blocks.clear();
  state->device.clearBlocks(&blocks);
  return {frame.status, std::move(frame.message)};
}

extern "C" void moe_rt_fail(MoEContext *context, const char *message,
                            int64_t length) {
  rt::fail(rt::Status::Error, {message, static_cast<size_t>(length)});
}
