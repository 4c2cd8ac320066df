//===- WGMMAKernel.h - Grouped contraction by wgmma -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A persistent kernel: each block takes every nth product of a tile of rows
// and a block of columns. The producer warpgroup fills a ring of stages in
// shared memory with 64 of the depth at a time, by TMA, or by cp.async where
// rows are gathered; consumer warpgroups multiply what is full. The ring goes
// on from one tile to the next, so that the producer loads the next tile while
// consumers are in the epilogue.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_WGMMAKERNEL_H
#define MOE_LIB_CONVERSION_MOETOGPU_WGMMAKERNEL_H

#include "BarrierRing.h"
#include "WGMMATile.h"

namespace mlir::moe {

/// A product of a tile of rows and a block of columns.
struct WGMMAWork {
  Tile tile;
  /// The first column of the result.
  Value column;
};

class WGMMAKernel {
public:
  WGMMAKernel(OpBuilder &builder, Location loc, const GroupedContraction &spec,
              const GPUTarget &target, const WGMMATile &tile);

  gpu::GPUModuleOp build();

private:
  WGMMAWork work(Value index);
  /// Calls `body` for all that the block has to do. Values are carried from
  /// one to the next.
  using WorkBody = llvm::function_ref<SmallVector<Value>(const WGMMAWork &work,
                                                         ValueRange carried)>;
  SmallVector<Value> forEachWork(ValueRange init, WorkBody body);
  SmallVector<Value> forEachStep(int64_t from, ValueRange init,
                                 KernelBuilder::LoopBody body);

  void produceByTMA();
  void produceGathered();
  void load(Value map, Value destination, ValueRange coordinates, Value full);
  void loadRhs(const WGMMAWork &work, Value step, Value stage);
  SmallVector<Value> rowsOf(const Tile &tile);
  void gatherRows(ArrayRef<Value> rows, Value step, Value stage);
  void arriveGathered(Value stage, int64_t pending);

  void consume();
  Value multiply(Value accumulators, Value stage, bool first);
  Value descriptor(Value offset);
  void release(Value stage);
  void finishTile(const WGMMAWork &work, Value accumulators);
  /// The position after the tile.
  RingPosition multiplyTile(const WGMMAWork &work, RingPosition at);
  RingPosition skipTile(RingPosition at);

  KernelBuilder k;
  ImplicitLocOpBuilder &b;
  const GroupedContraction &spec;
  WGMMATile tile;
  BarrierRing ring;
  int64_t columnBlocks, steps;
  /// Stages whose copies are in flight when the next one is begun; fewer than
  /// there are.
  int64_t gatherLag;

  Type accumulatorType;
  Value thread, lane, warpgroup, leader, total;
  Value lhsDescriptor, rhsDescriptor;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_WGMMAKERNEL_H
