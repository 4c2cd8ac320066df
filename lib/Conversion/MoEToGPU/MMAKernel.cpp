//===- MMAKernel.cpp - Grouped contraction by mma.sync --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block computes a tile of rows by a block of columns, and passes 32 of the
// depth at a time through a ring of stages in shared memory, which all threads
// fill by cp.async while they multiply. The columns of the right-hand sides
// are shared out among warps so that all accumulators of an element of the
// result are in one thread.
//
//===----------------------------------------------------------------------===//

#include "AsyncRows.h"
#include "Kernels.h"
#include "WarpEpilogue.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Tiles of rows that go through all blocks of columns together: weights that
/// several tiles need are read while they are in the L2 cache.
constexpr int64_t tilesAtOnce = 16;
/// Rows of a warp, and columns of all right-hand sides together.
constexpr int64_t warpRows = 32, warpColumns = 64;
constexpr int64_t warpsAlongColumns = 2;
constexpr int64_t blockColumns = warpsAlongColumns * warpColumns;
constexpr SwizzledRows layout = {4};
constexpr int64_t stepDepth = 32;
/// Each block takes it beside what it asks for, in bytes.
constexpr int64_t reservedSharedBytes = 1024;

struct MMATile {
  int64_t warpsAlongRows, stages, minBlocks;
  /// Of the result.
  int64_t columns;
  int64_t stagingBytes;

  int64_t rows() const { return warpsAlongRows * warpRows; }
  int64_t threads() const { return warpsAlongRows * warpsAlongColumns * 32; }
  int64_t lhsBytes() const { return rows() * layout.rowBytes(); }
  int64_t stageBytes() const {
    return lhsBytes() + blockColumns * layout.rowBytes();
  }
  /// The epilogue takes the place of the stages.
  int64_t sharedBytes() const {
    int64_t staging = warpsAlongRows * warpsAlongColumns * stagingBytes;
    return std::max(stages * stageBytes(), staging);
  }
  static MMATile choose(const GroupedContraction &spec,
                        const GPUTarget &target);
};

class MMAKernel {
public:
  MMAKernel(OpBuilder &builder, Location loc, const GroupedContraction &spec,
            const GPUTarget &target, const MMATile &tile)
      : k(builder, loc, spec, target, {tile.threads(), tile.minBlocks}), b(k.b),
        spec(spec), tile(tile),
        columnBlocks(llvm::divideCeil(spec.columns, tile.columns)),
        steps(llvm::divideCeil(spec.depth, stepDepth)),
        warpResultColumns(tile.columns / warpsAlongColumns) {}

  gpu::GPUModuleOp build();

private:
  void emitTile(const Tile &ofRows, Value firstColumn);
  AsyncRows rowsOfLhs(const Tile &ofRows);
  AsyncRows rowsOfRhs(const Tile &ofRows, Value firstColumn);
  Value nextStage(Value stage);
  SmallVector<Value> multiply(ValueRange accumulators, Value stage);
  void finishTile(const Tile &ofRows, Value firstColumn,
                  ArrayRef<Value> accumulators);

  int64_t columnFragments() const {
    return warpResultColumns / WarpMMA::columns;
  }
  size_t accumulatorOf(int64_t rowFragment, int64_t contraction,
                       int64_t columnFragment) const {
    return ((rowFragment * spec.numContractions + contraction) *
                columnFragments() +
            columnFragment) *
           WarpMMA::accumulators;
  }

  KernelBuilder k;
  ImplicitLocOpBuilder &b;
  const GroupedContraction &spec;
  MMATile tile;
  int64_t columnBlocks, steps;
  /// Columns of the result that a warp has.
  int64_t warpResultColumns;

  Value thread, lane, warp, warpRow, warpColumn;
};
} // namespace

AsyncRows MMAKernel::rowsOfLhs(const Tile &ofRows) {
  return AsyncRows(
      k, layout, tile.rows(), thread, tile.threads(), [&](Value row, int64_t) {
        return SourceRow{k.lhs, k.row(ofRows, row), k.less(row, ofRows.rows)};
      });
}

AsyncRows MMAKernel::rowsOfRhs(const Tile &ofRows, Value firstColumn) {
  Value firstOfExpert = k.multiply(k.extend(ofRows.expert), spec.columns);
  return AsyncRows(k, layout, blockColumns, thread, tile.threads(),
                   [&](Value row, int64_t first) {
                     int64_t contraction = first / tile.columns;
                     Value n =
                         k.add(firstColumn,
                               k.subtract(row, contraction * tile.columns));
                     SourceRow source = {k.rhs[contraction], Value(), Value()};
                     if (spec.columns % tile.columns != 0) {
                       source.exists = k.less(n, spec.columns);
                       n = k.minimum(n, spec.columns - 1);
                     }
                     source.index = k.add(firstOfExpert, k.extend(n));
                     return source;
                   });
}

Value MMAKernel::nextStage(Value stage) {
  Value next = k.add(stage, tile.stageBytes());
  return k.select(k.equal(next, tile.stages * tile.stageBytes()), k.i32(0),
                  next);
}

SmallVector<Value> MMAKernel::multiply(ValueRange accumulators, Value stage) {
  WarpMMA mma(k, layout, lane);
  constexpr int64_t rowFragments = warpRows / WarpMMA::rows;
  Value lhs = k.add(stage, k.multiply(warpRow, warpRows * layout.rowBytes()));
  Value rhs =
      k.add(k.add(stage, tile.lhsBytes()),
            k.multiply(warpColumn, warpResultColumns * layout.rowBytes()));
  SmallVector<Value> sums(accumulators);
  for (int64_t step = 0; step < stepDepth / WarpMMA::depth; ++step) {
    Value lhsOffset = k.add(lhs, mma.lhsOffset(step));
    SmallVector<SmallVector<Value, 4>> left;
    for (int64_t m = 0; m < rowFragments; ++m)
      left.push_back(
          mma.load(k.add(lhsOffset, m * WarpMMA::rows * layout.rowBytes())));
    Value rhsOffset = k.add(rhs, mma.rhsOffset(step));
    for (int64_t c = 0; c < spec.numContractions; ++c)
      for (int64_t n = 0; n < columnFragments(); n += 2) {
        int64_t row = c * tile.columns + n * WarpMMA::columns;
        SmallVector<Value, 4> right =
            mma.load(k.add(rhsOffset, row * layout.rowBytes()));
        for (int64_t m = 0; m < rowFragments; ++m)
          for (int64_t i = 0; i < 2; ++i) {
            Value *sum = &sums[accumulatorOf(m, c, n + i)];
            SmallVector<Value, 4> product =
                mma.multiply(left[m], ArrayRef<Value>(right).slice(2 * i, 2),
                             ArrayRef<Value>(sum, WarpMMA::accumulators));
            llvm::copy(product, sum);
          }
      }
  }
  return sums;
}

void MMAKernel::finishTile(const Tile &ofRows, Value firstColumn,
                           ArrayRef<Value> accumulators) {
  Value column = k.add(firstColumn, k.multiply(warpColumn, warpResultColumns));
  for (int64_t m = 0; m < warpRows / WarpMMA::rows; ++m) {
    auto accumulator = [&](int64_t contraction, int64_t block, int64_t half,
                           int64_t side) {
      return accumulators[accumulatorOf(m, contraction, block) + 2 * half +
                          side];
    };
    Value row = k.add(k.multiply(warpRow, warpRows), m * WarpMMA::rows);
    WarpFragments fragments = {row, column, warpResultColumns, accumulator,
                               k.multiply(warp, tile.stagingBytes)};
    k.ifThen(k.both(k.less(row, ofRows.rows), k.less(column, spec.columns)),
             [&] { emitWarpEpilogue(k, ofRows, fragments); });
  }
}

void MMAKernel::emitTile(const Tile &ofRows, Value firstColumn) {
  AsyncRows lhs = rowsOfLhs(ofRows), rhs = rowsOfRhs(ofRows, firstColumn);
  auto copy = [&](Value step, Value stage) {
    lhs.copy(step, stage);
    rhs.copy(step, k.add(stage, tile.lhsBytes()));
  };
  int64_t ahead = tile.stages - 1;
  for (int64_t step = 0; step < ahead; ++step) {
    if (step < steps)
      copy(k.i32(step), k.i32(step * tile.stageBytes()));
    AsyncRows::commit(k);
  }

  // A warp without rows only helps to copy.
  Value hasRows = k.less(k.multiply(warpRow, warpRows), ofRows.rows);
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  size_t count = accumulatorOf(warpRows / WarpMMA::rows, 0, 0);
  // Beside the accumulators the stages to read and to fill.
  SmallVector<Value> init(count, zero);
  init.push_back(k.i32(0));
  init.push_back(k.i32(ahead * tile.stageBytes()));
  SmallVector<Value> end =
      k.loop(k.i32(0), k.i32(steps), k.i32(1), init,
             [&](Value step, ValueRange carried) {
               Value full = carried[count], empty = carried[count + 1];
               AsyncRows::wait(k, ahead - 1);
               // What others have copied is there, and they have read what is
               // filled next.
               k.syncBlock();
               Value next = k.add(step, ahead);
               k.ifThen(k.less(next, steps), [&] { copy(next, empty); });
               AsyncRows::commit(k);
               ValueRange sums = carried.take_front(count);
               SmallVector<Value> results = k.ifThenElse(
                   hasRows, [&] { return multiply(sums, full); }, sums);
               results.push_back(nextStage(full));
               results.push_back(nextStage(empty));
               return results;
             });
  AsyncRows::wait(k, 0);
  k.syncBlock();
  finishTile(ofRows, firstColumn, ArrayRef<Value>(end).take_front(count));
}

gpu::GPUModuleOp MMAKernel::build() {
  thread = k.thread();
  lane = k.remainder(thread, 32);
  warp = k.uniform(k.divide(thread, 32));
  warpRow = k.divide(warp, warpsAlongColumns);
  warpColumn = k.remainder(warp, warpsAlongColumns);
  Value count = k.loadConstant(b.getI32Type(), k.count);
  k.ifThen(k.less(k.blockY(), count), [&] {
    // Blocks are begun in the order of this number.
    Value index = k.add(k.multiply(k.blockY(), columnBlocks), k.block());
    int64_t perGroup = tilesAtOnce * columnBlocks;
    Value first = k.multiply(k.divide(index, perGroup), tilesAtOnce);
    Value inGroup = k.remainder(index, perGroup);
    Value lines = k.minimum(k.subtract(count, first), tilesAtOnce);
    Value block = k.divide(inGroup, lines);
    Value line = k.add(first, k.remainder(inGroup, lines));
    emitTile(k.tile(line), k.multiply(block, tile.columns));
  });
  return k.finish();
}

MMATile MMATile::choose(const GroupedContraction &spec,
                        const GPUTarget &target) {
  MMATile tile = {};
  bool small = spec.expectedRows > 0 && spec.expectedRows <= 2 * warpRows;
  tile.warpsAlongRows = small ? 2 : 4;
  // Blocks of which each has 128 registers for a thread, or a few more.
  tile.minBlocks = small ? 3 : 2;
  tile.columns = blockColumns / spec.numContractions;
  tile.stagingBytes = warpStagingBytes(spec, tile.columns / warpsAlongColumns);
  constexpr int64_t minStages = 3, maxStages = 4;
  int64_t budget =
      (target.sharedBytesPerBlock + reservedSharedBytes) / tile.minBlocks -
      reservedSharedBytes;
  tile.stages = maxStages;
  while (tile.stages > minStages && tile.sharedBytes() > budget)
    --tile.stages;
  return tile;
}

bool mlir::moe::canBuildMMA(const GroupedContraction &spec,
                            const GPUTarget &target, std::string &why) {
  if (!canBuildFromChunks(spec, target, why))
    return false;
  if (spec.numContractions != 1 && spec.numContractions != 2)
    why = "there is room for one or two right-hand sides, got " +
          std::to_string(spec.numContractions);
  else if (MMATile::choose(spec, target).sharedBytes() >
           target.sharedBytesPerBlock)
    why = "chip '" + target.chip + "' has too little shared memory: " +
          std::to_string(target.sharedBytesPerBlock) + " bytes for a block";
  else
    return true;
  return false;
}

ContractionKernel mlir::moe::buildMMAContraction(OpBuilder &builder,
                                                 Location loc,
                                                 const GroupedContraction &spec,
                                                 const GPUTarget &target) {
  MMATile tile = MMATile::choose(spec, target);
  ContractionKernel kernel;
  kernel.module = MMAKernel(builder, loc, spec, target, tile).build();
  kernel.variant = ContractionVariant::MMA;
  kernel.tileRows = tile.rows();
  kernel.threads = tile.threads();
  kernel.sharedBytes = tile.sharedBytes();
  kernel.columnBlocks = llvm::divideCeil(spec.columns, tile.columns);
  return kernel;
}
