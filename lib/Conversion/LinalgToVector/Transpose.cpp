//===- Transpose.cpp - Transposing a square of vector registers -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Written on one-dimensional vectors, so that nothing is left to be inserted
// into or extracted from a two-dimensional one.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::moe;

/// Width of the blocks inside which x86 unpacks.
static constexpr unsigned blockBits = 128;

namespace {
/// A square of registers, `blocks` blocks of `inBlock` elements in each.
struct Square {
  OpBuilder &builder;
  Location loc;
  SmallVector<Value> rows;
  int64_t lanes, inBlock, blocks;

  Value shuffle(Value lhs, Value rhs, ArrayRef<int64_t> mask) {
    return vector::ShuffleOp::create(builder, loc, lhs, rhs, mask);
  }
  Value interleave(Value lhs, Value rhs, int64_t width, bool high);
  Value joinBlocks(Value lhs, Value rhs, int64_t width, bool high);
  void transposeInBlocks();
  void transposeBlocks();
};
} // namespace

/// Alternates groups of `width` elements of the low or high half of each block.
Value Square::interleave(Value lhs, Value rhs, int64_t width, bool high) {
  SmallVector<int64_t> mask;
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t group = 0; group < inBlock / (2 * width); ++group)
      for (int64_t source = 0; source < 2; ++source)
        for (int64_t i = 0; i < width; ++i)
          mask.push_back(source * lanes + block * inBlock +
                         (high ? inBlock / 2 : 0) + group * width + i);
  return shuffle(lhs, rhs, mask);
}

/// Sorts each group of `inBlock` rows so that every block is transposed.
void Square::transposeInBlocks() {
  // Interleaving single elements of rows r and r + inBlock/2 log2(inBlock)
  // times transposes; starting with neighbours keeps groups contiguous.
  for (int64_t width = 1; width < inBlock; width *= 2) {
    SmallVector<Value> next(rows.size());
    for (int64_t first = 0; first < lanes; first += 2 * width)
      for (int64_t i = 0; i < width; ++i) {
        Value lhs = rows[first + i], rhs = rows[first + width + i];
        next[first + 2 * i] = interleave(lhs, rhs, width, /*high=*/false);
        next[first + 2 * i + 1] = interleave(lhs, rhs, width, /*high=*/true);
      }
    rows = std::move(next);
  }
}

/// Of `width` neighbouring blocks, the even (or odd) groups of both vectors.
Value Square::joinBlocks(Value lhs, Value rhs, int64_t width, bool high) {
  SmallVector<int64_t> mask;
  for (int64_t source = 0; source < 2; ++source)
    for (int64_t block = 0; block < blocks / 2; ++block)
      for (int64_t i = 0; i < inBlock; ++i)
        mask.push_back(
            source * lanes +
            (width == 1 ? 2 * block + high : (high ? blocks / 2 : 0) + block) *
                inBlock +
            i);
  return shuffle(lhs, rhs, mask);
}

/// Transposes the matrix of blocks: the registers `inBlock` apart.
void Square::transposeBlocks() {
  if (blocks == 1)
    return;
  for (int64_t j = 0; j < inBlock; ++j) {
    auto at = [&](int64_t group) -> Value & {
      return rows[group * inBlock + j];
    };
    if (blocks == 2) {
      Value a = at(0), b = at(1);
      at(0) = joinBlocks(a, b, 2, false);
      at(1) = joinBlocks(a, b, 2, true);
      continue;
    }
    Value a = at(0), b = at(1), c = at(2), d = at(3);
    Value abLow = joinBlocks(a, b, 2, false),
          abHigh = joinBlocks(a, b, 2, true);
    Value cdLow = joinBlocks(c, d, 2, false),
          cdHigh = joinBlocks(c, d, 2, true);
    at(0) = joinBlocks(abLow, cdLow, 1, false);
    at(1) = joinBlocks(abLow, cdLow, 1, true);
    at(2) = joinBlocks(abHigh, cdHigh, 1, false);
    at(3) = joinBlocks(abHigh, cdHigh, 1, true);
  }
}

SmallVector<Value> mlir::moe::createTranspose(OpBuilder &builder, Location loc,
                                              ArrayRef<Value> rows) {
  auto type = cast<VectorType>(rows.front().getType());
  int64_t lanes = type.getNumElements();
  int64_t inBlock = blockBits / type.getElementTypeBitWidth();
  Square square{builder, loc,     SmallVector<Value>(rows),
                lanes,   inBlock, lanes / inBlock};
  square.transposeInBlocks();
  square.transposeBlocks();
  return square.rows;
}
