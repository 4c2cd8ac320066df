//===- DeviceState.h - The current device and what is on it -----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One state for the process, behind one lock: a device does one thing after the
// other. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_DEVICESTATE_H
#define MOE_LIB_RUNTIME_DEVICESTATE_H

#include "Invocation.h"
#include "moe/Runtime/Device.h"

#include <map>

namespace mlir::moe::rt {

/// A block of a device that is alive.
struct DeviceBlock {
  Device *device;
  int64_t bytes;
  /// The invocation that frees it if it fails.
  BlockList *owner;
};

/// Everything below `lock` is behind it. Nobody fails while holding it: what
/// fails under it leaves the failure in the frame, and jumps afterwards.
struct DeviceState {
  std::mutex lock;
  Device *device = nullptr;
  std::map<uintptr_t, DeviceBlock> blocks;
  /// By address in the host and bytes.
  std::map<std::pair<const void *, int64_t>, void *> constants;
  /// What small blocks held after the last launch or write.
  std::map<uintptr_t, std::vector<char>> copies;
  DeviceCounters counters;
  std::map<std::string, int64_t, std::less<>> launches;

  /// The device, or null with the failure set.
  Device *get();
  /// Sets the failure that follows from `problem` of the device: what a kernel
  /// says of itself if one failed.
  void setProblem(const std::string &problem);
  /// The same as a value, for the host.
  Result explain(const std::string &problem);
};

extern DeviceState deviceState;

/// Whether a block of a device that is alive begins at `address`.
bool isDeviceBlock(const void *address);

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_DEVICESTATE_H
