//===- Warp.h - The threads of a warp meet ----------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions that a warp executes as one. Each thread brings its operands and
// waits; the last one to come does the work of all, so that operands are read
// and results written at one time.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_WARP_H
#define MOE_LIB_EMULATOR_WARP_H

#include "Shadow.h"

namespace mlir::moe::emu {

class Warp {
public:
  using Work = void (*)(Warp &warp, uint32_t lanes);

  void start(uint32_t number, uint32_t threads);
  /// Returns once all threads of `mask` that have not ended are here and `work`
  /// is done. All must bring the same instruction, `what`.
  void meet(uint32_t mask, const char *what, void *operands, Work work);
  /// A thread of it ends.
  void end(Thread &thread);

  uint32_t number() const { return warpNumber; }
  Thread &thread(uint32_t lane) const;
  template <typename Operands> Operands &operands(uint32_t lane) const {
    return *static_cast<Operands *>(operandsOf(lane));
  }
  /// Orders what `lanes` did before what they do from now on.
  void order(uint32_t lanes);

  //===--------------------------------------------------------------------===//
  // wgmma: what has been issued, not committed, or not waited for
  //===--------------------------------------------------------------------===//

  void beginReading(SharedRange range);
  void commitReading();
  /// Until at most `groups` are in flight.
  void waitReading(uint32_t groups);
  bool isReading() const { return !open.empty() || !committed.empty(); }
  void forgetReading();

private:
  struct Meeting {
    uint32_t mask, arrived;
    const char *what;
    Work work;
  };
  void *operandsOf(uint32_t lane) const;
  void finish(size_t meeting, Thread *self);

  uint32_t warpNumber = 0, alive = 0;
  std::vector<Meeting> meetings;
  std::vector<SharedRange> open;
  std::vector<std::vector<SharedRange>> committed;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_WARP_H
