//===- Matrix.cpp - Matrix instructions of a warp -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync, ldmatrix, stmatrix: each thread holds parts of the matrices, and
// the last to come computes for the warp.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Instructions.h"
#include "Numbers.h"

#include <utility>

using namespace mlir::moe;
using namespace mlir::moe::emu;

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

namespace {
struct Multiply {
  float *accumulators;
  int32_t type;
  uint32_t a[4], b[2];
};
enum MatrixType : int32_t { BF16, F16, TF32 };
} // namespace

/// A (16 rows) and B (8 columns) from the registers: lane 4 r + c holds of row
/// r and row r + 8 of A, and of column r of B, pair c of each half of the
/// depth, or element c of it for tf32.
static void gather(const Warp &warp, float a[16][16], float b[8][16]) {
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    const auto &mine = warp.operands<Multiply>(lane);
    const uint32_t row = lane / 4, column = lane % 4;
    for (uint32_t half = 0; half < 2; ++half) {
      if (mine.type == TF32) {
        const uint32_t k = column + 4 * half;
        constexpr uint32_t kept = ~0x1fffu;
        a[row][k] = floatOfBits(mine.a[2 * half] & kept);
        a[row + 8][k] = floatOfBits(mine.a[2 * half + 1] & kept);
        b[row][k] = floatOfBits(mine.b[half] & kept);
        continue;
      }
      for (uint32_t i = 0; i < 2; ++i) {
        const uint32_t k = 8 * half + 2 * column + i;
        auto element = [&](uint32_t pair) {
          return floatOfShort(uint16_t(pair >> (16 * i)), mine.type);
        };
        a[row][k] = element(mine.a[2 * half]);
        a[row + 8][k] = element(mine.a[2 * half + 1]);
        b[row][k] = element(mine.b[half]);
      }
    }
  }
}

static void multiply(Warp &warp, uint32_t lanes) {
  if (lanes != ~0u)
    block->fail("mma.sync in a warp whose threads have not all come");
  float a[16][16], b[8][16];
  gather(warp, a, b);
  const uint32_t depth = warp.operands<Multiply>(0).type == TF32 ? 8 : 16;
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    float *accumulators = warp.operands<Multiply>(lane).accumulators;
    for (uint32_t i = 0; i < 4; ++i) {
      const float *row = a[lane / 4 + i / 2 * 8];
      const float *column = b[lane % 4 * 2 + i % 2];
      float sum = accumulators[i];
      for (uint32_t k = 0; k < depth; ++k)
        sum += row[k] * column[k];
      accumulators[i] = sum;
    }
  }
}

void moe_emu_mma(float *accumulators, int32_t type, int32_t a0, int32_t a1,
                 int32_t a2, int32_t a3, int32_t b0, int32_t b1) {
  Multiply operands{accumulators,
                    type,
                    {uint32_t(a0), uint32_t(a1), uint32_t(a2), uint32_t(a3)},
                    {uint32_t(b0), uint32_t(b1)}};
  block->currentWarp().meet(~0u, "mma.sync", &operands, multiply);
}

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix
//===----------------------------------------------------------------------===//

namespace {
/// Matrices of 8 x 8 elements of 16 bits: lane 8 m + r has the address of row r
/// of matrix m, and lane 4 r + c holds elements 2 c and 2 c + 1 of row r, or of
/// column r if transposed.
struct MoveMatrix {
  const void *pointer;
  uint32_t count;
  bool transposed;
  uint32_t registers[4];

  /// Where element i of the pair that `lane` holds is in its matrix.
  static void place(uint32_t lane, uint32_t i, bool transposed, uint32_t &row,
                    uint32_t &column) {
    row = lane / 4;
    column = lane % 4 * 2 + i;
    if (transposed)
      std::swap(row, column);
  }
};
constexpr uint32_t rowBytes = 16;
} // namespace

/// The rows of all matrices, each looked at as `access` does.
template <typename Access>
static void forEachRow(const Warp &warp, const char *what, Access access) {
  const uint32_t count = warp.operands<MoveMatrix>(0).count;
  for (uint32_t lane = 0; lane < 8 * count; ++lane) {
    const uint32_t address =
        block->addressOf(warp.operands<MoveMatrix>(lane).pointer, what);
    block->shared(address, rowBytes, what, rowBytes);
    access(warp.thread(lane), SharedRange{address, rowBytes});
  }
}

static uint16_t *elementOf(const Warp &warp, uint32_t matrix, uint32_t lane,
                           uint32_t i) {
  uint32_t row, column;
  MoveMatrix::place(lane, i, warp.operands<MoveMatrix>(0).transposed, row,
                    column);
  const void *pointer = warp.operands<MoveMatrix>(8 * matrix + row).pointer;
  return static_cast<uint16_t *>(const_cast<void *>(pointer)) + column;
}

static void loadMatrices(Warp &warp, uint32_t lanes) {
  if (lanes != ~0u)
    block->fail("ldmatrix in a warp whose threads have not all come");
  forEachRow(warp, "reads by ldmatrix", [](Thread &thread, SharedRange range) {
    block->shadow.read(thread, range, "reads by ldmatrix");
  });
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    auto &mine = warp.operands<MoveMatrix>(lane);
    for (uint32_t m = 0; m < mine.count; ++m)
      mine.registers[m] = *elementOf(warp, m, lane, 0) |
                          uint32_t(*elementOf(warp, m, lane, 1)) << 16;
  }
}

static void storeMatrices(Warp &warp, uint32_t lanes) {
  if (lanes != ~0u)
    block->fail("stmatrix in a warp whose threads have not all come");
  forEachRow(warp, "writes by stmatrix", [](Thread &thread, SharedRange range) {
    block->shadow.write(thread, range, "writes by stmatrix");
  });
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    const auto &mine = warp.operands<MoveMatrix>(lane);
    for (uint32_t m = 0; m < mine.count; ++m)
      for (uint32_t i = 0; i < 2; ++i)
        *elementOf(warp, m, lane, i) = uint16_t(mine.registers[m] >> (16 * i));
  }
}

void moe_emu_ldmatrix(int32_t *results, const void *row, int32_t count,
                      int32_t transposed) {
  MoveMatrix move{row, uint32_t(count), transposed != 0, {}};
  block->currentWarp().meet(~0u, "ldmatrix", &move, loadMatrices);
  for (int32_t m = 0; m < count; ++m)
    results[m] = int32_t(move.registers[m]);
}

void moe_emu_stmatrix(void *row, int32_t count, int32_t transposed, int32_t r0,
                      int32_t r1, int32_t r2, int32_t r3) {
  MoveMatrix move{row,
                  uint32_t(count),
                  transposed != 0,
                  {uint32_t(r0), uint32_t(r1), uint32_t(r2), uint32_t(r3)}};
  block->currentWarp().meet(~0u, "stmatrix", &move, storeMatrices);
}
