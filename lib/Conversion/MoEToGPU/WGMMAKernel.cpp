//===- WGMMAKernel.cpp - Grouped contraction by wgmma ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WGMMAKernel.h"

#include "Kernels.h"
#include "WarpEpilogue.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Tiles of rows that go through all blocks of columns together: weights that
/// several tiles need are read while they are in the L2 cache.
constexpr int64_t tilesAtOnce = 16;
/// Warps that arrive for the rows that a producer gathers.
constexpr int64_t producerWarps = 4;
constexpr int64_t depthOfWGMMA = 16;
} // namespace

WGMMAKernel::WGMMAKernel(OpBuilder &builder, Location loc,
                         const GroupedContraction &spec,
                         const GPUTarget &target, const WGMMATile &tile)
    : k(builder, loc, spec, target,
        {tile.threads(), tile.minBlocks, /*mapsLhs=*/!spec.gather,
         /*mapsRhs=*/true}),
      b(k.b), spec(spec), tile(tile),
      ring(k, tile.barrierOffset(), tile.stages),
      columnBlocks(llvm::divideCeil(spec.columns, tile.resultColumns)),
      steps(llvm::divideCeil(spec.depth, WGMMATile::depth)),
      gatherLag(tile.stages > 3 ? 2 : 1) {
  int64_t perThread =
      WGMMATile::consumerRows * tile.columns / WGMMATile::warpgroup;
  accumulatorType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(perThread, b.getF32Type()));
}

//===----------------------------------------------------------------------===//
// What a block has to do
//===----------------------------------------------------------------------===//

WGMMAWork WGMMAKernel::work(Value index) {
  Value line = index, block = k.i32(0);
  if (columnBlocks > 1) {
    int64_t perGroup = tilesAtOnce * columnBlocks;
    Value first = k.multiply(k.divide(index, perGroup), tilesAtOnce);
    Value inGroup = k.remainder(index, perGroup);
    Value count = k.loadConstant(b.getI32Type(), k.count);
    Value lines = k.minimum(k.subtract(count, first), tilesAtOnce);
    block = k.divide(inGroup, lines);
    line = k.add(first, k.remainder(inGroup, lines));
  }
  return {k.tile(line), k.multiply(block, tile.resultColumns)};
}

SmallVector<Value> WGMMAKernel::forEachWork(ValueRange init, WorkBody body) {
  return k.loop(k.block(), total, k.blocks(), init,
                [&](Value index, ValueRange carried) {
                  return body(work(index), carried);
                });
}

SmallVector<Value> WGMMAKernel::forEachStep(int64_t from, ValueRange init,
                                            KernelBuilder::LoopBody body) {
  return k.loop(k.i32(from), k.i32(steps), k.i32(1), init, body);
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

/// Of an operand at `offset` of the shared memory: rows of 128 bytes, eight of
/// them in 1024 bytes, swizzled.
Value WGMMAKernel::descriptor(Value offset) {
  constexpr int64_t unit = 16, addressBits = 14;
  constexpr uint64_t leadingBytes = 1, strideBytes = 1024 / unit;
  constexpr uint64_t swizzle128 = 1;
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), k.shared(offset));
  Value encoded =
      k.remainder(k.divide(address, unit), int64_t(1) << addressBits);
  uint64_t fields = leadingBytes << 16 | strideBytes << 32 | swizzle128 << 62;
  return k.add(k.extend(encoded), static_cast<int64_t>(fields));
}

Value WGMMAKernel::multiply(Value accumulators, Value stage, bool first) {
  NVVM::WgmmaFenceAlignedOp::create(b);
  Value offset = k.extend(k.multiply(stage, tile.stageBytes() / 16));
  Value lhs = k.add(lhsDescriptor, offset), rhs = k.add(rhsDescriptor, offset);
  auto shape = NVVM::MMAShapeAttr::get(b.getContext(), WGMMATile::consumerRows,
                                       tile.columns, depthOfWGMMA);
  NVVM::WGMMATypes type = spec.elementType.isBF16() ? NVVM::WGMMATypes::bf16
                                                    : NVVM::WGMMATypes::f16;
  for (int64_t i = 0; i < WGMMATile::depth / depthOfWGMMA; ++i) {
    int64_t advance = i * depthOfWGMMA * 2 / 16;
    auto out =
        first && i == 0 ? NVVM::WGMMAScaleOut::zero : NVVM::WGMMAScaleOut::one;
    accumulators = NVVM::WgmmaMmaAsyncOp::create(
        b, accumulatorType, accumulators, k.add(lhs, advance),
        k.add(rhs, advance), shape, type, type, NVVM::WGMMATypes::f32, out,
        NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one, NVVM::MMALayout::row,
        NVVM::MMALayout::col, NVVM::MMAIntOverflowAttr());
  }
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
  return accumulators;
}

void WGMMAKernel::release(Value stage) {
  k.ifThen(k.equal(lane, 0), [&] { ring.arrive(ring.empty(stage)); });
}

void WGMMAKernel::finishTile(const WGMMAWork &work, Value accumulators) {
  Value warp = k.divide(k.remainder(thread, WGMMATile::warpgroup), 32);
  Value consumer = k.subtract(warpgroup, 1);
  int64_t warps = WGMMATile::warpgroup / 32;
  int64_t stagingBytes = tile.stagingBytes / (tile.consumers * warps);
  auto accumulator = [&](int64_t contraction, int64_t block, int64_t half,
                         int64_t side) -> Value {
    int64_t blocks = contraction * tile.resultColumns / 8 + block;
    return LLVM::ExtractValueOp::create(b, accumulators,
                                        blocks * 4 + half * 2 + side);
  };
  WarpFragments fragments = {
      k.add(k.multiply(consumer, WGMMATile::consumerRows),
            k.multiply(warp, 16)),
      work.column, tile.resultColumns, accumulator,
      k.add(k.multiply(k.add(k.multiply(consumer, warps), warp), stagingBytes),
            tile.stagingOffset())};
  emitWarpEpilogue(k, work.tile, fragments);
}

RingPosition WGMMAKernel::multiplyTile(const WGMMAWork &work, RingPosition at) {
  ring.waitFull(at);
  Value nothing = LLVM::UndefOp::create(b, accumulatorType);
  Value accumulators = multiply(nothing, at.stage, /*first=*/true);
  RingPosition next = ring.next(at);
  // One product is in flight while the next one is begun, so a stage is
  // released one step late.
  SmallVector<Value> end =
      forEachStep(1, {accumulators, next.stage, next.parity, at.stage},
                  [&](Value, ValueRange carried) {
                    RingPosition at = {carried[1], carried[2]};
                    ring.waitFull(at);
                    Value accumulators =
                        multiply(carried[0], at.stage, /*first=*/false);
                    NVVM::WgmmaWaitGroupSyncOp::create(b, 1);
                    release(carried[3]);
                    RingPosition next = ring.next(at);
                    return SmallVector<Value>{accumulators, next.stage,
                                              next.parity, at.stage};
                  });
  NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
  release(end[3]);
  finishTile(work, end[0]);
  return {end[1], end[2]};
}

/// Goes past the stages of a tile that has no rows for the consumer.
RingPosition WGMMAKernel::skipTile(RingPosition at) {
  SmallVector<Value> end =
      forEachStep(0, {at.stage, at.parity}, [&](Value, ValueRange carried) {
        RingPosition at = {carried[0], carried[1]};
        ring.waitFull(at);
        release(at.stage);
        RingPosition next = ring.next(at);
        return SmallVector<Value>{next.stage, next.parity};
      });
  return {end[0], end[1]};
}

void WGMMAKernel::consume() {
  Value consumer = k.subtract(warpgroup, 1);
  lhsDescriptor = descriptor(
      k.multiply(consumer, WGMMATile::consumerRows * WGMMATile::rowBytes));
  rhsDescriptor = descriptor(k.i32(tile.lhsBytes()));
  Value firstRow = k.multiply(consumer, WGMMATile::consumerRows);
  RingPosition start = ring.start();
  forEachWork({start.stage, start.parity}, [&](const WGMMAWork &work,
                                               ValueRange carried) {
    RingPosition at = {carried[0], carried[1]}, multiplied, skipped;
    if (tile.consumers == 1) {
      multiplied = multiplyTile(work, at);
      return SmallVector<Value>{multiplied.stage, multiplied.parity};
    }
    Value hasRows = k.less(firstRow, k.uniform(work.tile.rows));
    return k.ifThenElse(
        hasRows, {b.getI32Type(), b.getI32Type()},
        [&] {
          multiplied = multiplyTile(work, at);
          return SmallVector<Value>{multiplied.stage, multiplied.parity};
        },
        [&] {
          skipped = skipTile(at);
          return SmallVector<Value>{skipped.stage, skipped.parity};
        });
  });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

gpu::GPUModuleOp WGMMAKernel::build() {
  thread = k.thread();
  lane = k.remainder(thread, 32);
  warpgroup = k.uniform(k.divide(thread, WGMMATile::warpgroup));
  leader = k.equal(thread, 0);
  Value count = k.loadConstant(b.getI32Type(), k.count);
  total = k.multiply(count, columnBlocks);
  k.ifThen(leader, [&] {
    int64_t warps = WGMMATile::warpgroup / 32;
    ring.init(/*fullArrivals=*/1 + (spec.gather ? producerWarps : 0),
              /*emptyArrivals=*/tile.consumers * warps);
  });
  NVVM::BarrierOp::create(b);

  auto share = [&](int64_t registers, NVVM::SetMaxRegisterAction action) {
    if (registers != 0)
      NVVM::SetMaxRegisterOp::create(b, registers, action);
  };
  k.ifThenElse(
      k.equal(warpgroup, 0),
      [&] {
        share(tile.producerRegisters, NVVM::SetMaxRegisterAction::decrease);
        if (spec.gather)
          produceGathered();
        else
          produceByTMA();
      },
      [&] {
        share(tile.consumerRegisters, NVVM::SetMaxRegisterAction::increase);
        consume();
      });
  return k.finish();
}

bool mlir::moe::canBuildWGMMA(const GroupedContraction &spec,
                              const GPUTarget &target, std::string &why) {
  constexpr unsigned firstPTX = 86;
  constexpr int64_t alignment = 16;
  if (!target.hasWGMMA)
    why = "chip '" + target.chip + "' has no wgmma";
  else if (target.ptxVersion < firstPTX)
    why = "TMA into the block's own shared memory needs PTX version " +
          std::to_string(firstPTX) + " or newer, got " +
          std::to_string(target.ptxVersion);
  else if (!spec.elementType.isBF16() && !spec.elementType.isF16())
    why = "wgmma multiplies bf16 and f16 here";
  else if (!isa<Float32Type, BFloat16Type, Float16Type>(spec.resultType))
    why = "results of wgmma are stored as f32, bf16 or f16";
  else if (spec.numContractions != 1 && spec.numContractions != 2)
    why = "wgmma takes one or two right-hand sides, got " +
          std::to_string(spec.numContractions);
  else if (spec.experts < 1 || spec.columns < 1 || spec.depth < 1)
    why = "there is nothing to multiply";
  else if (spec.depth * 2 % alignment != 0)
    why = "rows of " + std::to_string(spec.depth * 2) +
          " bytes are not aligned to " + std::to_string(alignment) +
          ", which TMA needs";
  else if (!WGMMATile::choose(spec, target))
    why = "chip '" + target.chip + "' has too little shared memory: " +
          std::to_string(target.sharedBytesPerBlock) + " bytes for a block";
  else
    return true;
  return false;
}

ContractionKernel
mlir::moe::buildWGMMAContraction(OpBuilder &builder, Location loc,
                                 const GroupedContraction &spec,
                                 const GPUTarget &target) {
  WGMMATile tile = *WGMMATile::choose(spec, target);
  ContractionKernel kernel;
  kernel.module = WGMMAKernel(builder, loc, spec, target, tile).build();
  kernel.variant = ContractionVariant::WGMMA;
  kernel.tileRows = tile.rows();
  kernel.threads = tile.threads();
  kernel.sharedBytes = tile.sharedBytes();
  kernel.mapsLhs = !spec.gather;
  kernel.mapsRhs = true;
  kernel.boxDepth = WGMMATile::depth;
  kernel.boxColumns = tile.resultColumns;
  kernel.persistent = true;
  kernel.columnBlocks = llvm::divideCeil(spec.columns, tile.resultColumns);
  return kernel;
}
