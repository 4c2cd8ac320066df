//===- WarpgroupMatrix.cpp - wgmma ----------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each warp computes its sixteen rows of the 64 of its warpgroup when it comes
// to the instruction; what it read is guarded until it waits.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Instructions.h"
#include "Numbers.h"
#include "TensorMap.h"

#include <algorithm>
#include <cstring>

using namespace mlir::moe;
using namespace mlir::moe::emu;

namespace {
struct WarpgroupMultiply {
  float *accumulators;
  uint64_t a, b;
  uint32_t columns;
  int32_t type;
  bool accumulate;
  float sign;

  bool operator==(const WarpgroupMultiply &other) const {
    return a == other.a && b == other.b && columns == other.columns &&
           accumulate == other.accumulate;
  }
};

/// A matrix in shared memory whose rows of 64 elements are swizzled by 128
/// bytes, eight rows in a group.
struct SharedMatrix {
  explicit SharedMatrix(uint64_t descriptor) {
    constexpr uint64_t bits14 = 0x3fff;
    start = uint32_t(descriptor & bits14) << 4;
    groupBytes = uint32_t(descriptor >> 32 & bits14) << 4;
    if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0)
      block->fail("wgmma with a descriptor of another layout than the swizzle "
                  "of 128 bytes without base offset");
  }
  /// Unswizzled, where row `row` begins.
  uint32_t row(uint32_t row) const {
    return start + row / 8 * groupBytes + row % 8 * 128;
  }

  uint32_t start, groupBytes;
};

constexpr uint32_t depth = 16, rowsOfWarp = 16, maximumColumns = 256;
/// A row of one instruction has two pieces of 16 bytes.
constexpr uint32_t pieceBytes = 16, pieces = 2;
} // namespace

/// Reads row `row` of the matrix, and guards it.
static void readRow(Warp &warp, const SharedMatrix &matrix, uint32_t row,
                    int32_t type, float *elements, uint32_t stride) {
  for (uint32_t piece = 0; piece < pieces; ++piece) {
    const uint32_t address = swizzled(matrix.row(row) + piece * pieceBytes);
    const unsigned char *bytes =
        block->shared(address, pieceBytes, "reads by wgmma", pieceBytes);
    warp.beginReading({address, pieceBytes, pieceBytes});
    for (uint32_t i = 0; i < 8; ++i) {
      uint16_t element;
      std::memcpy(&element, bytes + 2 * i, sizeof element);
      elements[(8 * piece + i) * stride] = floatOfShort(element, type);
    }
  }
}

static void multiply(Warp &warp, uint32_t lanes) {
  const auto &first = warp.operands<WarpgroupMultiply>(0);
  if (lanes != ~0u)
    block->fail("wgmma in a warp whose threads have not all come");
  for (uint32_t lane = 1; lane < warpSize; ++lane)
    if (!(warp.operands<WarpgroupMultiply>(lane) == first))
      block->fail("threads of a warp disagree on the operands of wgmma");
  const SharedMatrix a(first.a), b(first.b);
  const uint32_t columns = first.columns;
  // The rows of A by row, those of B by depth, so that columns are vectors.
  static float left[rowsOfWarp][depth], right[depth][maximumColumns];
  static float sums[rowsOfWarp][maximumColumns];
  const uint32_t firstRow = warp.number() % 4 * rowsOfWarp;
  for (uint32_t row = 0; row < rowsOfWarp; ++row)
    readRow(warp, a, firstRow + row, first.type, left[row], 1);
  for (uint32_t column = 0; column < columns; ++column)
    readRow(warp, b, column, first.type, &right[0][column], maximumColumns);
  // Lane 4 r + c holds columns 8 j + 2 c and the next of rows r and r + 8.
  auto forEachAccumulator = [&](auto visit) {
    for (uint32_t lane = 0; lane < warpSize; ++lane) {
      float *mine = warp.operands<WarpgroupMultiply>(lane).accumulators;
      for (uint32_t i = 0; i < columns / 2; ++i)
        visit(mine[i],
              sums[lane / 4 + i / 2 % 2 * 8][i / 4 * 8 + lane % 4 * 2 + i % 2]);
    }
  };
  if (first.accumulate)
    forEachAccumulator([](float &mine, float &sum) { sum = mine; });
  for (uint32_t row = 0; row < rowsOfWarp; ++row) {
    if (!first.accumulate)
      std::fill(sums[row], sums[row] + columns, 0.0f);
    for (uint32_t k = 0; k < depth; ++k) {
      const float factor = first.sign * left[row][k];
      for (uint32_t column = 0; column < columns; ++column)
        sums[row][column] += factor * right[k][column];
    }
  }
  forEachAccumulator([](float &mine, float &sum) { mine = sum; });
}

void moe_emu_wgmma(float *accumulators, int64_t descriptorA,
                   int64_t descriptorB, int32_t columns, int32_t type,
                   int32_t accumulate, int32_t signA, int32_t signB) {
  if (columns % 8 || columns < 8 || columns > int32_t(maximumColumns))
    block->fail("wgmma of " + std::to_string(columns) + " columns");
  if (block->threadCount % 128)
    block->fail("wgmma in a block of " + std::to_string(block->threadCount) +
                " threads, which are no whole warpgroups");
  WarpgroupMultiply operands{accumulators,
                             uint64_t(descriptorA),
                             uint64_t(descriptorB),
                             uint32_t(columns),
                             type,
                             accumulate != 0,
                             float(signA * signB)};
  block->currentWarp().meet(~0u, "wgmma", &operands, multiply);
}

void moe_emu_wgmma_fence() {
  block->currentWarp().meet(~0u, "wgmma.fence", nullptr,
                            [](Warp &, uint32_t) {});
}

void moe_emu_wgmma_commit_group() {
  block->currentWarp().meet(~0u, "wgmma.commit_group", nullptr,
                            [](Warp &warp, uint32_t) { warp.commitReading(); });
}

void moe_emu_wgmma_wait_group(int64_t groups) {
  // Its reads are those of the first thread; all know of them afterwards.
  block->currentWarp().meet(
      ~0u, "wgmma.wait_group", &groups, [](Warp &warp, uint32_t lanes) {
        warp.waitReading(uint32_t(warp.operands<int64_t>(0)));
        warp.order(lanes);
      });
}
