//===- BarrierRing.cpp - Stages between producer and consumers ------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BarrierRing.h"

using namespace mlir;
using namespace mlir::moe;

/// How long a thread may sleep before it looks again, in nanoseconds.
static constexpr int64_t sleepTicks = 10000000;

void BarrierRing::init(int64_t fullArrivals, int64_t emptyArrivals) {
  for (int64_t stage = 0; stage < stages; ++stage) {
    NVVM::MBarrierInitOp::create(k.b, full(k.i32(stage)), k.i32(fullArrivals),
                                 Value());
    NVVM::MBarrierInitOp::create(k.b, empty(k.i32(stage)), k.i32(emptyArrivals),
                                 Value());
  }
  NVVM::FenceMbarrierInitOp::create(k.b);
}

RingPosition BarrierRing::start() { return {k.i32(0), k.i32(0)}; }

RingPosition BarrierRing::next(RingPosition position) {
  Value stage = k.add(position.stage, 1);
  Value around = k.equal(stage, stages);
  Value flip = k.b.createOrFold<arith::ExtUIOp>(k.b.getI32Type(), around);
  return {k.select(around, k.i32(0), stage),
          k.exclusiveOr(position.parity, flip)};
}

Value BarrierRing::before(Value stage, int64_t steps) {
  return k.select(k.less(stage, steps), k.add(stage, stages - steps),
                  k.subtract(stage, steps));
}

void BarrierRing::wait(Value barrier, Value parity) {
  NVVM::MBarrierTryWaitParityOp::create(k.b, barrier, parity,
                                        k.i32(sleepTicks));
}

void BarrierRing::waitFull(RingPosition position) {
  wait(full(position.stage), position.parity);
}

void BarrierRing::waitEmpty(RingPosition position) {
  // A ring that was never filled is empty: the first wait is for the parity of
  // the phase before the first.
  wait(empty(position.stage), k.exclusiveOr(position.parity, k.i32(1)));
}

Value BarrierRing::full(Value stage) {
  return k.shared(k.add(k.multiply(stage, 8), offset));
}

Value BarrierRing::empty(Value stage) {
  return k.shared(k.add(k.multiply(stage, 8), offset + 8 * stages));
}

void BarrierRing::arrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(k.b, k.b.getI64Type(), barrier, Value());
}
