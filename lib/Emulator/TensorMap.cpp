//===- TensorMap.cpp - Copies of boxes ------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TMA: boxes of tensors to shared memory, where what lies beyond the tensor is
// zero, and back, where it is left out.
//
//===----------------------------------------------------------------------===//

#include "TensorMap.h"
#include "Block.h"
#include "Instructions.h"

#include <algorithm>
#include <cstring>

using namespace mlir::moe;
using namespace mlir::moe::emu;

int64_t TensorMap::boxBytes() const {
  int64_t bytes = elementBytes;
  for (int i = 0; i < rank; ++i)
    bytes *= box[i];
  return bytes;
}

std::string emu::makeTensorMap(TensorMap &map,
                               const rt::TensorMapShape &shape) {
  auto number = [](int64_t value) { return std::to_string(value); };
  if (shape.rank < 1 || shape.rank > TensorMap::maximumRank)
    return "a tensor map of rank " + number(shape.rank) + ", not 1 to 5";
  if (shape.elementBytes != 2 && shape.elementBytes != 4)
    return "a tensor map of elements of " + number(shape.elementBytes) +
           " bytes, not 2 or 4";
  if (reinterpret_cast<uintptr_t>(shape.base) % 16)
    return "a tensor map of memory that is not aligned to 16 bytes";
  map = TensorMap();
  map.magic = TensorMap::expectedMagic;
  map.base = static_cast<unsigned char *>(const_cast<void *>(shape.base));
  map.rank = uint8_t(shape.rank);
  map.elementBytes = uint8_t(shape.elementBytes);
  map.strides[0] = shape.elementBytes;
  for (int64_t i = 0; i < shape.rank; ++i) {
    const std::string dimension = "dimension " + number(i) + " of a tensor map";
    if (shape.sizes[i] < 0 || shape.sizes[i] > int64_t(1) << 32)
      return dimension + " has size " + number(shape.sizes[i]);
    if (shape.box[i] < 1 || shape.box[i] > 256)
      return dimension + " has a box of " + number(shape.box[i]) +
             ", not 1 to 256";
    map.sizes[i] = shape.sizes[i];
    map.box[i] = uint16_t(shape.box[i]);
    if (i == 0)
      continue;
    map.strides[i] = shape.strides[i - 1];
    if (map.strides[i] < 0 || map.strides[i] % 16 ||
        map.strides[i] >= int64_t(1) << 40)
      return dimension + " has a stride of " + number(map.strides[i]) +
             " bytes, which is no multiple of 16 below 2^40";
  }
  const int64_t row = shape.box[0] * shape.elementBytes;
  if (row % 16)
    return "a tensor map with a box of " + number(row) +
           " bytes in a row, which is no multiple of 16";
  return "";
}

/// Calls `visit` with each row of the box that is in the tensor in all but the
/// first dimension, or null if it is not, and where it belongs in the box.
template <typename Visit>
static void forEachRow(const TensorMap &map, const int32_t *at, Visit visit) {
  uint32_t index[TensorMap::maximumRank] = {};
  const uint32_t rowBytes = map.box[0] * map.elementBytes;
  for (uint32_t offset = 0, end = uint32_t(map.boxBytes()); offset < end;
       offset += rowBytes) {
    unsigned char *row = map.base;
    for (int i = 1; i < map.rank; ++i) {
      const int64_t where = int64_t(at[i]) + index[i];
      if (where < 0 || where >= map.sizes[i]) {
        row = nullptr;
        break;
      }
      row += where * map.strides[i];
    }
    visit(row, offset);
    for (int i = 1; i < map.rank && ++index[i] == map.box[i]; ++i)
      index[i] = 0;
  }
}

namespace {
class BoxCopy : public Operation {
public:
  BoxCopy(const TensorMap &map, uint32_t shared, const int32_t *coordinates)
      : map(map), shared(shared), bytes(uint32_t(map.boxBytes())) {
    std::memcpy(at, coordinates, sizeof at);
  }

protected:
  unsigned char *place(uint32_t offset) const {
    const uint32_t address = shared + offset;
    return block->arena() + (map.isSwizzled() ? swizzled(address) : address);
  }
  /// The pieces of a row, of 16 bytes each, which stay together in a swizzle.
  /// `visit` gets the bytes of a piece that are in the tensor, null if none
  /// are, the piece in shared memory, where in it they belong, and how many.
  template <typename Visit> void forEachPiece(Visit visit) {
    forEachRow(map, at, [&](unsigned char *row, uint32_t offset) {
      const uint32_t perPiece = 16 / map.elementBytes;
      for (uint32_t column = 0; column < map.box[0]; column += perPiece) {
        // Of the elements [first, first + perPiece) those within the tensor.
        const int64_t first = int64_t(at[0]) + column;
        const int64_t from = row ? std::max<int64_t>(-first, 0) : perPiece;
        const int64_t to = std::min<int64_t>(map.sizes[0] - first, perPiece);
        const int64_t bytes = std::max<int64_t>(to - from, 0);
        visit(bytes ? row + (first + from) * map.elementBytes : nullptr,
              place(offset + column * map.elementBytes),
              from * map.elementBytes, bytes * map.elementBytes);
      }
    });
  }

  TensorMap map;
  uint32_t shared, bytes;
  int32_t at[TensorMap::maximumRank];
};

class BoxLoad : public BoxCopy {
public:
  BoxLoad(const TensorMap &map, uint32_t shared, uint32_t barrier,
          const int32_t *coordinates)
      : BoxCopy(map, shared, coordinates), barrier(barrier) {}
  const char *mustBeWaitedFor() const override {
    return "the block ends while TMA still copies to shared memory";
  }

private:
  void copy() override {
    forEachPiece([](const unsigned char *global, unsigned char *place,
                    int64_t from, int64_t bytes) {
      std::memset(place, 0, 16);
      if (global)
        std::memcpy(place + from, global, bytes);
    });
    block->shadow.endCopy({shared, bytes}, block->mbarriers.copyEvent(barrier),
                          Proxy::Async);
    block->mbarriers.copyBytes(barrier, bytes);
  }
  void letGo(Event) override {}

  uint32_t barrier;
};

class BoxStore : public BoxCopy {
public:
  using BoxCopy::BoxCopy;

private:
  void copy() override {
    forEachPiece([](unsigned char *global, const unsigned char *place,
                    int64_t from, int64_t bytes) {
      if (global)
        std::memcpy(global, place + from, bytes);
    });
  }
  void letGo(Event) override { block->shadow.endReading({shared, bytes}); }
};
} // namespace

static const TensorMap &tensorMapAt(const void *pointer, int32_t rank) {
  const auto &map = *static_cast<const TensorMap *>(pointer);
  if (map.magic != TensorMap::expectedMagic)
    block->fail("TMA is given something that is no tensor map");
  if (map.rank != rank)
    block->fail("TMA in " + std::to_string(rank) +
                " dimensions with a tensor map of rank " +
                std::to_string(map.rank));
  return map;
}

void moe_emu_tma_load(void *target, const void *mapPointer, void *barrier,
                      int32_t rank, int32_t x0, int32_t x1, int32_t x2,
                      int32_t x3, int32_t x4) {
  constexpr const char *what = "copies by TMA";
  const TensorMap &map = tensorMapAt(mapPointer, rank);
  const uint32_t bytes = uint32_t(map.boxBytes());
  const uint32_t address = block->addressOf(target, what);
  block->shared(address, bytes, what, 128);
  const uint32_t at = block->addressOf(barrier, what);
  block->mbarriers.copyArrivesLater(at);
  block->shadow.beginCopy(block->current(), {address, bytes}, what);
  const int32_t coordinates[] = {x0, x1, x2, x3, x4};
  block->asyncCopies.add(
      std::make_shared<BoxLoad>(map, address, at, coordinates));
}

void moe_emu_tma_store(const void *mapPointer, const void *source, int32_t rank,
                       int32_t x0, int32_t x1, int32_t x2, int32_t x3,
                       int32_t x4) {
  constexpr const char *what = "stores by TMA";
  const TensorMap &map = tensorMapAt(mapPointer, rank);
  const uint32_t bytes = uint32_t(map.boxBytes());
  const uint32_t address = block->addressOf(source, what);
  block->shared(address, bytes, what, 128);
  block->shadow.beginReading(block->current(), {address, bytes}, what);
  const int32_t coordinates[] = {x0, x1, x2, x3, x4};
  auto store = std::make_shared<BoxStore>(map, address, coordinates);
  bulkGroups().add(store);
  block->asyncCopies.add(std::move(store));
}
