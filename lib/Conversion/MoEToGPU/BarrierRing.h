//===- BarrierRing.h - Stages between producer and consumers ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each stage has two mbarriers: full, which the producer arrives at and
// consumers wait for, and empty, the other way round. The parity of a wait
// changes each time the ring has been gone round.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_BARRIERRING_H
#define MOE_LIB_CONVERSION_MOETOGPU_BARRIERRING_H

#include "KernelBuilder.h"

namespace mlir::moe {

/// i32 each; carried through loops side by side.
struct RingPosition {
  Value stage, parity;
};

class BarrierRing {
public:
  static int64_t bytes(int64_t stages) { return 16 * stages; }

  /// At `offset` of the dynamic shared memory, aligned to 8 bytes.
  BarrierRing(KernelBuilder &kernel, int64_t offset, int64_t stages)
      : k(kernel), offset(offset), stages(stages) {}

  /// In one thread, before the block meets at a barrier.
  void init(int64_t fullArrivals, int64_t emptyArrivals);

  RingPosition start();
  RingPosition next(RingPosition position);
  /// The stage `steps` (less than the stages) before `stage`.
  Value before(Value stage, int64_t steps);

  void waitFull(RingPosition position);
  void waitEmpty(RingPosition position);
  Value full(Value stage);
  Value empty(Value stage);
  void arrive(Value barrier);

private:
  void wait(Value barrier, Value parity);

  KernelBuilder &k;
  int64_t offset, stages;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_BARRIERRING_H
