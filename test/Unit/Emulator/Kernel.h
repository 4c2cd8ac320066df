//===- Kernel.h - Kernels written as C++ ------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches a C++ function as a kernel, which calls instructions by their names
// as compiled code would.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_EMULATOR_KERNEL_H
#define MOE_TEST_UNIT_EMULATOR_KERNEL_H

#include "moe/Emulator/Emulator.h"

#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>

namespace mlir::moe::test {

/// Calls "moe_emu_" + `name`. Arguments must have its types: int32_t, int64_t,
/// float, and pointers.
template <typename Result = void, typename... Arguments>
Result emu(const char *name, Arguments... arguments) {
  static const auto table = [] {
    std::unordered_map<std::string, void *> table;
    for (const rt::Symbol &symbol : emulatorSymbols())
      table[symbol.name] = symbol.address;
    return table;
  }();
  void *address = table.at(std::string("moe_emu_") + name);
  return reinterpret_cast<Result (*)(Arguments...)>(address)(arguments...);
}

inline int32_t threadNumber() { return emu<int32_t>("tid_x"); }
/// Of the shared memory of a launch.
inline unsigned char *shared(int32_t offset = 0) {
  return static_cast<unsigned char *>(
             emu<void *>("shared_dynamic", int32_t(1024))) +
         offset;
}
inline void barrier() {
  emu<int32_t>("barrier", int32_t(0), int32_t(0), int32_t(0), int32_t(0));
}
inline void syncWarp() { emu("warp_sync", int32_t(-1)); }
template <typename T> void store(int32_t offset, T value) {
  emu<void>("shared_store", static_cast<const void *>(shared(offset)),
            int64_t(sizeof(T)));
  std::memcpy(shared(offset), &value, sizeof(T));
}
template <typename T> T load(int32_t offset) {
  emu<void>("shared_load", static_cast<const void *>(shared(offset)),
            int64_t(sizeof(T)));
  T value;
  std::memcpy(&value, shared(offset), sizeof(T));
  return value;
}

struct Shape {
  int64_t threads = 32, blocks = 1, sharedBytes = 4096;
};

/// Launches `body` for each thread, and returns the problem. A body that may
/// fail must hold nothing with a destructor.
inline std::string run(rt::Device &device, Shape shape,
                       const std::function<void()> &body) {
  auto entry = +[](void **arguments) {
    emu("enter", int32_t(0), int32_t(0), int32_t(0), int32_t(0));
    (*static_cast<const std::function<void()> *>(arguments[0]))();
  };
  MoEKernel kernel{"test", reinterpret_cast<const void *>(entry), 0, 0};
  void *arguments[] = {const_cast<std::function<void()> *>(&body)};
  return device.launch(kernel, {{shape.blocks, 1, 1},
                                {shape.threads, 1, 1},
                                shape.sharedBytes,
                                arguments});
}

inline std::string run(Shape shape, const std::function<void()> &body,
                       uint64_t seed = 1) {
  return run(*createEmulatorDevice({seed, 4, /*reachesHost=*/true}), shape,
             body);
}

} // namespace mlir::moe::test

#endif // MOE_TEST_UNIT_EMULATOR_KERNEL_H
