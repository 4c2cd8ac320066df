//===- WarpEpilogue.cpp - The epilogue of a warp's fragments --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WarpEpilogue.h"

#include "Epilogue.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
constexpr int64_t warpRows = 16, blockColumns = 8, chunkBytes = 16;
constexpr int64_t chunkColumns = chunkBytes / 2;

/// Columns that are staged at a time.
int64_t stagedColumns(int64_t columns) {
  return std::min<int64_t>(columns, 64);
}

/// The chunk more keeps the rows of a fragment in banks of their own.
int64_t stagedRowBytes(int64_t columns) {
  return stagedColumns(columns) * 2 + chunkBytes;
}

/// Rows can be stored by chunks.
bool isStaged(const GroupedContraction &spec) {
  return spec.resultType.getIntOrFloatBitWidth() == 16 &&
         spec.columns % chunkColumns == 0;
}

class WarpEpilogue {
public:
  WarpEpilogue(KernelBuilder &kernel, const Tile &tile,
               const WarpFragments &fragments);

  void emitStaged();
  void emitPlain();

private:
  struct Chunk {
    Value exists, source, destination, column;
  };

  EpilogueColumns columnsOf(int64_t block, int64_t side, int64_t width);
  SmallVector<Value> apply(int64_t block, int64_t half, int64_t side,
                           const EpilogueColumns &columns);
  Value pack(ArrayRef<Value> pair);
  void stageBlocks(Value position, ArrayRef<Value> registers);
  SmallVector<Chunk> chunks();
  void storeChunks(ArrayRef<Chunk> chunks, int64_t firstColumn);

  KernelBuilder &k;
  ImplicitLocOpBuilder &b;
  Tile tile;
  const WarpFragments &warp;
  EpilogueEmitter epilogue;
  Value lane;
  SmallVector<EpilogueRow, 2> rows;
};
} // namespace

WarpEpilogue::WarpEpilogue(KernelBuilder &kernel, const Tile &tile,
                           const WarpFragments &fragments)
    : k(kernel), b(k.b), tile(tile), warp(fragments), epilogue(k, tile),
      lane(k.remainder(k.thread(), 32)) {
  for (int64_t half : {0, 1})
    rows.push_back(epilogue.row(
        k.add(warp.firstRow, k.add(k.divide(lane, 4), half * warpRows / 2))));
}

EpilogueColumns WarpEpilogue::columnsOf(int64_t block, int64_t side,
                                        int64_t width) {
  Value first =
      k.add(k.multiply(k.remainder(lane, 4), 2), block * blockColumns + side);
  return epilogue.columns(k.add(warp.firstColumn, first), width, warp.columns);
}

SmallVector<Value> WarpEpilogue::apply(int64_t block, int64_t half,
                                       int64_t side,
                                       const EpilogueColumns &columns) {
  SmallVector<SmallVector<Value>> accumulators(columns.width);
  for (auto [i, ofColumn] : llvm::enumerate(accumulators))
    for (int64_t c = 0; c < k.spec.numContractions; ++c)
      ofColumn.push_back(warp.accumulator(c, block, half, side + i));
  return epilogue.apply(rows[half], columns, accumulators);
}

void WarpEpilogue::emitPlain() {
  int64_t width = k.spec.columns % 2 == 0 ? 2 : 1;
  for (int64_t block = 0; block < warp.columns / blockColumns; ++block)
    for (int64_t side = 0; side < 2; side += width) {
      EpilogueColumns columns = columnsOf(block, side, width);
      for (int64_t half : {0, 1})
        epilogue.store(rows[half], columns, apply(block, half, side, columns));
    }
}

Value WarpEpilogue::pack(ArrayRef<Value> pair) {
  Value vector =
      LLVM::PoisonOp::create(b, VectorType::get(2, k.spec.resultType));
  for (auto [i, element] : llvm::enumerate(pair))
    vector = LLVM::InsertElementOp::create(b, vector, element, k.i32(i));
  return LLVM::BitcastOp::create(b, b.getI32Type(), vector);
}

/// Stages 16 rows by 16 columns; registers by block, then by half.
void WarpEpilogue::stageBlocks(Value position, ArrayRef<Value> registers) {
  int64_t rowBytes = stagedRowBytes(warp.columns);
  if (k.target.computeCapability >= 90) {
    Value own = k.add(k.multiply(k.remainder(lane, warpRows), rowBytes),
                      k.multiply(k.divide(lane, warpRows), chunkBytes));
    NVVM::StMatrixOp::create(
        b, k.shared(k.add(position, own)), registers, NVVM::MMALayout::row,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
        NVVM::LdStMatrixEltType::B16);
    return;
  }
  Value own = k.add(k.multiply(k.divide(lane, 4), rowBytes),
                    k.multiply(k.remainder(lane, 4), 4));
  for (auto [i, value] : llvm::enumerate(registers))
    LLVM::StoreOp::create(
        b, value,
        k.shared(k.add(k.add(position, own),
                       (i / 2) * chunkBytes + (i % 2) * 8 * rowBytes)));
}

/// The lane's chunks of the staged columns. Lanes beside each other have chunks
/// of one row.
SmallVector<WarpEpilogue::Chunk> WarpEpilogue::chunks() {
  int64_t perRow = stagedColumns(warp.columns) / chunkColumns;
  int64_t rowsAtOnce = 32 / perRow;
  Value chunk = k.remainder(lane, perRow);
  SmallVector<Chunk> chunks;
  for (int64_t i = 0; i < warpRows; i += rowsAtOnce) {
    Value row = k.add(k.divide(lane, perRow), i);
    Value r = k.add(warp.firstRow, row);
    Chunk own;
    own.exists = k.less(r, tile.rows);
    own.column = k.add(warp.firstColumn, k.multiply(chunk, chunkColumns));
    own.source = k.shared(
        k.add(warp.staging, k.add(k.multiply(row, stagedRowBytes(warp.columns)),
                                  k.multiply(chunk, chunkBytes))));
    Value index =
        k.add(k.multiply(k.extend(k.add(tile.first, r)), k.spec.columns),
              k.extend(own.column));
    own.destination = k.element(k.out, k.spec.resultType, index);
    chunks.push_back(own);
  }
  return chunks;
}

void WarpEpilogue::storeChunks(ArrayRef<Chunk> chunks, int64_t firstColumn) {
  auto chunkType = VectorType::get(4, b.getI32Type());
  for (const Chunk &chunk : chunks) {
    Value exists = chunk.exists;
    if (k.spec.columns % warp.columns != 0)
      exists = k.both(exists,
                      k.less(k.add(chunk.column, firstColumn), k.spec.columns));
    k.ifThen(exists, [&] {
      Value value =
          LLVM::LoadOp::create(b, chunkType, chunk.source, chunkBytes);
      LLVM::StoreOp::create(b, value,
                            k.byte(chunk.destination, k.i64(firstColumn * 2)),
                            chunkBytes);
    });
  }
}

void WarpEpilogue::emitStaged() {
  SmallVector<Chunk> own = chunks();
  int64_t atOnce = stagedColumns(warp.columns);
  for (int64_t column = 0; column < warp.columns; column += atOnce) {
    for (int64_t staged = 0; staged < atOnce; staged += 2 * blockColumns) {
      SmallVector<Value> registers;
      for (int64_t block : {0, 1}) {
        int64_t index = (column + staged) / blockColumns + block;
        EpilogueColumns columns = columnsOf(index, 0, 2);
        for (int64_t half : {0, 1})
          registers.push_back(pack(apply(index, half, 0, columns)));
      }
      stageBlocks(k.add(warp.staging, staged * 2), registers);
    }
    k.syncWarp();
    storeChunks(own, column);
    k.syncWarp();
  }
}

int64_t mlir::moe::warpStagingBytes(const GroupedContraction &spec,
                                    int64_t columns) {
  return isStaged(spec) ? warpRows * stagedRowBytes(columns) : 0;
}

void mlir::moe::emitWarpEpilogue(KernelBuilder &kernel, const Tile &tile,
                                 const WarpFragments &fragments) {
  WarpEpilogue epilogue(kernel, tile, fragments);
  if (isStaged(kernel.spec))
    epilogue.emitStaged();
  else
    epilogue.emitPlain();
}
