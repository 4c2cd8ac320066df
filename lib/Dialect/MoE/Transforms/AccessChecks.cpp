//===- AccessChecks.cpp - Checks that accesses are in bounds ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons are unsigned where one of them then checks both bounds.
//
//===----------------------------------------------------------------------===//

#include "AccessChecks.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ParallelCombiningOpInterface.h"
#include "moe/Analysis/Extents.h"
#include "moe/Analysis/RowIndependence.h"
#include <limits>

using namespace mlir;
using namespace mlir::moe;

/// Inside of the terminator of a parallel loop there is no room for checks.
static Operation *whereToCheck(Operation *op) {
  if (isa_and_present<InParallelOpInterface>(op->getParentOp()))
    return op->getParentOp();
  return op;
}

AccessChecks::AccessChecks(Operation *op)
    : b(op->getLoc(), whereToCheck(op)), op(op) {}

Value AccessChecks::constant(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value AccessChecks::materialize(OpFoldResult value) {
  if (std::optional<int64_t> number = getConstantIntValue(value))
    return constant(*number);
  return cast<Value>(value);
}

Value AccessChecks::compare(arith::CmpIPredicate predicate, OpFoldResult x,
                            OpFoldResult y) {
  std::optional<int64_t> i = getConstantIntValue(x), j = getConstantIntValue(y);
  if (i && j)
    return arith::ConstantIntOp::create(
        b, arith::applyCmpPredicate(predicate, APInt(64, *i), APInt(64, *j)),
        1);
  return arith::CmpIOp::create(b, predicate, materialize(x), materialize(y));
}

void AccessChecks::require(Value condition, const Twine &message) {
  if (matchPattern(condition, m_One()))
    return;
  auto guard = cf::AssertOp::create(b, condition, message.str());
  guard->setAttr(kGuardAttrName, b.getUnitAttr());
}

void AccessChecks::requireEqual(OpFoldResult x, OpFoldResult y,
                                const Twine &message) {
  if (getExtent(x) == getExtent(y))
    return;
  require(compare(arith::CmpIPredicate::eq, x, y), message);
}

/// An exclusive upper bound of an index that is not negative, if one is known.
static std::optional<Extent> upperBound(Value index) {
  if (auto number = index.getDefiningOp<linalg::IndexOp>()) {
    auto loops = number->getParentOfType<linalg::LinalgOp>();
    for (OpOperand &operand : loops->getOpOperands())
      for (auto [dim, expr] :
           llvm::enumerate(loops.getMatchingIndexingMap(&operand).getResults()))
        if (expr == getAffineDimExpr(number.getDim(), index.getContext()))
          return getExtent(operand.get(), dim);
  }
  auto argument = dyn_cast<BlockArgument>(index);
  if (!argument)
    return std::nullopt;
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto dispatch = dyn_cast<DispatchOp>(parent))
    return Extent{dispatch.getNumExperts(), Value(), 0};
  auto loop = dyn_cast<scf::ForOp>(parent);
  if (!loop || index != loop.getInductionVar() || loop.getUnsignedCmp())
    return std::nullopt;
  std::optional<int64_t> from = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  // With a larger step the last addition could wrap around.
  if (!from || *from < 0 || !step || *step < 1 || *step > (int64_t(1) << 32))
    return std::nullopt;
  return getExtent(OpFoldResult(loop.getUpperBound()));
}

void AccessChecks::requireBelow(OpFoldResult index, OpFoldResult size,
                                const Twine &message) {
  if (auto value = dyn_cast<Value>(index)) {
    std::optional<Extent> bound = upperBound(value);
    Extent extent = getExtent(size);
    if (bound && (*bound == extent || (bound->constant && extent.constant &&
                                       *bound->constant <= *extent.constant)))
      return;
  }
  require(compare(arith::CmpIPredicate::ult, index, size), message);
}

void AccessChecks::requireAtMost(OpFoldResult index, OpFoldResult size,
                                 const Twine &message) {
  if (getExtent(index) == getExtent(size) || isConstantIntValue(index, 0))
    return;
  require(compare(arith::CmpIPredicate::ule, index, size), message);
}

/// Whether a tensor of `size` rows of `bytes` is at most some thousand times as
/// large as one whose sizes were checked. That its memory is not too large is
/// checked where it is allocated.
static bool hasRowsOfTensor(Extent size, int64_t bytes) {
  if (!size.value || size.dim < 0)
    return false;
  auto type = cast<RankedTensorType>(size.value.getType());
  int64_t others = 1;
  for (auto [dim, length] : llvm::enumerate(type.getShape()))
    if (static_cast<int64_t>(dim) != size.dim)
      others = ShapedType::isDynamic(length) ? 0 : others * length;
  return others > 0 && bytes <= (int64_t(1) << 14) * others;
}

void AccessChecks::requireSizes(ArrayRef<OpFoldResult> sizes, Type element) {
  int64_t bytes =
      element.isIntOrFloat() ? (element.getIntOrFloatBitWidth() + 7) / 8 : 16;
  SmallVector<OpFoldResult> dynamic;
  for (OpFoldResult size : sizes) {
    std::optional<int64_t> constant = getConstantIntValue(size);
    if (!constant)
      dynamic.push_back(size);
    else if (*constant < 0 ||
             llvm::MulOverflow(bytes, std::max<int64_t>(*constant, 1), bytes))
      bytes = std::numeric_limits<int64_t>::max();
  }
  constexpr const char *message = "size of a tensor is negative or too large";
  if (bytes > kMaxBytes)
    return require(arith::ConstantIntOp::create(b, 0, 1), message);
  if (dynamic.empty())
    return;
  if (dynamic.size() == 1 && hasRowsOfTensor(getExtent(dynamic[0]), bytes))
    return;
  OpFoldResult limit = b.getIndexAttr(kMaxBytes / bytes);
  for (auto [number, size] : llvm::enumerate(dynamic)) {
    require(compare(arith::CmpIPredicate::ule, size, limit), message);
    if (number + 1 == dynamic.size())
      return;
    Value some = arith::MaxUIOp::create(b, materialize(size), constant(1));
    limit = arith::DivUIOp::create(b, materialize(limit), some).getResult();
  }
}

void AccessChecks::requireShape(
    OpOperand &operand, ArrayRef<OpFoldResult> sizes,
    function_ref<std::string(int64_t dim)> message) {
  Value tensor = operand.get();
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> all;
  bool pinned = false;
  for (auto [dim, expected] : llvm::enumerate(sizes)) {
    OpFoldResult actual = size(tensor, dim);
    all.push_back(actual);
    if (!expected || getExtent(expected) == getExtent(actual))
      continue;
    requireEqual(expected, actual, message(dim));
    if (type.isDynamicDim(dim) && getConstantIntValue(expected)) {
      all.back() = expected;
      pinned = true;
    }
  }
  if (!pinned)
    return;
  SmallVector<OpFoldResult> zeros(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
  Value slice = tensor::ExtractSliceOp::create(b, tensor, zeros, all, ones);
  operand.set(tensor::CastOp::create(b, type, slice));
}

OpFoldResult AccessChecks::size(Value tensor, int64_t dim) {
  OpBuilder::InsertionGuard guard(b);
  // The loops of a structured operation do not change a tensor from outside.
  Operation *home = tensor.getParentBlock()->getParentOp();
  for (auto loops = op->getParentOfType<linalg::LinalgOp>(); loops;
       loops = loops->getParentOfType<linalg::LinalgOp>())
    if (!loops->isAncestor(home))
      b.setInsertionPoint(loops);
  return tensor::getMixedSize(b, b.getLoc(), tensor, dim);
}
