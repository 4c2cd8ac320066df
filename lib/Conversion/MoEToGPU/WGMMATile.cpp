//===- WGMMATile.cpp - Sizes of a kernel of wgmma -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WGMMATile.h"

#include "BarrierRing.h"
#include "WarpEpilogue.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
constexpr int64_t minStages = 2, maxStages = 6;
/// Of a multiprocessor, and what each of its blocks takes beside what it asks
/// for, in bytes.
constexpr int64_t registersPerMultiprocessor = 65536;
constexpr int64_t reservedSharedBytes = 1024;
constexpr int64_t warpsPerWarpgroup = 4;
} // namespace

int64_t WGMMATile::sharedBytes() const {
  return barrierOffset() + BarrierRing::bytes(stages);
}

/// The widest block that computes hardly more columns beyond the last one than
/// the narrowest does: a wide one reads lhs less often.
static int64_t chooseColumns(const GroupedContraction &spec, int64_t widest) {
  auto padded = [&](int64_t columns) {
    return llvm::alignTo(spec.columns, columns / spec.numContractions);
  };
  int64_t columns = 64;
  uint64_t least = padded(columns);
  for (int64_t wider = columns * 2; wider <= widest; wider *= 2)
    if (padded(wider) * 4 <= least * 5)
      columns = wider;
  return columns;
}

/// As many stages as fit into `budget` bytes.
static int64_t chooseStages(const WGMMATile &tile, int64_t budget) {
  WGMMATile sized = tile;
  for (sized.stages = maxStages; sized.stages >= minStages; --sized.stages)
    if (sized.sharedBytes() <= budget)
      return sized.stages;
  return 0;
}

std::optional<WGMMATile> WGMMATile::choose(const GroupedContraction &spec,
                                           const GPUTarget &target) {
  WGMMATile tile = {};
  // Small tiles wait for memory more than they compute: two blocks take turns.
  bool small = spec.expectedRows > 0 && spec.expectedRows <= consumerRows;
  tile.consumers = small ? 1 : 2;
  tile.minBlocks = small ? 2 : 1;
  int64_t budget = target.sharedBytesPerBlock;
  if (small)
    budget = (budget + reservedSharedBytes) / 2 - reservedSharedBytes;

  for (tile.columns = chooseColumns(spec, small ? 128 : 256);
       tile.columns >= 64; tile.columns /= 2) {
    tile.resultColumns = tile.columns / spec.numContractions;
    tile.stagingBytes = tile.consumers * warpsPerWarpgroup *
                        warpStagingBytes(spec, tile.resultColumns);
    tile.stages = chooseStages(tile, budget);
    if (tile.stages != 0)
      break;
  }
  if (tile.stages == 0)
    return std::nullopt;

  // Three warpgroups are launched with 168 registers each. A producer that
  // gathers holds addresses of rows; the rest goes to the accumulators.
  if (tile.consumers == 2) {
    tile.producerRegisters = spec.gather ? 88 : 40;
    tile.consumerRegisters = spec.gather ? 208 : 232;
    // An increase that does not fit waits for ever.
    int64_t launched =
        llvm::alignDown(registersPerMultiprocessor / tile.threads(), 8) *
        tile.threads();
    int64_t wanted = warpgroup * (tile.producerRegisters +
                                  tile.consumers * tile.consumerRegisters);
    assert(wanted <= launched && "registers that a block does not have");
    (void)launched;
    (void)wanted;
  }
  return tile;
}
