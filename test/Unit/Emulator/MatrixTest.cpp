//===- MatrixTest.cpp - Tests of matrix instructions ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small integers, which every type here holds exactly, multiplied by loops over
// rows and columns; layouts are those of the PTX manual, spelled out.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace mlir::moe;
using namespace mlir::moe::test;
using ::testing::HasSubstr;

namespace {
enum Type : int32_t { BF16, F16, TF32 };
} // namespace

static uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// Of an integer from -8 to 8.
static uint32_t encode(int value, Type type) {
  if (type == TF32)
    return bitsOf(float(value));
  if (type == BF16)
    return bitsOf(float(value)) >> 16;
  static const uint16_t halves[] = {0x0000, 0x3C00, 0x4000, 0x4200, 0x4400,
                                    0x4500, 0x4600, 0x4700, 0x4800};
  return halves[std::abs(value)] | (value < 0 ? 0x8000 : 0);
}

namespace {
/// A matrix of small integers.
struct Matrix {
  Matrix(int rows, int columns, unsigned seed) : columns(columns) {
    std::mt19937 random(seed);
    values.resize(size_t(rows) * columns);
    for (int &value : values)
      value = int(random() % 17) - 8;
  }
  int operator()(int row, int column) const {
    return values[size_t(row) * columns + column];
  }
  int columns;
  std::vector<int> values;
};
} // namespace

TEST(EmulatorMatrix, MultipliesInAWarp) {
  for (Type type : {BF16, F16, TF32}) {
    const int depth = type == TF32 ? 8 : 16;
    Matrix a(16, depth, 1), b(8, depth, 2), c(16, 8, 3);
    EXPECT_EQ(run({32},
                  [&] {
                    const int lane = threadNumber(), group = lane / 4,
                              place = lane % 4;
                    auto register32 = [&](const Matrix &m, int row, int half) {
                      if (type == TF32)
                        return int32_t(encode(m(row, place + 4 * half), type) |
                                       0x1234 % 0x1000);
                      int k = 8 * half + 2 * place;
                      return int32_t(encode(m(row, k), type) |
                                     encode(m(row, k + 1), type) << 16);
                    };
                    float sums[4];
                    for (int i = 0; i < 4; ++i)
                      sums[i] = float(c(group + i / 2 * 8, 2 * place + i % 2));
                    emu("mma", static_cast<float *>(sums), int32_t(type),
                        register32(a, group, 0), register32(a, group + 8, 0),
                        register32(a, group, 1), register32(a, group + 8, 1),
                        register32(b, group, 0), register32(b, group, 1));
                    for (int i = 0; i < 4; ++i) {
                      int row = group + i / 2 * 8, column = 2 * place + i % 2;
                      int want = c(row, column);
                      for (int k = 0; k < depth; ++k)
                        want += a(row, k) * b(column, k);
                      EXPECT_EQ(sums[i], float(want)) << type << " " << lane;
                    }
                  }),
              "");
  }
}

/// The element of matrix m at a row and column, stored at 16 (8 m + row).
static uint16_t element(int m, int row, int column) {
  return uint16_t(1000 * m + 10 * row + column);
}

TEST(EmulatorMatrix, LoadsMatrices) {
  for (int32_t count : {1, 2, 4})
    for (int32_t transposed : {0, 1})
      EXPECT_EQ(run({32},
                    [=] {
                      const int lane = threadNumber();
                      for (int i = 0; i < 8; ++i)
                        store<uint16_t>(16 * lane + 2 * i,
                                        element(lane / 8, lane % 8, i));
                      syncWarp();
                      int32_t results[4] = {-1, -1, -1, -1};
                      // Lanes beyond the matrices need no address.
                      const void *row =
                          lane < 8 * count ? shared(16 * lane) : nullptr;
                      emu("ldmatrix", static_cast<int32_t *>(results), row,
                          count, transposed);
                      for (int m = 0; m < count; ++m) {
                        int row = lane / 4, column = lane % 4 * 2;
                        uint32_t low = transposed ? element(m, column, row)
                                                  : element(m, row, column);
                        uint32_t high = transposed
                                            ? element(m, column + 1, row)
                                            : element(m, row, column + 1);
                        EXPECT_EQ(uint32_t(results[m]), low | high << 16);
                      }
                      for (int m = count; m < 4; ++m)
                        EXPECT_EQ(results[m], -1);
                    }),
                "");
}

TEST(EmulatorMatrix, StoresMatrices) {
  for (int32_t count : {1, 2, 4})
    for (int32_t transposed : {0, 1})
      EXPECT_EQ(
          run({32},
              [=] {
                const int lane = threadNumber(), row = lane / 4,
                          column = lane % 4 * 2;
                auto pair = [&](int m) {
                  return int32_t(element(m, row, column) |
                                 uint32_t(element(m, row, column + 1)) << 16);
                };
                emu("stmatrix", static_cast<void *>(shared(16 * lane)), count,
                    transposed, pair(0), pair(1), pair(2), pair(3));
                syncWarp();
                for (int i = 0; i < 8; ++i) {
                  uint16_t want = transposed ? element(lane / 8, i, lane % 8)
                                             : element(lane / 8, lane % 8, i);
                  EXPECT_EQ(load<uint16_t>(16 * lane + 2 * i),
                            lane < 8 * count ? want : 0xFFFF);
                }
              }),
          "");
}

TEST(EmulatorMatrix, RefusesRowsThatAreNotAligned) {
  EXPECT_THAT(run({32},
                  [] {
                    int32_t result;
                    emu("ldmatrix", &result,
                        static_cast<const void *>(shared(8)), int32_t(1),
                        int32_t(0));
                  }),
              HasSubstr("no multiple of 16"));
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// K-major rows of 128 bytes, swizzled, in shared memory at 1024 * `place`.
static void place(const Matrix &m, int row, int where, Type type) {
  for (int k = 0; k < 64; ++k) {
    int byte =
        1024 * where + 128 * row + ((k / 8) ^ (row % 8)) * 16 + k % 8 * 2;
    auto bits = uint16_t(encode(m(row, k), type));
    std::memcpy(shared(byte), &bits, 2);
  }
}

/// Of 16 columns from 16 * `slice` on.
static int64_t descriptor(int where, int slice) {
  uint64_t address =
      uint64_t(uint32_t(emu<int32_t>(
          "shared_address", static_cast<const void *>(shared(1024 * where))))) +
      32 * slice;
  return int64_t(1ull << 62 | uint64_t(1024 >> 4) << 32 | 1ull << 16 |
                 address >> 4);
}

static void multiply(float *sums, int64_t a, int64_t b, int columns, Type type,
                     bool accumulate) {
  emu("wgmma", sums, a, b, int32_t(columns), int32_t(type), int32_t(accumulate),
      int32_t(1), int32_t(1));
}

TEST(EmulatorMatrix, MultipliesInAWarpgroup) {
  for (Type type : {BF16, F16})
    for (int columns : {8, 24, 128, 256}) {
      Matrix a(128, 64, 1), b(256, 64, 2);
      EXPECT_EQ(
          run({256, 1, 64 << 10},
              [&, type, columns] {
                const int thread = threadNumber(), group = thread / 128;
                if (thread < 128)
                  place(a, thread, 0, type);
                if (thread < columns)
                  place(b, thread, 16, type);
                barrier();
                float sums[128];
                emu("wgmma_fence");
                for (int slice = 0; slice < 4; ++slice)
                  multiply(sums, descriptor(8 * group, slice),
                           descriptor(16, slice), columns, type, slice > 0);
                emu("wgmma_commit_group");
                emu("wgmma_wait_group", int64_t(0));
                const int warp = thread / 32 % 4, lane = thread % 32;
                for (int i = 0; i < columns / 2; ++i) {
                  int row = 64 * group + 16 * warp + lane / 4 + i / 2 % 2 * 8;
                  int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
                  int want = 0;
                  for (int k = 0; k < 64; ++k)
                    want += a(row, k) * b(column, k);
                  ASSERT_EQ(sums[i], float(want)) << thread << " " << i;
                }
              }),
          "");
    }
}

TEST(EmulatorMatrix, RefusesMisuseOfWgmma) {
  auto launch = [](int threads, int columns, int64_t flip) {
    return run({threads, 1, 64 << 10}, [=] {
      float sums[128];
      multiply(sums, descriptor(0, 0) ^ flip, descriptor(16, 0), columns, BF16,
               false);
    });
  };
  EXPECT_EQ(launch(128, 8, 0), "");
  EXPECT_THAT(launch(96, 8, 0), HasSubstr("no whole warpgroups"));
  EXPECT_THAT(launch(128, 12, 0), HasSubstr("12 columns"));
  EXPECT_THAT(launch(128, 8, 3ll << 62), HasSubstr("another layout"));
  EXPECT_THAT(launch(128, 8, 1ll << 49), HasSubstr("another layout"));
  EXPECT_THAT(launch(128, 8, 0x3000), HasSubstr("reads by wgmma 16 bytes at"));
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

static uint16_t bf16(float value) {
  return uint16_t(emu<int32_t>("cvt_bf16x2", 0.0f, value));
}
static uint16_t half(float value) {
  return uint16_t(emu<int32_t>("cvt_f16x2", 0.0f, value));
}

TEST(EmulatorMatrix, RoundsToNearestEven) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(emu<int32_t>("cvt_bf16x2", 1.0f, -2.0f), int32_t(0x3F80C000));
  EXPECT_EQ(emu<int32_t>("cvt_f16x2", 1.0f, -2.0f), int32_t(0x3C00C000));
  EXPECT_EQ(bf16(1.0f + 0x1p-8f), 0x3F80);
  EXPECT_EQ(bf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3F81);
  EXPECT_EQ(bf16(1.0f + 3 * 0x1p-8f), 0x3F82);
  EXPECT_EQ(bf16(3.4e38f), 0x7F80);
  EXPECT_EQ(bf16(-infinity), 0xFF80);
  EXPECT_EQ(bf16(std::nanf("")), 0x7FFF);
  EXPECT_EQ(half(1.0f + 0x1p-11f), 0x3C00);
  EXPECT_EQ(half(1.0f + 3 * 0x1p-11f), 0x3C02);
  EXPECT_EQ(half(65504.0f), 0x7BFF);
  EXPECT_EQ(half(65519.0f), 0x7BFF);
  EXPECT_EQ(half(65520.0f), 0x7C00);
  EXPECT_EQ(half(-infinity), 0xFC00);
  EXPECT_EQ(half(0x1p-24f), 1);
  EXPECT_EQ(half(0x1p-25f), 0);
  EXPECT_EQ(half(3 * 0x1p-25f), 2);
  EXPECT_EQ(half(0x1p-14f - 0x1p-26f), 0x0400);
  EXPECT_EQ(half(std::nanf("")), 0x7FFF);
  EXPECT_EQ(emu<int32_t>("cvt_tf32", 1.0f + 0x1p-11f),
            int32_t(bitsOf(1.0f + 0x1p-10f)));
  EXPECT_EQ(emu<int32_t>("cvt_tf32", 1.0f + 0x1p-12f), int32_t(bitsOf(1.0f)));
}
