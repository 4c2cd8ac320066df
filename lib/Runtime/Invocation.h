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
#include <string_view>

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

/// Trivially constructed, so that access needs no initialisation check.
extern thread_local ThreadState threadState;

/// Ends the innermost invocation or loop body of this thread. Callers hold
/// nothing that needs a destructor.
[[noreturn]] void fail(Status status, std::string_view message);

/// `fail` in two steps, for callers that must let go of something in between:
/// leaves status and message in the innermost frame, and jumps there.
void setFailure(Status status, std::string_view message);
[[noreturn]] void jumpToFrame();

/// Whether the address is on the stack of what this thread invoked, and so good
/// for nothing when that has ended.
bool isOnInvokedStack(const void *address);

/// Counts bytes of memory as alive, or fails if they are no size of a block or
/// above the limit.
void chargeBytes(int64_t bytes);
void dischargeBytes(int64_t bytes);

/// The blocks of the device that an invocation owns, as BlockList's functions
/// of these names.
void releaseDeviceBlocks(BlockList *owner);
void clearDeviceBlocks(BlockList *owner);

/// Ends the runs of dispatches that began in this body of a parallel loop.
void endNestedRuns();

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_INVOCATION_H
