//===- Fiber.h - Stacks that take turns -------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cooperative switching between stacks of one thread of the operating system.
// A fiber runs its body from the start when it is entered after reset(), and
// may be left for good at any point: no destructors run.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_FIBER_H
#define MOE_LIB_EMULATOR_FIBER_H

#include <cstddef>
#include <memory>

namespace mlir::moe::emu {

/// The place where the host, or a fiber, was left.
class Fiber {
public:
  /// That of the caller; it is left by switching to another.
  Fiber();
  /// With a stack of its own. `body` must not return.
  Fiber(void (*body)(void *), void *argument);
  ~Fiber();
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  /// Whether there is memory for the stack.
  bool valid() const;
  /// The next switch to this fiber starts its body anew.
  void reset();
  /// Leaves `from`, the one that runs, for `to`. Returns when somebody switches
  /// to `from`.
  static void switchTo(Fiber &from, Fiber &to);

private:
  struct Context;
  std::unique_ptr<Context> context;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_FIBER_H
