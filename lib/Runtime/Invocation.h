//===- Invocation.h - State of running compiled code ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the parts of the runtime share: where a failure of this thread goes,
// which blocks an invocation owns, and whether the thread is inside a parallel
// loop. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_INVOCATION_H
#define MOE_LIB_RUNTIME_INVOCATION_H

#include "moe/Runtime/Runtime.h"

#include <csetjmp>
#include <mutex>

namespace mlir::moe::rt {

struct Block;

/// The blocks that one invocation owns. Threads use different shards, so that
/// they seldom meet at a lock or a cache line.
struct BlockList {
  static constexpr int shardCount = 16;
  struct alignas(64) Shard {
    std::mutex lock;
    Block *first = nullptr;
  };
  Shard shards[shardCount];

  /// Leaves the blocks to whoever holds their addresses (results).
  void release();
  /// Frees the blocks.
  void clear();
};

/// Where a failure goes.
struct FailureFrame {
  std::jmp_buf target;
  Status status = Status::Ok;
  std::string message;
  /// What is invoked has the stack below.
  const void *stack = __builtin_frame_address(0);
};

struct ThreadState {
  FailureFrame *frame = nullptr;
  BlockList *blocks = nullptr;
  bool inParallelLoop = false;
};

/// A thread does one thing at a time, in whatever contexts: an invocation
/// within one, of another context or the same, ends before it goes on.
/// Trivially constructed, so that access needs no initialisation check.
extern thread_local ThreadState threadState;

/// `fail` in two steps, for callers that must let go of something in between:
/// leaves status and message in the innermost frame, and jumps there.
void setFailure(Status status, std::string_view message);
[[noreturn]] void jumpToFrame();

/// Whether the address is on the stack of what this thread invoked, and so good
/// for nothing when that has ended.
bool isOnInvokedStack(const void *address);

/// The runs of dispatches that began in this body of a parallel loop, and
/// their end but for the first `from`.
size_t countNestedRuns();
void endNestedRuns(size_t from = 0);

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_INVOCATION_H
