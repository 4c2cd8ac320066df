//===- WarpReduction.cpp - A loop shared by a warp --------------- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each lane starts from the neutral element, the first one from the initial
// value, and pairs of lanes add up theirs: 16 apart, 8 apart, ... The order
// depends on nothing but the number of iterations.
//
//===----------------------------------------------------------------------===//

#include "WarpReduction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Which loops
//===----------------------------------------------------------------------===//

/// The operation that adds an iteration to a result, if it is the only one that
/// sees what the loop carries, or null.
static Operation *getCombiner(scf::ForOp loop, unsigned result) {
  BlockArgument carried = loop.getRegionIterArg(result);
  if (!carried.hasOneUse() || !carried.getType().isIntOrFloat())
    return nullptr;
  Operation *combiner = *carried.user_begin();
  if (combiner->getBlock() != loop.getBody() ||
      combiner->getNumOperands() != 2 || combiner->getNumResults() != 1 ||
      loop.getYieldedValues()[result] != combiner->getResult(0) ||
      !combiner->getResult(0).hasOneUse() ||
      !arith::getNeutralElement(combiner))
    return nullptr;
  unsigned width = carried.getType().getIntOrFloatBitWidth();
  return width <= 32 || width == 64 ? combiner : nullptr;
}

/// Whether `value` may differ between iterations of `loop`.
static bool varies(scf::ForOp loop, Value value) {
  if (!loop.getRegion().isAncestor(value.getParentRegion()))
    return false;
  Operation *op = value.getDefiningOp();
  return !op || isa<memref::LoadOp>(op) || op->getNumRegions() != 0 ||
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return varies(loop, operand); });
}

static bool readsNeighbours(scf::ForOp loop, memref::LoadOp load) {
  auto indices = load.getIndices();
  return !indices.empty() && indices.back() == loop.getInductionVar() &&
         load.getMemRefType().isLastDimUnitStride();
}

/// Whether an iteration only reads and computes, and the lanes would read
/// neighbours, or all the same.
static bool readsTogether(scf::ForOp loop) {
  bool neighbours = false;
  WalkResult walk = loop.getBody()->walk([&](Operation *op) {
    // What is inside of a loop may be shared on its own.
    if (isa<LoopLikeOpInterface>(op))
      return WalkResult::interrupt();
    auto load = dyn_cast<memref::LoadOp>(op);
    if (!load)
      return isMemoryEffectFree(op) ||
                     op->hasTrait<OpTrait::HasRecursiveMemoryEffects>()
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    auto indices = load.getIndices();
    bool mine = readsNeighbours(loop, load);
    neighbours |= mine;
    if (mine)
      indices = indices.drop_back();
    return llvm::any_of(indices,
                        [&](Value index) { return varies(loop, index); })
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return neighbours && !walk.wasInterrupted();
}

bool mlir::moe::isWarpReduction(scf::ForOp loop) {
  if (loop.getNumResults() == 0 || !loop.getInductionVar().getType().isIndex())
    return false;
  std::optional<APInt> trips = loop.getStaticTripCount();
  if (trips && trips->ult(lanesOfWarp))
    return false;
  for (unsigned result = 0; result < loop.getNumResults(); ++result)
    if (!getCombiner(loop, result))
      return false;
  return readsTogether(loop);
}

//===----------------------------------------------------------------------===//
// Sharing
//===----------------------------------------------------------------------===//

static Value makeNeutral(ImplicitLocOpBuilder &b, Operation *combiner) {
  TypedAttr neutral = *arith::getNeutralElement(combiner);
  // +0 is not: -0 + +0 is +0.
  if (isa<arith::AddFOp>(combiner))
    neutral = b.getFloatAttr(neutral.getType(), -0.0);
  return arith::ConstantOp::create(b, neutral);
}

/// The value of the lane whose number differs in the bits of `distance`.
static Value shuffle(ImplicitLocOpBuilder &b, Value value, int32_t distance) {
  auto move = [&](Value value) {
    return gpu::ShuffleOp::create(b, value, distance, lanesOfWarp,
                                  gpu::ShuffleMode::XOR)
        .getShuffleResult();
  };
  Type type = value.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width >= 32)
    return move(value);
  Type bits = b.getIntegerType(width);
  if (type != bits)
    value = arith::BitcastOp::create(b, bits, value);
  value = move(arith::ExtUIOp::create(b, b.getI32Type(), value));
  value = arith::TruncIOp::create(b, bits, value);
  return type == bits ? value : arith::BitcastOp::create(b, type, value);
}

void mlir::moe::shareAmongLanes(scf::ForOp loop, Value lane) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, zero);
  Value step = loop.getStep();
  Value lanes = arith::ConstantIndexOp::create(b, lanesOfWarp);
  loop.setLowerBound(arith::AddIOp::create(
      b, loop.getLowerBound(), arith::MulIOp::create(b, lane, step)));
  loop.setStep(arith::MulIOp::create(b, step, lanes));
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    b.setInsertionPoint(loop);
    Operation *combiner = getCombiner(loop, i);
    OpOperand &init = loop.getInitArgsMutable()[i];
    init.set(arith::SelectOp::create(b, first, init.get(),
                                     makeNeutral(b, combiner)));
    b.setInsertionPointAfter(loop);
    Value sum = loop.getResult(i);
    auto uses =
        llvm::map_to_vector(sum.getUses(), [](OpOperand &use) { return &use; });
    for (int32_t distance = lanesOfWarp / 2; distance > 0; distance /= 2) {
      IRMapping mapping;
      mapping.map(combiner->getOperands(),
                  ValueRange{sum, shuffle(b, sum, distance)});
      sum = b.clone(*combiner, mapping)->getResult(0);
    }
    for (OpOperand *use : uses)
      use->set(sum);
  }
}
