//===- DeviceState.h - The device of a context -------------------*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a context has on its device, behind one lock: a device does one thing
// after the other. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_DEVICESTATE_H
#define MOE_LIB_RUNTIME_DEVICESTATE_H

#include "Invocation.h"
#include "moe/Runtime/Device.h"

#include <atomic>
#include <map>

namespace mlir::moe::rt {

struct MemoryState;

/// A block of a device that is alive.
struct DeviceBlock {
  Device *device;
  int64_t bytes;
  /// The invocation that frees it if it fails.
  BlockList *owner;
};

class DeviceState {
public:
  explicit DeviceState(MemoryState &memory) : memory(memory) {}

  /// The device, or null; without the lock.
  Device *current() const { return device.load(std::memory_order_relaxed); }
  void set(Device *device);

  /// Whether a block of a device that is alive begins at `address`.
  bool isBlock(const void *address);
  /// The blocks of the device that an invocation owns, as BlockList's functions
  /// of these names.
  void releaseBlocks(BlockList *owner);
  void clearBlocks(BlockList *owner);
  DeviceCounters readCounters();
  void resetCounters();

  /// What follows is behind the lock. Nobody fails while holding it: what fails
  /// under it leaves the failure in the frame, and jumps afterwards.
  mutable std::mutex lock;
  MemoryState &memory;
  std::atomic<Device *> device{nullptr};
  std::map<uintptr_t, DeviceBlock> blocks;
  /// By address in the host and bytes.
  std::map<std::pair<const void *, int64_t>, void *> constants;
  /// What small blocks held after the last launch or write.
  std::map<uintptr_t, std::vector<char>> copies;
  DeviceCounters counters;
  std::map<std::string, int64_t, std::less<>> launches;

  /// The device, or null with the failure set.
  Device *get() const;
  /// Sets the failure that follows from `problem` of the device: what a kernel
  /// says of itself if one failed.
  void setProblem(const std::string &problem);
  /// The same as a value, for the host.
  Result explain(const std::string &problem);
  /// The block that ends, and the one after it.
  std::map<uintptr_t, DeviceBlock>::iterator
  release(std::map<uintptr_t, DeviceBlock>::iterator block);
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_DEVICESTATE_H
