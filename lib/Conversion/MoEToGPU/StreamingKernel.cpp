//===- StreamingKernel.cpp - Grouped contraction of few rows --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With few rows the time is that of reading the weights, so many bytes have to
// be in flight, in every multiprocessor. The operands of mma.sync change sides:
// its 16 rows are columns of the result, and its 8 columns are rows of the
// tile. A block has few columns of the result; its warps share out the depth,
// 64 at a time, and each fills a ring of its own in shared memory by cp.async,
// so that no warp waits for another one before the end. Then the sums of the
// warps are added up in their order.
//
//===----------------------------------------------------------------------===//

#include "AsyncRows.h"
#include "Epilogue.h"
#include "Kernels.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
constexpr int64_t warps = 4, threads = warps * 32;
constexpr SwizzledRows layout = {8};
constexpr int64_t stepDepth = 64;
constexpr int64_t accumulatorBytes = 4;
/// Each block takes it beside what it asks for, in bytes.
constexpr int64_t reservedSharedBytes = 1024;

struct StreamingTile {
  /// Of the tile, 8 or 16.
  int64_t rows;
  /// Of the result, a multiple of 16.
  int64_t columns;
  int64_t contractions;
  int64_t stages;

  /// Rows of weights, those of all right-hand sides.
  int64_t weights() const { return columns * contractions; }
  int64_t weightBytes() const { return weights() * layout.rowBytes(); }
  int64_t stageBytes() const {
    return weightBytes() + rows * layout.rowBytes();
  }
  int64_t ringBytes() const { return stages * stageBytes(); }
  /// The sums take the place of the rings.
  int64_t sharedBytes() const {
    return std::max(warps * ringBytes(),
                    warps * weights() * rows * accumulatorBytes);
  }
  static StreamingTile choose(const GroupedContraction &spec,
                              const GPUTarget &target);
};

class StreamingKernel {
public:
  StreamingKernel(OpBuilder &builder, Location loc,
                  const GroupedContraction &spec, const GPUTarget &target,
                  const StreamingTile &tile)
      : k(builder, loc, spec, target, {threads}), b(k.b), spec(spec),
        tile(tile), steps(llvm::divideCeil(spec.depth, stepDepth)) {}

  gpu::GPUModuleOp build();

private:
  AsyncRows rowsOfWeights(const Tile &ofRows);
  AsyncRows rowsOfLhs(const Tile &ofRows);
  Value nextStage(Value stage);
  SmallVector<Value> multiply(ValueRange accumulators, Value stage);
  SmallVector<Value> contract(const Tile &ofRows);
  Value sumPointer(Value ofWarp, Value weight, Value row);
  void shareSums(ArrayRef<Value> accumulators);
  void finishTile(const Tile &ofRows);

  int64_t weightFragments() const { return tile.weights() / WarpMMA::rows; }
  int64_t rowFragments() const { return tile.rows / WarpMMA::columns; }
  size_t accumulatorOf(int64_t weightFragment, int64_t rowFragment) const {
    return (weightFragment * rowFragments() + rowFragment) *
           WarpMMA::accumulators;
  }

  KernelBuilder k;
  ImplicitLocOpBuilder &b;
  const GroupedContraction &spec;
  StreamingTile tile;
  int64_t steps;

  Value thread, lane, warp, firstColumn;
  /// Where the warp's ring begins in shared memory.
  Value ring;
};
} // namespace

AsyncRows StreamingKernel::rowsOfWeights(const Tile &ofRows) {
  Value firstOfExpert = k.multiply(k.extend(ofRows.expert), spec.columns);
  return AsyncRows(
      k, layout, tile.weights(), lane, 32, [&](Value row, int64_t first) {
        int64_t contraction = first / tile.columns;
        Value n =
            k.add(firstColumn, k.subtract(row, contraction * tile.columns));
        SourceRow source = {k.rhs[contraction], Value(), Value()};
        if (spec.columns % tile.columns != 0) {
          source.exists = k.less(n, spec.columns);
          n = k.minimum(n, spec.columns - 1);
        }
        source.index = k.add(firstOfExpert, k.extend(n));
        return source;
      });
}

AsyncRows StreamingKernel::rowsOfLhs(const Tile &ofRows) {
  return AsyncRows(k, layout, tile.rows, lane, 32, [&](Value row, int64_t) {
    return SourceRow{k.lhs, k.row(ofRows, row), k.less(row, ofRows.rows)};
  });
}

Value StreamingKernel::nextStage(Value stage) {
  Value next = k.add(stage, tile.stageBytes());
  return k.select(k.equal(next, tile.ringBytes()), k.i32(0), next);
}

SmallVector<Value> StreamingKernel::multiply(ValueRange accumulators,
                                             Value stage) {
  WarpMMA mma(k, layout, lane);
  Value weights = k.add(ring, stage), rows = k.add(weights, tile.weightBytes());
  constexpr int64_t perLoad = 2;
  SmallVector<Value> sums(accumulators);
  for (int64_t step = 0; step < stepDepth / WarpMMA::depth; step += perLoad) {
    SmallVector<SmallVector<Value, 4>> right;
    Value rowOffset = k.add(rows, mma.narrowRhsOffset(step / perLoad));
    for (int64_t n = 0; n < rowFragments(); ++n)
      right.push_back(
          mma.load(k.add(rowOffset, n * WarpMMA::columns * layout.rowBytes())));
    for (int64_t i = 0; i < perLoad; ++i) {
      Value offset = k.add(weights, mma.lhsOffset(step + i));
      for (int64_t m = 0; m < weightFragments(); ++m) {
        SmallVector<Value, 4> left =
            mma.load(k.add(offset, m * WarpMMA::rows * layout.rowBytes()));
        for (int64_t n = 0; n < rowFragments(); ++n) {
          Value *sum = &sums[accumulatorOf(m, n)];
          SmallVector<Value, 4> product =
              mma.multiply(left, ArrayRef<Value>(right[n]).slice(2 * i, 2),
                           ArrayRef<Value>(sum, WarpMMA::accumulators));
          llvm::copy(product, sum);
        }
      }
    }
  }
  return sums;
}

/// The sums of the warp's share of the depth.
SmallVector<Value> StreamingKernel::contract(const Tile &ofRows) {
  AsyncRows weights = rowsOfWeights(ofRows);
  struct Part {
    AsyncRows &rows;
    int64_t offset;
  };
  auto copy = [&](Value step, Value stage, ArrayRef<Part> parts) {
    k.ifThen(k.less(step, steps), [&] {
      Value destination = k.add(ring, stage);
      for (const Part &part : parts)
        part.rows.copy(step, k.add(destination, part.offset));
    });
  };
  int64_t ahead = tile.stages - 1;
  auto stepAhead = [&](int64_t stage) { return k.add(warp, stage * warps); };
  auto stageAhead = [&](int64_t stage) {
    return k.i32(stage * tile.stageBytes());
  };
  // Where the rows lie is known after three loads that wait for each other;
  // weights are under way by then.
  for (int64_t stage = 0; stage < ahead; ++stage)
    copy(stepAhead(stage), stageAhead(stage), {{weights, 0}});
  AsyncRows rows = rowsOfLhs(ofRows);
  for (int64_t stage = 0; stage < ahead; ++stage) {
    copy(stepAhead(stage), stageAhead(stage), {{rows, tile.weightBytes()}});
    AsyncRows::commit(k);
  }

  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  size_t count = accumulatorOf(weightFragments(), 0);
  // Beside the accumulators the stages to read and to fill.
  SmallVector<Value> init(count, zero);
  init.push_back(k.i32(0));
  init.push_back(k.i32(ahead * tile.stageBytes()));
  SmallVector<Value> end =
      k.loop(warp, k.i32(steps), k.i32(warps), init,
             [&](Value step, ValueRange carried) {
               Value full = carried[count], empty = carried[count + 1];
               AsyncRows::wait(k, ahead - 1);
               // What other lanes have copied is there, and they have read what
               // is filled next.
               k.syncWarp();
               copy(k.add(step, ahead * warps), empty,
                    {{weights, 0}, {rows, tile.weightBytes()}});
               AsyncRows::commit(k);
               SmallVector<Value> results =
                   multiply(carried.take_front(count), full);
               results.push_back(nextStage(full));
               results.push_back(nextStage(empty));
               return results;
             });
  AsyncRows::wait(k, 0);
  end.truncate(count);
  return end;
}

Value StreamingKernel::sumPointer(Value ofWarp, Value weight, Value row) {
  Value line = k.add(k.multiply(ofWarp, tile.weights()), weight);
  return k.shared(
      k.multiply(k.add(k.multiply(line, tile.rows), row), accumulatorBytes));
}

void StreamingKernel::shareSums(ArrayRef<Value> accumulators) {
  auto pairType = VectorType::get(2, b.getF32Type());
  for (int64_t m = 0; m < weightFragments(); ++m)
    for (int64_t n = 0; n < rowFragments(); ++n)
      for (int64_t half : {0, 1}) {
        Value pair = LLVM::PoisonOp::create(b, pairType);
        for (int64_t side : {0, 1})
          pair = LLVM::InsertElementOp::create(
              b, pair, accumulators[accumulatorOf(m, n) + 2 * half + side],
              k.i32(side));
        Value weight =
            k.add(k.divide(lane, 4), (2 * m + half) * WarpMMA::rows / 2);
        Value row =
            k.add(k.multiply(k.remainder(lane, 4), 2), n * WarpMMA::columns);
        LLVM::StoreOp::create(b, pair, sumPointer(warp, weight, row),
                              2 * accumulatorBytes);
      }
}

void StreamingKernel::finishTile(const Tile &ofRows) {
  EpilogueEmitter epilogue(k, ofRows);
  int64_t width = spec.columns % 2 == 0 ? 2 : 1;
  int64_t perRow = tile.columns / width;
  for (int64_t first = 0; first < tile.rows * perRow; first += threads) {
    Value index = k.add(thread, first);
    Value row = k.divide(index, perRow);
    Value column = k.multiply(k.remainder(index, perRow), width);
    k.ifThen(k.less(row, ofRows.rows), [&] {
      SmallVector<SmallVector<Value>> sums(width);
      for (auto [i, ofColumn] : llvm::enumerate(sums))
        for (int64_t c = 0; c < spec.numContractions; ++c) {
          Value weight = k.add(column, c * tile.columns + i), sum;
          for (int64_t w = 0; w < warps; ++w) {
            Value part = LLVM::LoadOp::create(
                b, b.getF32Type(), sumPointer(k.i32(w), weight, row));
            sum = sum ? Value(LLVM::FAddOp::create(b, sum, part)) : part;
          }
          ofColumn.push_back(sum);
        }
      EpilogueRow own = epilogue.row(row);
      EpilogueColumns columns =
          epilogue.columns(k.add(firstColumn, column), width, tile.columns);
      epilogue.store(own, columns, epilogue.apply(own, columns, sums));
    });
  }
}

gpu::GPUModuleOp StreamingKernel::build() {
  thread = k.thread();
  lane = k.remainder(thread, 32);
  warp = k.uniform(k.divide(thread, 32));
  ring = k.multiply(warp, tile.ringBytes());
  firstColumn = k.multiply(k.block(), tile.columns);
  Value line = k.blockY();
  Value count = k.loadConstant(b.getI32Type(), k.count);
  k.ifThen(k.less(line, count), [&] {
    Tile ofRows = k.tile(line);
    SmallVector<Value> accumulators = contract(ofRows);
    // The sums overwrite rings that other warps read.
    k.syncBlock();
    shareSums(accumulators);
    k.syncBlock();
    finishTile(ofRows);
  });
  return k.finish();
}

StreamingTile StreamingTile::choose(const GroupedContraction &spec,
                                    const GPUTarget &target) {
  StreamingTile tile = {};
  bool few = spec.expectedRows > 0 && spec.expectedRows <= WarpMMA::columns;
  tile.rows = few ? WarpMMA::columns : 2 * WarpMMA::columns;
  tile.contractions = spec.numContractions;
  // Each block reads lhs anew, from the L2 cache. Where it has at least twice
  // as many rows of weights, that takes less time than reading them does.
  tile.columns = llvm::alignTo(
      llvm::divideCeil(2 * tile.rows, spec.numContractions), WarpMMA::rows);

  // Blocks on a multiprocessor, and what each shall have of the weights in
  // flight.
  constexpr int64_t blocks = 3, inFlight = 32 * 1024;
  constexpr int64_t minStages = 3, maxStages = 8;
  int64_t budget = (target.sharedBytesPerBlock + reservedSharedBytes) / blocks -
                   reservedSharedBytes;
  int64_t steps = llvm::divideCeil(spec.depth, stepDepth);
  int64_t stepsOfWarp = llvm::divideCeil(steps, warps);
  int64_t filling = llvm::divideCeil(inFlight, warps * tile.weightBytes());
  tile.stages = std::min({maxStages, 1 + stepsOfWarp, 1 + filling});
  tile.stages = std::max(tile.stages, minStages);
  while (tile.stages > minStages && tile.sharedBytes() > budget)
    --tile.stages;
  return tile;
}

bool mlir::moe::canBuildStreaming(const GroupedContraction &spec,
                                  const GPUTarget &target, std::string &why) {
  constexpr int64_t most = 4;
  if (!canBuildFromChunks(spec, target, why))
    return false;
  if (spec.numContractions < 1 || spec.numContractions > most)
    why = "right-hand sides of a stream are 1 to " + std::to_string(most) +
          ", got " + std::to_string(spec.numContractions);
  else if (StreamingTile::choose(spec, target).sharedBytes() >
           target.sharedBytesPerBlock)
    why = "chip '" + target.chip + "' has too little shared memory: " +
          std::to_string(target.sharedBytesPerBlock) + " bytes for a block";
  else
    return true;
  return false;
}

ContractionKernel
mlir::moe::buildStreamingContraction(OpBuilder &builder, Location loc,
                                     const GroupedContraction &spec,
                                     const GPUTarget &target) {
  StreamingTile tile = StreamingTile::choose(spec, target);
  ContractionKernel kernel;
  kernel.module = StreamingKernel(builder, loc, spec, target, tile).build();
  kernel.variant = ContractionVariant::Streaming;
  kernel.tileRows = tile.rows;
  kernel.threads = threads;
  kernel.sharedBytes = tile.sharedBytes();
  kernel.columnBlocks = llvm::divideCeil(spec.columns, tile.columns);
  return kernel;
}
