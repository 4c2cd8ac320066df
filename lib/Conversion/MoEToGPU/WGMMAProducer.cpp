//===- WGMMAProducer.cpp - Loading the stages of a kernel of wgmma --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WGMMAKernel.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Bytes that a thread copies at once.
constexpr int64_t chunkBytes = 16;
constexpr int64_t chunksPerRow = WGMMATile::rowBytes / chunkBytes;
} // namespace

void WGMMAKernel::load(Value map, Value destination, ValueRange coordinates,
                       Value full) {
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      b, destination, map, coordinates, full, /*im2colOffsets=*/ValueRange(),
      /*multicastMask=*/Value(), /*l2CacheHint=*/Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(),
      /*predicate=*/Value());
}

void WGMMAKernel::loadRhs(const WGMMAWork &work, Value step, Value stage) {
  Value depth = k.multiply(step, WGMMATile::depth);
  Value offset = k.add(k.multiply(stage, tile.stageBytes()), tile.lhsBytes());
  for (Value map : k.rhsMaps) {
    load(map, k.shared(offset), {depth, work.column, work.tile.expert},
         ring.full(stage));
    offset = k.add(offset, tile.resultColumns * WGMMATile::rowBytes);
  }
}

void WGMMAKernel::produceByTMA() {
  k.ifThen(leader, [&] {
    RingPosition start = ring.start();
    forEachWork({start.stage, start.parity}, [&](const WGMMAWork &work,
                                                 ValueRange carried) {
      return forEachStep(0, carried, [&](Value step, ValueRange carried) {
        RingPosition at = {carried[0], carried[1]};
        ring.waitEmpty(at);
        Value full = ring.full(at.stage);
        NVVM::MBarrierArriveExpectTxOp::create(
            b, Type(), full, k.i32(tile.stageBytes()), NVVM::MemScopeKind::CTA,
            /*relaxed=*/false, /*predicate=*/Value());
        load(k.lhsMap, k.shared(k.multiply(at.stage, tile.stageBytes())),
             {k.multiply(step, WGMMATile::depth), work.tile.first}, full);
        loadRhs(work, step, at.stage);
        RingPosition next = ring.next(at);
        return SmallVector<Value>{next.stage, next.parity};
      });
    });
  });
}

/// The addresses of the thread's rows. Eight threads copy one row, each a chunk
/// of it.
SmallVector<Value> WGMMAKernel::rowsOf(const Tile &ofRows) {
  SmallVector<Value> addresses;
  int64_t rowsAtOnce = WGMMATile::warpgroup / chunksPerRow;
  Value chunk = k.multiply(k.remainder(thread, chunksPerRow), chunkBytes);
  for (int64_t first = 0; first < tile.rows(); first += rowsAtOnce) {
    Value r = k.add(k.divide(thread, chunksPerRow), first);
    Value offset = k.multiply(k.row(ofRows, r), spec.depth * 2);
    addresses.push_back(k.byte(k.lhs, k.add(offset, k.extend(chunk))));
  }
  return addresses;
}

void WGMMAKernel::gatherRows(ArrayRef<Value> rows, Value step, Value stage) {
  Value chunk = k.remainder(thread, chunksPerRow);
  Value r = k.divide(thread, chunksPerRow);
  Value depth = k.multiply(step, WGMMATile::rowBytes);
  Value size;
  if (spec.depth % WGMMATile::depth != 0) {
    Value exists =
        k.less(k.add(depth, k.multiply(chunk, chunkBytes)), spec.depth * 2);
    size = k.select(exists, k.i32(chunkBytes), k.i32(0));
    depth = k.select(exists, depth, k.i32(0));
  }
  // The swizzle of 128 bytes: chunk c of row r lies at c ^ (r % 8).
  Value swizzled = k.exclusiveOr(chunk, k.remainder(r, chunksPerRow));
  Value destination = k.add(k.multiply(stage, tile.stageBytes()),
                            k.add(k.multiply(r, WGMMATile::rowBytes),
                                  k.multiply(swizzled, chunkBytes)));
  for (auto [i, row] : llvm::enumerate(rows))
    NVVM::CpAsyncOp::create(
        b, k.shared(k.add(destination, i * WGMMATile::warpgroup * chunkBytes)),
        k.byte(row, k.extend(depth)), chunkBytes,
        NVVM::LoadCacheModifierKind::CG, size);
  NVVM::CpAsyncCommitGroupOp::create(b);
}

/// Copies of cp.async are not of the async proxy, which wgmma reads by: each
/// thread fences its own before the warp arrives for all of them.
void WGMMAKernel::arriveGathered(Value stage, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, pending);
  NVVM::FenceProxyOp::create(
      b, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  k.syncWarp();
  k.ifThen(k.equal(lane, 0), [&] { ring.arrive(ring.full(stage)); });
}

void WGMMAKernel::produceGathered() {
  RingPosition start = ring.start();
  // Beside the position the number of stages begun.
  SmallVector<Value> end = forEachWork(
      {start.stage, start.parity, k.i32(0)},
      [&](const WGMMAWork &work, ValueRange carried) {
        SmallVector<Value> rows = rowsOf(work.tile);
        return forEachStep(0, carried, [&](Value step, ValueRange carried) {
          RingPosition at = {carried[0], carried[1]};
          Value begun = carried[2];
          // Announced before the wait, which may be for who needs it, and not
          // behind a copy that was just begun.
          k.ifThen(k.less(k.i32(gatherLag - 1), begun), [&] {
            arriveGathered(ring.before(at.stage, gatherLag), gatherLag - 1);
          });
          ring.waitEmpty(at);
          k.ifThen(leader, [&] {
            NVVM::MBarrierArriveExpectTxOp::create(
                b, Type(), ring.full(at.stage), k.i32(tile.rhsBytes()),
                NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                /*predicate=*/Value());
            loadRhs(work, step, at.stage);
          });
          gatherRows(rows, step, at.stage);
          RingPosition next = ring.next(at);
          return SmallVector<Value>{next.stage, next.parity, k.add(begun, 1)};
        });
      });
  for (int64_t late = gatherLag; late > 0; --late)
    k.ifThen(k.less(k.i32(late - 1), end[2]),
             [&] { arriveGathered(ring.before(end[0], late), late - 1); });
}
