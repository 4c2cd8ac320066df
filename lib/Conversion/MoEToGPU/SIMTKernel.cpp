//===- SIMTKernel.cpp - Grouped contraction without tensor cores ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block computes a tile of rows by 64 columns. It passes 16 of the depth at a
// time through shared memory, in f32 and with the depth as the outer dimension,
// so that a thread reads neighbouring rows and columns at once; while it
// multiplies, the next 16 are on their way to registers. Sums go through the
// depth in ascending order.
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "Kernels.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
/// Threads along the rows and along the columns of a tile.
constexpr int64_t side = 16;
constexpr int64_t threads = side * side;
constexpr int64_t warp = 32;
constexpr int64_t columnsPerThread = 4;
constexpr int64_t blockColumns = side * columnsPerThread;
constexpr int64_t stepDepth = 16;
/// Elements that keep the lines of a stage aligned to 16 bytes and the stores
/// into them in different banks.
constexpr int64_t padding = 4;
constexpr int64_t maxAccumulators = 64;
/// Of shared memory.
constexpr int64_t elementBytes = 4;

struct SIMTTile {
  int64_t rowsPerThread;

  int64_t rows() const { return side * rowsPerThread; }
  /// In elements of shared memory.
  int64_t lhsStride() const { return rows() + padding; }
  static int64_t rhsStride() { return blockColumns + padding; }
  int64_t rhsOffset(int64_t contraction) const {
    return stepDepth * (lhsStride() + contraction * rhsStride());
  }
  int64_t stageBytes(int64_t contractions) const {
    return contractions == 0 ? 0 : rhsOffset(contractions) * elementBytes;
  }
};

/// Lines of an operand along the depth, on their way to shared memory.
struct Panel {
  Value base;
  /// Lines, and where they begin and how far apart depths are in a stage, in
  /// elements.
  int64_t lines, offset, stride;
  /// The index of the first element of each line that the thread loads, i64.
  SmallVector<Value> starts;
};

class SIMTKernel {
public:
  SIMTKernel(OpBuilder &builder, Location loc, const GroupedContraction &spec,
             const GPUTarget &target, const SIMTTile &tile)
      : k(builder, loc, spec, target, {threads}), b(k.b), spec(spec),
        tile(tile), width(spec.depth % 4 == 0 ? 4 : 1) {}

  gpu::GPUModuleOp build();

private:
  void makePanels(const Tile &ofRows);
  /// The line of a panel that the thread loads in a pass.
  Value lineOf(int64_t pass);
  int64_t linesAtOnce() const { return threads / (stepDepth / width); }

  /// What the thread loads of all panels for a step of the depth.
  SmallVector<Value> fetch(Value step);
  void stash(ValueRange fetched, Value step, Value stage);
  SmallVector<Value> sharedElements(Value stage, int64_t offset, Value position,
                                    int64_t count);
  SmallVector<Value> multiply(ValueRange accumulators, Value stage);
  SmallVector<Value> contract(const Tile &ofRows);
  void finishTile(const Tile &ofRows, ArrayRef<Value> accumulators);
  size_t accumulatorOf(int64_t contraction, int64_t row, int64_t column) const {
    return (contraction * tile.rowsPerThread + row) * columnsPerThread + column;
  }

  KernelBuilder k;
  ImplicitLocOpBuilder &b;
  const GroupedContraction &spec;
  SIMTTile tile;
  /// Neighbours along the depth that a thread loads at once.
  int64_t width;

  Value thread, firstColumn;
  /// The thread's place in the tile.
  Value row, column;
  /// Where along the depth of a step the thread loads.
  Value laneDepth;
  SmallVector<Panel> panels;
};
} // namespace

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Value SIMTKernel::lineOf(int64_t pass) {
  return k.add(k.divide(thread, stepDepth / width), pass * linesAtOnce());
}

void SIMTKernel::makePanels(const Tile &ofRows) {
  laneDepth = k.multiply(k.remainder(thread, stepDepth / width), width);
  auto make = [&](Value base, int64_t lines, int64_t offset, int64_t stride,
                  llvm::function_ref<Value(Value line)> index) {
    Panel panel = {base, lines, offset, stride, {}};
    for (int64_t pass = 0; pass * linesAtOnce() < lines; ++pass)
      panel.starts.push_back(k.multiply(index(lineOf(pass)), spec.depth));
    panels.push_back(panel);
  };
  make(k.lhs, tile.rows(), 0, tile.lhsStride(),
       [&](Value line) { return k.row(ofRows, line); });
  Value firstOfExpert = k.multiply(k.extend(ofRows.expert), spec.columns);
  for (auto [c, rhs] : llvm::enumerate(k.rhs))
    make(rhs, blockColumns, tile.rhsOffset(c), SIMTTile::rhsStride(),
         [&](Value line) {
           Value n = k.minimum(k.add(firstColumn, line), spec.columns - 1);
           return k.add(firstOfExpert, k.extend(n));
         });
}

SmallVector<Value> SIMTKernel::fetch(Value step) {
  Value depth = k.add(k.multiply(step, stepDepth), laneDepth);
  if (spec.depth % stepDepth != 0)
    depth = k.minimum(depth, spec.depth - width);
  Type type = spec.elementType;
  if (width > 1)
    type = VectorType::get(width, type);
  int64_t bytes = width * spec.elementType.getIntOrFloatBitWidth() / 8;
  SmallVector<Value> fetched;
  for (const Panel &panel : panels)
    for (Value start : panel.starts) {
      Value index = k.add(start, k.extend(depth));
      fetched.push_back(k.loadConstant(
          type, k.element(panel.base, spec.elementType, index), bytes));
    }
  return fetched;
}

void SIMTKernel::stash(ValueRange fetched, Value step, Value stage) {
  Value exists;
  if (spec.depth % stepDepth != 0)
    exists = k.less(k.add(k.multiply(step, stepDepth), laneDepth), spec.depth);
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  auto store = [&](Value value, const Panel &panel, Value line) {
    for (int64_t i = 0; i < width; ++i) {
      Value element = value;
      if (width > 1)
        element = LLVM::ExtractElementOp::create(b, value, k.i32(i));
      if (!spec.elementType.isF32())
        element = arith::ExtFOp::create(b, b.getF32Type(), element);
      if (exists)
        element = k.select(exists, element, zero);
      Value index = k.add(k.multiply(k.add(laneDepth, i), panel.stride), line);
      Value offset = k.multiply(k.add(index, panel.offset), elementBytes);
      LLVM::StoreOp::create(b, element, k.shared(k.add(stage, offset)));
    }
  };
  auto next = fetched.begin();
  for (const Panel &panel : panels)
    for (size_t pass = 0; pass < panel.starts.size(); ++pass) {
      Value value = *next++, line = lineOf(pass);
      if (panel.lines % linesAtOnce() == 0)
        store(value, panel, line);
      else
        k.ifThen(k.less(line, panel.lines), [&] { store(value, panel, line); });
    }
}

//===----------------------------------------------------------------------===//
// Multiplying
//===----------------------------------------------------------------------===//

/// `count` neighbours, `position` a multiple of it.
SmallVector<Value> SIMTKernel::sharedElements(Value stage, int64_t offset,
                                              Value position, int64_t count) {
  Value pointer =
      k.shared(k.add(stage, k.multiply(k.add(position, offset), elementBytes)));
  if (count == 1)
    return {LLVM::LoadOp::create(b, b.getF32Type(), pointer)};
  Value vector = LLVM::LoadOp::create(b, VectorType::get(count, b.getF32Type()),
                                      pointer, count * elementBytes);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(LLVM::ExtractElementOp::create(b, vector, k.i32(i)));
  return elements;
}

SmallVector<Value> SIMTKernel::multiply(ValueRange accumulators, Value stage) {
  SmallVector<Value> sums(accumulators);
  for (int64_t d = 0; d < stepDepth; ++d) {
    SmallVector<Value> lhs =
        sharedElements(stage, d * tile.lhsStride(), row, tile.rowsPerThread);
    for (int64_t c = 0; c < spec.numContractions; ++c) {
      SmallVector<Value> rhs =
          sharedElements(stage, tile.rhsOffset(c) + d * SIMTTile::rhsStride(),
                         column, columnsPerThread);
      for (auto [i, left] : llvm::enumerate(lhs))
        for (auto [j, right] : llvm::enumerate(rhs)) {
          Value &sum = sums[accumulatorOf(c, i, j)];
          sum = LLVM::FMAOp::create(b, left, right, sum);
        }
    }
  }
  return sums;
}

SmallVector<Value> SIMTKernel::contract(const Tile &ofRows) {
  makePanels(ofRows);
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  size_t count = spec.numContractions * tile.rowsPerThread * columnsPerThread;
  int64_t steps = llvm::divideCeil(spec.depth, stepDepth);
  int64_t stageBytes = tile.stageBytes(spec.numContractions);
  // A warp without rows only helps to load.
  Value hasRows = k.less(
      k.multiply(k.divide(thread, warp), warp / side * tile.rowsPerThread),
      ofRows.rows);

  stash(fetch(k.i32(0)), k.i32(0), k.i32(0));
  k.syncBlock();
  return k.loop(k.i32(0), k.i32(steps), k.i32(1),
                SmallVector<Value>(count, zero),
                [&](Value step, ValueRange accumulators) -> SmallVector<Value> {
                  Value next = k.minimum(k.add(step, 1), steps - 1);
                  SmallVector<Value> fetched = fetch(next);
                  Value odd = k.remainder(step, 2);
                  Value stage = k.multiply(odd, stageBytes);

                  SmallVector<Value> sums = k.ifThenElse(
                      hasRows, [&] { return multiply(accumulators, stage); },
                      accumulators);
                  stash(fetched, next, k.subtract(k.i32(stageBytes), stage));
                  k.syncBlock();
                  return sums;
                });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Neighbouring columns that are stored at once.
static int64_t storedColumns(const GroupedContraction &spec) {
  // Vectors of less than bytes are packed, arrays of them are not.
  if (spec.resultType.getIntOrFloatBitWidth() % 8 != 0)
    return 1;
  return spec.columns % 4 == 0 ? 4 : spec.columns % 2 == 0 ? 2 : 1;
}

void SIMTKernel::finishTile(const Tile &ofRows, ArrayRef<Value> accumulators) {
  EpilogueEmitter epilogue(k, ofRows);
  int64_t stored = storedColumns(spec);
  SmallVector<EpilogueColumns> columns;
  for (int64_t j = 0; j < columnsPerThread; j += stored)
    columns.push_back(epilogue.columns(k.add(k.add(firstColumn, column), j),
                                       stored, blockColumns));
  for (int64_t i = 0; i < tile.rowsPerThread; ++i) {
    EpilogueRow own = epilogue.row(k.add(row, i));
    for (auto [group, ofGroup] : llvm::enumerate(columns)) {
      SmallVector<SmallVector<Value>> sums(stored);
      for (auto [j, ofColumn] : llvm::enumerate(sums))
        for (int64_t c = 0; c < spec.numContractions; ++c)
          ofColumn.push_back(
              accumulators[accumulatorOf(c, i, group * stored + j)]);
      epilogue.store(own, ofGroup, epilogue.apply(own, ofGroup, sums));
    }
  }
}

gpu::GPUModuleOp SIMTKernel::build() {
  thread = k.thread();
  firstColumn = k.multiply(k.block(), blockColumns);
  row = k.multiply(k.divide(thread, side), tile.rowsPerThread);
  column = k.multiply(k.remainder(thread, side), columnsPerThread);
  Value line = k.blockY();
  Value count = k.loadConstant(b.getI32Type(), k.count);
  k.ifThen(k.less(line, count), [&] {
    Tile ofRows = k.tile(line);
    SmallVector<Value> accumulators;
    if (spec.numContractions > 0)
      accumulators = contract(ofRows);
    finishTile(ofRows, accumulators);
  });
  return k.finish();
}

static SIMTTile chooseTile(const GroupedContraction &spec) {
  auto fits = [&](int64_t rowsPerThread) {
    return rowsPerThread * columnsPerThread * spec.numContractions <=
           maxAccumulators;
  };
  SIMTTile tile = {4};
  while (tile.rowsPerThread > 1 &&
         (!fits(tile.rowsPerThread) ||
          (spec.expectedRows > 0 && spec.expectedRows <= tile.rows() / 2)))
    tile.rowsPerThread /= 2;
  return tile;
}

static int64_t sharedBytes(const GroupedContraction &spec) {
  return 2 * chooseTile(spec).stageBytes(spec.numContractions);
}

bool mlir::moe::canBuildSIMT(const GroupedContraction &spec,
                             const GPUTarget &target, std::string &why) {
  constexpr int64_t most = maxAccumulators / columnsPerThread;
  if (spec.numContractions > most)
    why = "there are registers for at most " + std::to_string(most) +
          " right-hand sides, got " + std::to_string(spec.numContractions);
  else if (spec.numContractions > 0 &&
           !isa_and_nonnull<Float32Type, BFloat16Type, Float16Type>(
               spec.elementType))
    why = "operands of a product are f32, bf16 or f16";
  else if (sharedBytes(spec) > target.sharedBytesPerBlock)
    why = "chip '" + target.chip + "' has too little shared memory: " +
          std::to_string(target.sharedBytesPerBlock) + " bytes for a block, " +
          std::to_string(sharedBytes(spec)) + " are needed";
  else
    return true;
  return false;
}

ContractionKernel
mlir::moe::buildSIMTContraction(OpBuilder &builder, Location loc,
                                const GroupedContraction &spec,
                                const GPUTarget &target) {
  SIMTTile tile = chooseTile(spec);
  ContractionKernel kernel;
  kernel.module = SIMTKernel(builder, loc, spec, target, tile).build();
  kernel.variant = ContractionVariant::SIMT;
  kernel.tileRows = tile.rows();
  kernel.threads = threads;
  kernel.sharedBytes = sharedBytes(spec);
  kernel.columnBlocks = llvm::divideCeil(spec.columns, blockColumns);
  return kernel;
}
