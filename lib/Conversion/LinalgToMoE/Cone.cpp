//===- Cone.cpp - What is computed for one expert alone -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Visits operations from the last to the first, so that all users of a value
// are known to be inside or not when its turn comes.
//
//===----------------------------------------------------------------------===//

#include "Cone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/Extents.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

bool moe::isRemade(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (isa<tensor::EmptyOp, linalg::FillOp>(op) || getSplat(value));
}

Cone::Cone(Value term, const Labels &where,
           const llvm::SmallPtrSetImpl<Operation *> &sinks,
           ConeAnalyses &analyses,
           llvm::function_ref<bool(Operation *)> isGiven,
           const llvm::SmallPtrSetImpl<Operation *> *outside)
    : analyses(analyses), block((*sinks.begin())->getBlock()),
      entersMasks(isGiven) {
  inside.insert(sinks.begin(), sinks.end());
  visit(term, where, nullptr);
  while (!pending.empty()) {
    Operation *op = *pending.begin();
    pending.erase(pending.begin());
    bool alone = llvm::all_of(op->getUses(), [&](OpOperand &use) {
      Operation *user = block->findAncestorOpInBlock(*use.getOwner());
      return user && (inside.contains(user) || isa<tensor::DimOp>(user));
    });
    bool mask =
        llvm::any_of(op->getResults(), [&](Value v) { return isMask(v); });
    if (alone && !mask && !(outside && outside->contains(op)) &&
        !(isGiven ? isGiven(op) : isSumOfMasked(op))) {
      inside.insert(op);
      for (Value result : op->getResults())
        mixReadings(result);
      expand(op);
      continue;
    }
    for (Value value : op->getResults())
      addInput(value);
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i == 0 || inputs[i].value != inputs[i - 1].value)
      mixReadings(inputs[i].value);
  for (Operation *op : sinks)
    inside.erase(op);
}

/// Whether `value` is given to the cone as a mask.
bool Cone::isMask(Value value) const {
  return llvm::any_of(
      maskUses, [&](const MaskUse &use) { return use.mask.value == value; });
}

void Cone::addInput(Value value) {
  for (const Reading &reading : readingsOf(value)) {
    Read read{value, reading.labels};
    if (!llvm::is_contained(inputs, read))
      inputs.push_back(read);
  }
}

/// Each row of a value is known by one labelling, unless it is a mask.
void Cone::mixReadings(Value value) {
  ArrayRef<Reading> all = readingsOf(value);
  if (isMask(value))
    return;
  for (const Reading &other : all.drop_front(!all.empty())) {
    SmallVector<int64_t> differ;
    for (auto [a, b] : llvm::zip_equal(all.front().labels, other.labels))
      if (a != b) {
        differ.push_back(a);
        differ.push_back(b);
      }
    mix(other.user, differ, "combines different rows");
  }
}

/// The loop of the root that each loop of an operation inside is.
SmallVector<int64_t> Cone::getLoops(linalg::GenericOp op) const {
  SmallVector<int64_t> loops(op.getNumLoops(), kInner);
  for (OpResult result : op->getResults())
    if (knows(result))
      for (auto [label, index] : llvm::zip_equal(
               labelsOf(result),
               op.getIndexingMapMatchingResult(result).getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(index))
          loops[dim.getPosition()] = label;
  return loops;
}

Labels Cone::labelsBy(linalg::GenericOp op, AffineMap map) const {
  SmallVector<int64_t> loops = getLoops(op);
  Labels labels;
  for (AffineExpr index : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    labels.push_back(dim ? loops[dim.getPosition()] : kInner);
  }
  return labels;
}

/// Whether `op` adds up experts, with which they are decided.
bool Cone::isSumOfMasked(Operation *op) {
  auto sum = matchSum(op);
  if (!sum || sum->factors.size() != 1 ||
      sum->generic.getNumReductionLoops() != 1)
    return false;
  Labels loops;
  for (AffineExpr index :
       sum->generic.getMatchingIndexingMap(sum->factors.front()).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    loops.push_back(dim ? dim.getPosition() : kInner);
  }
  SmallVector<unsigned> reductions;
  sum->generic.getReductionDims(reductions);
  auto known = analyses.sumsOfMasked.find(op);
  if (known != analyses.sumsOfMasked.end())
    return known->second;
  llvm::SmallPtrSet<Operation *, 2> sinks{op};
  Cone probe(sum->factors.front()->get(), loops, sinks, analyses);
  bool masked = llvm::any_of(probe.getMasks(), [&](const MaskUse &use) {
    return use.mask.labels.size() > 1 &&
           llvm::is_contained(use.mask.labels, reductions.front());
  });
  return analyses.sumsOfMasked[op] = masked;
}

void Cone::mix(Operation *op, ArrayRef<int64_t> where, StringRef reason,
               Obstacle::Kind kind) {
  SmallVector<int64_t> loops;
  for (int64_t loop : where)
    if (loop != kInner && !llvm::is_contained(loops, loop))
      loops.push_back(loop);
  if (!loops.empty())
    obstacles.push_back({kind, op, loops, reason});
}

void Cone::visit(Value value, Labels where, Operation *user) {
  if (!isa<RankedTensorType>(value.getType()) || isRemade(value))
    return;
  SmallVector<Reading, 1> &known = readings[value];
  if (llvm::any_of(known, [&](const Reading &r) { return r.labels == where; }))
    return;
  known.push_back({where, user});
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != block)
    addInput(value);
  else
    pending.insert(op);
}

/// Finds row-level factors and conditions of an elementwise operation: they are
/// constant along a loop over features, and read as they are.
bool Cone::findMasks(linalg::GenericOp op, ArrayRef<int64_t> loops) {
  auto elementwise = matchElementwise(op);
  if (!elementwise || entersMasks)
    return false;
  bool product = isa<arith::MulFOp>(elementwise->scalar);
  if (!product && !isa<arith::SelectOp>(elementwise->scalar))
    return false;
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  AffineMap out = op.getIndexingMapsArray().back();
  bool found = false;
  for (auto indexed : llvm::enumerate(elementwise->operands)) {
    size_t number = indexed.index();
    const ScalarOperand &operand = indexed.value();
    if (!operand.tensor || operand.constant || (!product && number > 0) ||
        !operand.map.isProjectedPermutation(true))
      continue;
    Labels where;
    bool rowLevel = true, feature = false;
    for (AffineExpr index : operand.map.getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(index);
      where.push_back(dim ? loops[dim.getPosition()] : kInner);
      rowLevel &= !dim || loops[dim.getPosition()] != kInner;
    }
    for (auto [dim, index] : llvm::enumerate(out.getResults()))
      feature |= type.getDimSize(dim) != 1 &&
                 !operand.map.isFunctionOfDim(
                     cast<AffineDimExpr>(index).getPosition());
    if (!rowLevel || !feature)
      continue;
    if (product && !analyses.masks.isMask(operand.tensor)) {
      if (analyses.masks.isNearMask(operand.tensor))
        nearMasks.push_back({{operand.tensor, where}, product});
      continue;
    }
    Read mask{operand.tensor, where};
    if (llvm::none_of(maskUses,
                      [&](const MaskUse &use) { return use.mask == mask; }))
      maskUses.push_back({mask, product});
    found = true;
  }
  return found;
}

void Cone::expandGeneric(linalg::GenericOp op) {
  SmallVector<int64_t> loops(op.getNumLoops(), kInner);
  for (OpResult result : op->getResults()) {
    if (!knows(result))
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(result);
    for (auto [label, index] :
         llvm::zip_equal(labelsOf(result), map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(index);
      if (!dim) {
        mix(op, label, "writes rows at computed positions");
        continue;
      }
      int64_t &loop = loops[dim.getPosition()];
      if (loop != kInner && loop != label)
        mix(op, {loop, label}, "combines different rows");
      loop = label;
    }
  }
  if (!findMasks(op, loops) && !isCopy(op))
    work = true;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.payloadUsesValueFromOperand(&operand))
      continue;
    Labels where;
    for (AffineExpr index : op.getMatchingIndexingMap(&operand).getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(index)) {
        where.push_back(loops[dim.getPosition()]);
        continue;
      }
      index.walk([&](AffineExpr e) {
        if (auto dim = dyn_cast<AffineDimExpr>(e))
          mix(op, loops[dim.getPosition()], "reads rows beside its own");
      });
      where.push_back(kInner);
    }
    visit(operand.get(), where, op);
  }
  op.getBody()->walk([&](Operation *nested) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested))
      mix(op, loops[index.getDim()], "uses the position of a row",
          Obstacle::UsesPosition);
    else if (!isMemoryEffectFree(nested) ||
             (nested->getNumRegions() == 0 && !isPure(nested) &&
              !nested->hasTrait<OpTrait::IsTerminator>()))
      mix(op, loops, "may fail or has side effects");
    for (Value operand : nested->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        mix(op, loops, "may read any row", Obstacle::ReadsAny);
  });
}

/// Labels of the other side of a reshape whose groups are of one dimension,
/// units aside.
static std::optional<Labels> relabel(ArrayRef<ReassociationIndices> groups,
                                     RankedTensorType wide, const Labels &from,
                                     bool fromWide) {
  Labels to(fromWide ? groups.size() : wide.getRank(), kInner);
  for (auto [narrow, group] : llvm::enumerate(groups)) {
    SmallVector<int64_t> real;
    for (int64_t dim : group)
      if (wide.getDimSize(dim) != 1)
        real.push_back(dim);
    if (real.size() > 1) {
      bool labelled =
          fromWide ? llvm::any_of(group,
                                  [&](int64_t d) { return from[d] != kInner; })
                   : from[narrow] != kInner;
      if (labelled)
        return std::nullopt;
      continue;
    }
    int64_t dim = real.empty() ? group.front() : real.front();
    if (fromWide)
      to[narrow] = from[dim];
    else
      to[dim] = from[narrow];
  }
  return to;
}

void Cone::expand(Operation *op) {
  if (op->getNumRegions() > 0 || op->getNumResults() > 1 ||
      isa<linalg::LinalgOp>(op)) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      order.push_back(op);
      return expandGeneric(generic);
    }
  }
  Value result = op->getResults().empty() ? Value() : op->getResult(0);
  Labels where = result && knows(result) ? labelsOf(result) : Labels();
  bool known =
      llvm::TypeSwitch<Operation *, bool>(op)
          .Case([&](tensor::CastOp cast) {
            if (!isa<RankedTensorType>(cast.getSource().getType()))
              return false;
            visit(cast.getSource(), where, op);
            return true;
          })
          .Case([&](tensor::ExtractSliceOp slice) {
            Labels source;
            llvm::SmallBitVector dropped = slice.getDroppedDims();
            size_t next = 0;
            for (int64_t dim = 0; dim < slice.getSourceType().getRank();
                 ++dim) {
              int64_t label = dropped.test(dim) ? kInner : where[next++];
              bool whole =
                  isConstantIntValue(slice.getMixedOffsets()[dim], 0) &&
                  isConstantIntValue(slice.getMixedStrides()[dim], 1) &&
                  getExtent(slice.getSource(), dim) ==
                      getExtent(slice.getMixedSizes()[dim]);
              if (!whole) {
                mix(op, label, "takes some of the rows");
                label = kInner;
              }
              source.push_back(label);
            }
            visit(slice.getSource(), source, op);
            return true;
          })
          .Case([&](tensor::ExpandShapeOp reshape) {
            auto source = relabel(reshape.getReassociationIndices(),
                                  reshape.getResultType(), where, true);
            if (!source)
              return false;
            visit(reshape.getSrc(), *source, op);
            return true;
          })
          .Case([&](tensor::CollapseShapeOp reshape) {
            auto source = relabel(reshape.getReassociationIndices(),
                                  reshape.getSrcType(), where, false);
            if (!source)
              return false;
            visit(reshape.getSrc(), *source, op);
            return true;
          })
          .Case([&](tensor::ConcatOp concat) {
            if (where[concat.getDim()] != kInner)
              mix(op, where[concat.getDim()], "concatenates rows");
            for (Value input : concat.getInputs())
              visit(input, where, op);
            return true;
          })
          .Case([&](tensor::PadOp pad) {
            if (!pad.getConstantPaddingValue())
              return false;
            for (auto [dim, label] : llvm::enumerate(where))
              if (!isConstantIntValue(pad.getMixedLowPad()[dim], 0) ||
                  !isConstantIntValue(pad.getMixedHighPad()[dim], 0))
                mix(op, label, "pads rows");
            visit(pad.getSource(), where, op);
            return true;
          })
          .Case([&](tensor::InsertSliceOp slice) {
            if (slice.getSourceType().getRank() !=
                slice.getDestType().getRank())
              return false;
            for (int64_t dim = 0; dim < slice.getDestType().getRank(); ++dim)
              if (!isConstantIntValue(slice.getMixedOffsets()[dim], 0) ||
                  slice.getSourceType().getDimSize(dim) !=
                      slice.getDestType().getDimSize(dim) ||
                  slice.getDestType().isDynamicDim(dim)) {
                if (where[dim] != kInner)
                  mix(op, where[dim], "writes some of the rows");
              }
            visit(slice.getSource(), where, op);
            visit(slice.getDest(), where, op);
            return true;
          })
          .Default(false);
  if (known) {
    order.push_back(op);
    return;
  }
  // Not ours to move: a value of the row alone is an input like any other.
  inside.erase(op);
  for (Value value : op->getResults()) {
    if (!knows(value))
      continue;
    addInput(value);
    obstacles.push_back(
        {Obstacle::Mixes, op, {}, "is not known to keep rows apart"});
    for (const Reading &reading : readingsOf(value))
      llvm::append_range(obstacles.back().loops, reading.labels);
  }
}
