//===- VectorizeElementwise.cpp - Elementwise operations to vectors -------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Done on tensors, where it is known that operands do not overlap; loops over
// buffers would have to be proved or checked disjoint first.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/Passes.h"
#include "moe/Target/CPUTarget.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::moe {
#define GEN_PASS_DEF_VECTORIZEELEMENTWISEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// Whether vectors of `type` have the layout of its elements in memory. A
/// vector of booleans is packed, a buffer of them is not.
static bool isVectorElement(Type type) {
  return type.isIndex() || isa<FloatType>(type) ||
         (type.isSignlessInteger() && type.getIntOrFloatBitWidth() >= 8);
}

/// Whether `op` can be computed for all elements of a vector, values that are
/// masked out included.
static bool isVectorizable(Operation &op) {
  if (isa<linalg::YieldOp, linalg::IndexOp>(op))
    return true;
  bool scalars = llvm::all_of(op.getResultTypes(), [](Type type) {
    return type.isIntOrIndexOrFloat();
  });
  if (isa<arith::ConstantOp>(op))
    return scalars;
  return scalars && OpTrait::hasElementwiseMappableTraits(&op) &&
         op.getNumRegions() == 0 && isPure(&op) && isSpeculatable(&op);
}

/// The loop of the last dimension of every result, if that is one.
static std::optional<unsigned> vectorLoop(linalg::LinalgOp op) {
  std::optional<unsigned> loop;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    if (!map.isPermutation())
      return std::nullopt;
    unsigned last = map.getDimPosition(map.getNumResults() - 1);
    if (loop && *loop != last)
      return std::nullopt;
    loop = last;
  }
  return loop;
}

static bool isCandidate(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumLoops() == 0 ||
      op.getNumParallelLoops() != op.getNumLoops())
    return false;
  std::optional<unsigned> loop = vectorLoop(op);
  // A row of one element is not worth a vector.
  if (!loop || op.getStaticLoopRanges()[*loop] == 1)
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!isVectorElement(getElementTypeOrSelf(operand.get())) ||
        !map.isProjectedPermutation())
      return false;
    for (unsigned i = 0; i + 1 < map.getNumResults(); ++i)
      if (map.getDimPosition(i) == *loop)
        return false;
  }
  return llvm::all_of(*op.getBlock(), isVectorizable);
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

namespace {
class Elementwise {
public:
  Elementwise(OpBuilder &builder, linalg::LinalgOp op, const CPUTarget &target);
  SmallVector<Value> create();

private:
  using Values = SmallVector<Value>;

  Values nest(unsigned loop, Values carried);
  Values row(Values carried);
  Values span(Value from, Value to, bool whole, Values carried);
  Values compute(Value at, bool whole, Values carried);
  Values position(OpOperand &operand);
  Value read(OpOperand &operand, bool whole, ValueRange carried);
  Value index(unsigned loop);
  Value broadcast(Value scalar);
  Type vectorOf(Type element) { return VectorType::get(lanes, element); }

  ImplicitLocOpBuilder b;
  linalg::LinalgOp op;
  unsigned inner;
  int64_t lanes;
  Values extents;
  /// Current index of each loop.
  Values indices;
};
} // namespace

Elementwise::Elementwise(OpBuilder &builder, linalg::LinalgOp op,
                         const CPUTarget &target)
    : b(op.getLoc(), builder), op(op), inner(*vectorLoop(op)),
      indices(op.getNumLoops()) {
  for (const Range &range : op.createLoopRanges(b, b.getLoc()))
    extents.push_back(
        getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  // Single precision fills a register; wider elements take several.
  lanes = target.lanes(32);
  int64_t extent = op.getStaticLoopRanges()[inner];
  if (!ShapedType::isDynamic(extent) && extent > 0)
    lanes = std::min<int64_t>(lanes, llvm::bit_ceil<uint64_t>(extent));
}

SmallVector<Value> Elementwise::create() {
  return nest(0, Values(op.getDpsInits()));
}

SmallVector<Value> Elementwise::nest(unsigned loop, Values carried) {
  if (loop == inner)
    return nest(loop + 1, carried);
  if (loop == op.getNumLoops())
    return row(carried);
  auto outer =
      scf::ForOp::create(b, arith::ConstantIndexOp::create(b, 0), extents[loop],
                         arith::ConstantIndexOp::create(b, 1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(outer.getBody());
  indices[loop] = outer.getInductionVar();
  scf::YieldOp::create(b, nest(loop + 1, Values(outer.getRegionIterArgs())));
  return Values(outer.getResults());
}

/// Whole vectors, then what is left over.
SmallVector<Value> Elementwise::row(Values carried) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value extent = extents[inner];
  Value rest = b.createOrFold<arith::RemUIOp>(
      extent, arith::ConstantIndexOp::create(b, lanes));
  Value whole = b.createOrFold<arith::SubIOp>(extent, rest);
  carried = span(zero, whole, /*whole=*/true, carried);
  return span(whole, extent, /*whole=*/false, carried);
}

SmallVector<Value> Elementwise::span(Value from, Value to, bool whole,
                                     Values carried) {
  std::optional<int64_t> lower = getConstantIntValue(from);
  std::optional<int64_t> upper = getConstantIntValue(to);
  if (from == to || (lower && upper && *lower == *upper))
    return carried;
  auto loop = scf::ForOp::create(
      b, from, to, arith::ConstantIndexOp::create(b, lanes), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b, compute(loop.getInductionVar(), whole,
                                  Values(loop.getRegionIterArgs())));
  return Values(loop.getResults());
}

SmallVector<Value> Elementwise::position(OpOperand &operand) {
  Values position;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    position.push_back(indices[cast<AffineDimExpr>(expr).getPosition()]);
  return position;
}

Value Elementwise::broadcast(Value scalar) {
  return vector::BroadcastOp::create(b, vectorOf(scalar.getType()), scalar);
}

Value Elementwise::read(OpOperand &operand, bool whole, ValueRange carried) {
  Value tensor = operand.get();
  if (!isa<RankedTensorType>(tensor.getType()))
    return broadcast(tensor);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  // What an operand shares with a result is read from the result as it is
  // built, so that both can be one buffer: no element is read after its own
  // position has been written.
  for (auto [init, current] : llvm::zip_equal(op.getDpsInitsMutable(), carried))
    if (init.get() == tensor && op.getMatchingIndexingMap(&init) == map)
      tensor = current;
  if (map.getNumResults() == 0 ||
      map.getDimPosition(map.getNumResults() - 1) != inner)
    return broadcast(tensor::ExtractOp::create(b, tensor, position(operand)));
  Type element = getElementTypeOrSelf(tensor);
  Value padding = arith::ConstantOp::create(b, b.getZeroAttr(element));
  return vector::TransferReadOp::create(b, cast<VectorType>(vectorOf(element)),
                                        tensor, position(operand), padding,
                                        ArrayRef<bool>{whole});
}

Value Elementwise::index(unsigned loop) {
  Value index = broadcast(indices[loop]);
  if (loop != inner)
    return index;
  Value step = vector::StepOp::create(b, cast<VectorType>(index.getType()));
  return arith::AddIOp::create(b, index, step);
}

SmallVector<Value> Elementwise::compute(Value at, bool whole, Values carried) {
  indices[inner] = at;
  Block *body = op.getBlock();
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (!argument.use_empty())
      mapping.map(argument, read(operand, whole, carried));
  }
  for (Operation &scalar : body->without_terminator()) {
    if (auto query = dyn_cast<linalg::IndexOp>(scalar)) {
      mapping.map(query.getResult(), index(query.getDim()));
      continue;
    }
    if (isa<arith::ConstantOp>(scalar)) {
      mapping.map(scalar.getResult(0),
                  broadcast(b.clone(scalar)->getResult(0)));
      continue;
    }
    for (Value operand : scalar.getOperands())
      if (!mapping.contains(operand))
        mapping.map(operand, broadcast(operand));
    Operation *vector = b.clone(scalar, mapping);
    for (Value result : vector->getResults())
      result.setType(vectorOf(result.getType()));
  }
  for (auto [init, stored, result] :
       llvm::zip_equal(op.getDpsInitsMutable(),
                       body->getTerminator()->getOperands(), carried)) {
    Value vector = mapping.lookupOrNull(stored);
    result = vector::TransferWriteOp::create(
                 b, vector ? vector : broadcast(stored), result, position(init),
                 ArrayRef<bool>{whole})
                 .getResult();
  }
  return carried;
}

namespace {
struct VectorizeElementwisePass
    : moe::impl::VectorizeElementwisePassBase<VectorizeElementwisePass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    llvm::Expected<CPUTarget> parsed = CPUTarget::fromName(targetName);
    if (!parsed)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(parsed.takeError());
    target = *parsed;
    return success();
  }

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> candidates;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isCandidate(op))
        candidates.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : candidates) {
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, Elementwise(rewriter, op, target).create());
    }
  }

private:
  CPUTarget target;
};
} // namespace
