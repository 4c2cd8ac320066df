//===- GlobalMemory.h - What kernels may reach ------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The blocks that were allocated on the device, of which an access of a kernel
// has to be one.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_GLOBALMEMORY_H
#define MOE_LIB_EMULATOR_GLOBALMEMORY_H

#include <cstdint>
#include <map>
#include <string>

namespace mlir::moe::emu {

class GlobalMemory {
public:
  void add(const void *address, int64_t bytes) {
    blocks[reinterpret_cast<uintptr_t>(address)] = bytes;
  }
  void remove(const void *address) {
    blocks.erase(reinterpret_cast<uintptr_t>(address));
    last = {};
  }
  /// Whether these bytes are in one block; no bytes always are.
  bool holds(const void *address, int64_t bytes) {
    const auto at = reinterpret_cast<uintptr_t>(address);
    return holds(last, at, bytes) || find(at, bytes);
  }
  /// "4 bytes behind a block of 64 bytes"
  std::string placeOf(const void *address) const;

private:
  struct Range {
    uintptr_t begin = 0, end = 0;
  };
  static bool holds(Range range, uintptr_t at, int64_t bytes) {
    return at >= range.begin && at <= range.end &&
           static_cast<uint64_t>(bytes) <= range.end - at;
  }
  bool find(uintptr_t at, int64_t bytes);

  std::map<uintptr_t, int64_t> blocks;
  /// The one that the last access was to.
  Range last;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_GLOBALMEMORY_H
