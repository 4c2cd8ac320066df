//===- ScatterLoops.cpp - Loops that write rows at listed places ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Goes through a nest of loops to the one insertion in its middle and asks of
// each index there which loop it is.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/ScatterLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/Extents.h"

using namespace mlir;
using namespace mlir::moe;

/// Whether `loop` counts all rows from zero, `size` of them.
static bool countsTo(scf::ForOp loop, const Extent &size) {
  return isConstantIntValue(loop.getLowerBound(), 0) &&
         isConstantIntValue(loop.getStep(), 1) &&
         getExtent(OpFoldResult(loop.getUpperBound())) == size;
}

static bool isUnit(scf::ForOp loop) {
  return countsTo(loop, {1, Value(), Extent::kIndex});
}

namespace {

class ScatterMatcher {
public:
  std::optional<ScatterLoop> match(scf::ForOp loop);

private:
  bool enter(scf::ForOp loop);
  /// The insertion that `yielded` is, whatever it depends on.
  tensor::InsertOp getInsertion(Value yielded);
  bool guards(Value condition);
  bool isZeroIndex(Value index) const;
  Value withoutUnits(Value index) const;
  std::optional<unsigned> loopOf(Value index) const;
  bool reads(tensor::ExtractOp read, ArrayRef<unsigned> loops) const;

  SmallVector<scf::ForOp, 4> nest;
  tensor::InsertOp insertion;
};

} // namespace

/// The number of a loop of the nest whose variable `index` is.
std::optional<unsigned> ScatterMatcher::loopOf(Value index) const {
  for (auto [number, loop] : llvm::enumerate(nest)) {
    scf::ForOp each = loop;
    if (each.getInductionVar() == index)
      return number;
  }
  return std::nullopt;
}

/// Zero, or the variable of a loop that runs once.
bool ScatterMatcher::isZeroIndex(Value index) const {
  if (matchPattern(index, m_Zero()))
    return true;
  std::optional<unsigned> loop = loopOf(index);
  return loop && isUnit(nest[*loop]);
}

Value ScatterMatcher::withoutUnits(Value index) const {
  auto sum = index.getDefiningOp<arith::AddIOp>();
  if (!sum)
    return index;
  if (isZeroIndex(sum.getLhs()))
    return withoutUnits(sum.getRhs());
  return isZeroIndex(sum.getRhs()) ? withoutUnits(sum.getLhs()) : index;
}

/// Whether an element is read at the variables of `loops`, units aside.
bool ScatterMatcher::reads(tensor::ExtractOp read,
                           ArrayRef<unsigned> loops) const {
  SmallVector<unsigned> found;
  for (Value index : read.getIndices()) {
    index = withoutUnits(index);
    std::optional<unsigned> loop = loopOf(index);
    if (loop && llvm::is_contained(loops, *loop))
      found.push_back(*loop);
    else if (!isZeroIndex(index))
      return false;
  }
  return ArrayRef(found) == loops;
}

bool ScatterMatcher::enter(scf::ForOp loop) {
  if (loop.getNumResults() != 1 ||
      !isa<RankedTensorType>(loop.getResult(0).getType()))
    return false;
  nest.push_back(loop);
  for (Operation &op : loop.getBody()->without_terminator())
    if (auto inner = dyn_cast<scf::ForOp>(op))
      return inner.getInitArgs().front() == loop.getRegionIterArg(0) &&
             loop.getYieldedValues().front() == inner.getResult(0) &&
             enter(inner);
  return true;
}

/// Whether `condition` says no more than that the element is inside.
bool ScatterMatcher::guards(Value condition) {
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return guards(both.getLhs()) && guards(both.getRhs());
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::ult)
    return false;
  for (auto [dim, index] : llvm::enumerate(insertion.getIndices()))
    if (compare.getLhs() == index &&
        getExtent(OpFoldResult(compare.getRhs())) ==
            getExtent(insertion.getDest(), dim))
      return true;
  return false;
}

tensor::InsertOp ScatterMatcher::getInsertion(Value yielded) {
  scf::ForOp inner = nest.back();
  auto branch = yielded.getDefiningOp<scf::IfOp>();
  if (!branch)
    return yielded.getDefiningOp<tensor::InsertOp>();
  if (branch.getNumResults() != 1 ||
      branch.elseYield().getOperand(0) != inner.getRegionIterArg(0))
    return nullptr;
  insertion =
      branch.thenYield().getOperand(0).getDefiningOp<tensor::InsertOp>();
  return insertion && guards(branch.getCondition()) ? insertion : nullptr;
}

std::optional<ScatterLoop> ScatterMatcher::match(scf::ForOp loop) {
  if (!isMemoryEffectFree(loop) || !enter(loop))
    return std::nullopt;
  scf::ForOp inner = nest.back();
  BlockArgument carried = inner.getRegionIterArg(0);
  insertion = getInsertion(inner.getYieldedValues().front());
  if (!insertion || insertion.getDest() != carried)
    return std::nullopt;
  Value target = loop.getInitArgs().front();

  // The place of the row, then one loop for each other dimension.
  auto place = withoutUnits(insertion.getIndices().front());
  if (auto cast = place.getDefiningOp<arith::IndexCastOp>())
    place = cast.getIn();
  auto listed = place.getDefiningOp<tensor::ExtractOp>();
  if (!listed || !reads(listed, {0}))
    return std::nullopt;
  SmallVector<unsigned> loops{0};
  for (auto [dim, index] :
       llvm::enumerate(insertion.getIndices().drop_front())) {
    std::optional<unsigned> number = loopOf(withoutUnits(index));
    if (!number || *number == 0 ||
        !countsTo(nest[*number], getExtent(target, dim + 1)))
      return std::nullopt;
    loops.push_back(*number);
  }
  for (auto [number, each] : llvm::enumerate(nest))
    if (!llvm::is_contained(loops, number) && !isUnit(each))
      return std::nullopt;

  Value update = insertion.getScalar();
  bool adds = false;
  if (Operation *sum = update.getDefiningOp();
      isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum)) {
    for (unsigned side : {0, 1}) {
      auto old = sum->getOperand(side).getDefiningOp<tensor::ExtractOp>();
      if (!adds && old && old.getTensor() == carried &&
          llvm::equal(old.getIndices(), insertion.getIndices())) {
        update = sum->getOperand(1 - side);
        adds = true;
      }
    }
  }
  auto read = update.getDefiningOp<tensor::ExtractOp>();
  if (!read || !reads(read, loops) ||
      !loop.isDefinedOutsideOfLoop(read.getTensor()) ||
      !loop.isDefinedOutsideOfLoop(listed.getTensor()))
    return std::nullopt;
  // All updates, and no more.
  for (int64_t dim = 0; dim < read.getTensor().getType().getRank(); ++dim)
    if (loopOf(withoutUnits(read.getIndices()[dim])) == 0u &&
        !countsTo(loop, getExtent(read.getTensor(), dim)))
      return std::nullopt;
  return ScatterLoop{target, listed.getTensor(), read.getTensor(), adds};
}

std::optional<ScatterLoop> moe::matchScatterLoop(scf::ForOp loop) {
  return ScatterMatcher().match(loop);
}

std::optional<PrefixSumLoop> moe::matchPrefixSumLoop(scf::ForOp loop) {
  if (loop.getNumResults() != 2 || !isMemoryEffectFree(loop))
    return std::nullopt;
  for (unsigned number : {0, 1}) {
    Value sum = loop.getYieldedValues()[number];
    auto add = sum.getDefiningOp<arith::AddIOp>();
    auto insertion =
        loop.getYieldedValues()[1 - number].getDefiningOp<tensor::InsertOp>();
    if (!add || !insertion || insertion.getScalar() != sum ||
        insertion.getDest() != loop.getRegionIterArg(1 - number) ||
        insertion.getIndices().size() != 1 ||
        insertion.getIndices().front() != loop.getInductionVar())
      continue;
    Value before = loop.getRegionIterArg(number);
    Value term = add.getLhs() == before ? add.getRhs() : add.getLhs();
    auto element = term.getDefiningOp<tensor::ExtractOp>();
    if (!llvm::is_contained(add->getOperands(), before) || !element ||
        element.getIndices().size() != 1 ||
        element.getIndices().front() != loop.getInductionVar() ||
        !loop.isDefinedOutsideOfLoop(element.getTensor()) ||
        !countsTo(loop, getExtent(element.getTensor(), 0)) ||
        !(getExtent(element.getTensor(), 0) ==
          getExtent(loop.getInitArgs()[1 - number], 0)))
      continue;
    return PrefixSumLoop{loop.getInitArgs()[number], element.getTensor(),
                         loop->getResult(number), loop->getResult(1 - number)};
  }
  return std::nullopt;
}
