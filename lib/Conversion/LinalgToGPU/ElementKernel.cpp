//===- ElementKernel.cpp - A thread or a warp for each element -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions run in ascending order in one thread, or in the order that a warp
// has, so that the result does not depend on the grid. Their sums are carried
// by the loops and not by memory.
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"
#include "WarpReduction.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Emits the computation of one element.
class ElementKernel {
public:
  ElementKernel(linalg::LinalgOp op, ArrayRef<Value> sizes)
      : op(op), sizes(sizes), ivs(op.getNumLoops()) {
    op.getParallelDims(parallel);
    op.getReductionDims(reductions);
  }

  /// For the point of the parallel loops whose number is `linear`.
  void emit(ImplicitLocOpBuilder &b, Value linear);

  /// Whether results are indexed by parallel loops alone.
  bool hasPlainResults();

private:
  SmallVector<Value> reduce(ImplicitLocOpBuilder &b, ArrayRef<unsigned> loops,
                            ValueRange carried);
  SmallVector<Value> runPayload(ImplicitLocOpBuilder &b, ValueRange outs);
  SmallVector<Value> indicesOf(ImplicitLocOpBuilder &b, OpOperand *operand);
  Value load(ImplicitLocOpBuilder &b, OpOperand *operand);

  linalg::LinalgOp op;
  ArrayRef<Value> sizes;
  SmallVector<Value> ivs;
  SmallVector<unsigned> parallel, reductions;
};

} // namespace

bool ElementKernel::hasPlainResults() {
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    return llvm::none_of(
        reductions, [&](unsigned dim) { return map.isFunctionOfDim(dim); });
  });
}

SmallVector<Value> ElementKernel::indicesOf(ImplicitLocOpBuilder &b,
                                            OpOperand *operand) {
  SmallVector<OpFoldResult> dims = getAsOpFoldResult(ValueRange(ivs));
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<Value> indices;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    indices.push_back(getValueOrCreateConstantIndexOp(
        b, b.getLoc(),
        affine::makeComposedFoldedAffineApply(b, b.getLoc(), map.getSubMap(i),
                                              dims)));
  return indices;
}

Value ElementKernel::load(ImplicitLocOpBuilder &b, OpOperand *operand) {
  if (op.isScalar(operand) && !isa<MemRefType>(operand->get().getType()))
    return operand->get();
  return memref::LoadOp::create(b, operand->get(), indicesOf(b, operand));
}

SmallVector<Value> ElementKernel::runPayload(ImplicitLocOpBuilder &b,
                                             ValueRange outs) {
  IRMapping mapping;
  Block *block = op.getBlock();
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!argument.use_empty())
      mapping.map(argument, load(b, input));
  }
  mapping.map(op.getRegionOutputArgs(), outs);
  for (Operation &inner : block->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(index.getResult(), ivs[index.getDim()]);
      continue;
    }
    Operation *copy = b.clone(inner, mapping);
    copy->walk([&](linalg::IndexOp index) {
      index.replaceAllUsesWith(ivs[index.getDim()]);
      index.erase();
    });
  }
  return llvm::map_to_vector(
      block->getTerminator()->getOperands(),
      [&](Value yielded) { return mapping.lookupOrDefault(yielded); });
}

SmallVector<Value> ElementKernel::reduce(ImplicitLocOpBuilder &b,
                                         ArrayRef<unsigned> loops,
                                         ValueRange carried) {
  if (loops.empty())
    return runPayload(b, carried);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto loop = scf::ForOp::create(
      b, zero, sizes[loops.front()], one, carried,
      [&](OpBuilder &nested, Location loc, Value iv, ValueRange carried) {
        ImplicitLocOpBuilder inner(loc, nested);
        ivs[loops.front()] = iv;
        scf::YieldOp::create(inner, reduce(inner, loops.drop_front(), carried));
      });
  return SmallVector<Value>(loop.getResults());
}

void ElementKernel::emit(ImplicitLocOpBuilder &b, Value linear) {
  // The last parallel loop is the fastest: neighbours read neighbours.
  for (unsigned dim : llvm::reverse(parallel)) {
    if (dim == parallel.front()) {
      ivs[dim] = linear;
      break;
    }
    ivs[dim] = arith::RemUIOp::create(b, linear, sizes[dim]);
    linear = arith::DivUIOp::create(b, linear, sizes[dim]);
  }
  SmallVector<Value> outs;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    bool needed = !reductions.empty() || op.payloadUsesValueFromOperand(&init);
    BlockArgument argument = op.getMatchingBlockArgument(&init);
    outs.push_back(needed || !argument.use_empty() ? load(b, &init) : Value());
  }
  // Arguments that nothing uses have no value.
  if (llvm::is_contained(outs, Value()))
    for (auto [out, argument] : llvm::zip(outs, op.getRegionOutputArgs()))
      if (!out)
        out = argument;
  SmallVector<Value> results = reduce(b, reductions, outs);
  for (auto [init, result] : llvm::zip(op.getDpsInitsMutable(), results))
    memref::StoreOp::create(b, result, init.get(), indicesOf(b, &init));
}

/// Gives each element a warp instead of a thread if it has loops for one. What
/// is not in them all lanes do alike, and the first one stores.
static void useWarps(gpu::LaunchOp launch, Operation *element, Value total) {
  SmallVector<scf::ForOp> loops;
  launch.walk([&](scf::ForOp loop) {
    if (isWarpReduction(loop))
      loops.push_back(loop);
  });
  if (loops.empty())
    return;
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  Value lanes = arith::ConstantIndexOp::create(b, lanesOfWarp);
  Value threads = arith::MulIOp::create(b, total, lanes);
  launch.getGridSizeXMutable().assign(
      arith::CeilDivUIOp::create(b, threads, launch.getBlockSizeX()));
  b.setInsertionPointAfter(element);
  Value thread = element->getResult(0);
  Value lane = arith::RemUIOp::create(b, thread, lanes);
  Value warp = arith::DivUIOp::create(b, thread, lanes);
  thread.replaceUsesWithIf(warp, [&](OpOperand &use) {
    return use.getOwner() != lane.getDefiningOp() &&
           use.getOwner() != warp.getDefiningOp();
  });
  for (scf::ForOp loop : loops)
    shareAmongLanes(loop, lane);

  SmallVector<memref::StoreOp> stores;
  launch.walk([&](memref::StoreOp store) { stores.push_back(store); });
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, zero);
  for (memref::StoreOp store : stores) {
    b.setInsertionPoint(store);
    auto once = scf::IfOp::create(b, first, /*withElseRegion=*/false);
    store->moveBefore(once.thenYield());
  }
}

LogicalResult mlir::moe::launchElements(ImplicitLocOpBuilder &b,
                                        linalg::LinalgOp op, int64_t threads) {
  if (!op.hasPureBufferSemantics())
    return op.emitOpError("expects buffers");
  SmallVector<Value> sizes;
  for (Range range : op.createLoopRanges(b, b.getLoc()))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  ElementKernel kernel(op, sizes);
  if (!kernel.hasPlainResults())
    return op.emitOpError("has a result that is indexed by a reduction, which "
                          "has no form on a device");
  Value one = arith::ConstantIndexOp::create(b, 1);
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  Value total = one;
  for (unsigned dim : parallel)
    total = arith::MulIOp::create(b, total, sizes[dim]);
  Value block = arith::ConstantIndexOp::create(b, threads);
  Value grid = arith::CeilDivUIOp::create(b, total, block);

  auto launch = gpu::LaunchOp::create(b, grid, one, one, block, one, one);
  Operation *element;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&launch.getBody().front());
    Value first = arith::MulIOp::create(b, launch.getBlockIds().x, block);
    Value linear = arith::AddIOp::create(b, first, launch.getThreadIds().x);
    element = linear.getDefiningOp();
    Value inside =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, linear, total);
    scf::IfOp::create(b, inside, [&](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder inner(loc, nested);
      kernel.emit(inner, linear);
      scf::YieldOp::create(inner);
    });
    gpu::TerminatorOp::create(b);
  }
  if (threads % lanesOfWarp == 0)
    useWarps(launch, element, total);
  op.erase();
  return success();
}
