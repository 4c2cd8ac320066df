//===- ContextState.h - What a context holds ---------------------*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One member for each part of the runtime, which alone knows it. Private to
// this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_CONTEXTSTATE_H
#define MOE_LIB_RUNTIME_CONTEXTSTATE_H

#include "Counters.h"
#include "DeviceState.h"

#include <unordered_map>

namespace mlir::moe::rt {

/// Bytes of a context's blocks. One cache line each: `live` changes with each
/// allocation, the others seldom.
struct MemoryState {
  alignas(64) std::atomic<int64_t> live{0};
  alignas(64) std::atomic<int64_t> peak{0};
  alignas(64) std::atomic<int64_t> limit{0};

  /// Counts bytes of memory as alive, or fails if they are no size of a block
  /// or above the limit.
  void charge(int64_t bytes);
  void discharge(int64_t bytes);
};

struct Context::State {
  MemoryState memory;
  Counters counters;
  DeviceState device{memory};
  Trace *trace = nullptr;
  /// 0 is what OpenMP says.
  std::atomic<int> threads{0};
  std::vector<const void *> data;
  /// By the address that code uses. Filled before code runs, read while it
  /// runs.
  std::unordered_map<const void *, std::function<void()>> misaligned;
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_CONTEXTSTATE_H
