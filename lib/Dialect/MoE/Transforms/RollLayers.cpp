//===- RollLayers.cpp - Layers that are alike become a loop ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first layer moves into the loop; what another one reads in its place
// becomes an argument of the loop, or is picked by the number of the layer.
//
//===----------------------------------------------------------------------===//

#include "LayerPeriods.h"
#include "Layers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_ROLLLAYERSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct RollLayersPass : moe::impl::RollLayersPassBase<RollLayersPass> {
  using Base::Base;
  void runOnOperation() final;
};
} // namespace

/// What the loop reads where the layers read `values`; made at the end of its
/// body, if it has to be.
Value Layers::build(const Values &values, OpBuilder &b) {
  if (Value made = mapping.lookupOrNull(values[0]);
      made && numbers[0].contains(values[0]))
    return made;
  if (auto found = carried.find({values[0], values[1]});
      found != carried.end() && isCarried(values))
    return found->second;
  if (llvm::all_equal(values))
    return values[0];
  std::vector<void *> key;
  for (Value value : values)
    key.push_back(value.getAsOpaquePointer());
  Value &result = built[key];
  if (result)
    return result;
  Operation *first = values[0].getDefiningOp();
  if (isa<ml_program::GlobalLoadConstOp>(first))
    return result = PickOp::create(b, values[0].getLoc(), values[0].getType(),
                                   loop.getInductionVar(), values);
  Values operands;
  for (unsigned i = 0; i < first->getNumOperands(); ++i)
    operands.push_back(
        build(llvm::map_to_vector(values,
                                  [&](Value value) {
                                    return value.getDefiningOp()->getOperand(i);
                                  }),
              b));
  Operation *copy = b.clone(*first);
  copy->setOperands(operands);
  return result = copy->getResult(0);
}

/// Moves what the layers read from outside in front of them.
void Layers::hoistReads() {
  // First what may fail, in its order: it may guard what comes behind it.
  for (Operation *op : toHoist)
    hoist(op);
  for (const auto &[each, argument] : carried)
    hoist(each.first);
  for (size_t position = 0; position < flat[0].size(); ++position)
    for (unsigned i = 0; i < flat[0][position]->getNumOperands(); ++i)
      for (Value value : operandsOf(position, i))
        if (!isMadeInLayers(value) && canHoist(value))
          hoist(value);
}

/// Copies an operation of the first layer, which is at `position` in a walk,
/// into the loop.
void Layers::copy(Operation *op, size_t position, OpBuilder &b) {
  SmallVector<std::pair<size_t, Values>> reads;
  size_t end = position;
  // Weights that an expert reads are picked in front of it.
  op->walk([&](Operation *) { ++end; });
  for (size_t at = position; at < end; ++at) {
    Values own;
    for (unsigned i = 0; i < flat[0][at]->getNumOperands(); ++i) {
      Values values = operandsOf(at, i);
      // What is made inside of the operation is copied with it.
      Operation *maker = values[0].getParentBlock()->getParentOp();
      own.push_back(op->isAncestor(maker) ? Value() : build(values, b));
    }
    reads.push_back({at, own});
  }
  Operation *made = b.clone(*op);
  for (auto [from, to] : llvm::zip_equal(op->getResults(), made->getResults()))
    mapping.map(from, to);
  const auto *next = reads.begin();
  made->walk<WalkOrder::PreOrder>([&](Operation *each) {
    const auto &[at, own] = *next++;
    for (auto [i, read] : llvm::enumerate(own))
      if (read)
        each->setOperand(i, read);
    if (!isa<DispatchOp>(each))
      return;
    SmallVector<Location> locations;
    for (const auto &layer : flat)
      locations.push_back(layer[at]->getLoc());
    each->setLoc(fuseLayers(locations, b.getContext()));
  });
}

/// Gives what reads the last layer the results of the loop, and erases the
/// layers.
void Layers::replaceBehind() {
  DenseMap<Number, Value> results;
  for (auto [entry, result] : llvm::zip_equal(carried, loop.getResults()))
    results.try_emplace(numbers[0].lookup(entry.first.second), result);
  for (Operation *op : top.back())
    for (Value value : op->getResults())
      if (Value result = results.lookup(numbers.back().lookup(value)))
        value.replaceUsesWithIf(result, [&](OpOperand &use) {
          Operation *own =
              loop->getBlock()->findAncestorOpInBlock(*use.getOwner());
          return !layerOf.contains(own) && own != loop;
        });
  // What costs nothing was copied where it is needed.
  SmallVector<Operation *> behind;
  for (Operation *op = loop->getNextNode(); op; op = op->getNextNode())
    behind.push_back(op);
  for (Operation *op : llvm::reverse(behind))
    if (layerOf.contains(op) || (isCheap(op) && op->use_empty()))
      op->erase();
}

void Layers::roll() {
  hoistReads();
  OpBuilder b(top[0].front());
  Location loc = top[0].front()->getLoc();
  auto number = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value zero = number(0), end = number(count), one = number(1);
  Values inits;
  for (const auto &[each, argument] : carried)
    inits.push_back(each.first);
  loop = scf::ForOp::create(b, loc, zero, end, one, inits);
  for (auto [entry, argument] :
       llvm::zip_equal(carried, loop.getRegionIterArgs()))
    entry.second = argument;
  b.setInsertionPointToEnd(loop.getBody());
  size_t position = 0;
  for (Operation *op : top[0]) {
    copy(op, position, b);
    op->walk([&](Operation *) { ++position; });
  }
  Values yielded;
  for (auto &[each, argument] : carried)
    yielded.push_back(mapping.lookup(each.second));
  scf::YieldOp::create(b, loc, yielded);
  replaceBehind();
}

/// The operations of a run, or of its first layers.
static SmallVector<SmallVector<Operation *>>
takeLayers(ArrayRef<Operation *> operations, const Period &period,
           size_t count) {
  SmallVector<SmallVector<Operation *>> layers;
  for (size_t layer = 0; layer < count; ++layer)
    layers.emplace_back(
        operations.slice(period.begin + layer * period.length, period.length));
  return layers;
}

/// Rolls layers of a function, those that save most first. Whether there were
/// any.
static bool rollLayers(func::FuncOp function) {
  // Fewer layers compile in no time.
  constexpr size_t kMinLayers = 4;
  SmallVector<Operation *> operations = getPeriodic(function.front());
  SmallVector<Period> periods = findPeriods(operations);
  // Those of `operations` that are in a loop by now.
  llvm::SmallDenseSet<Operation *> rolled;
  // Others may have moved in front of such a loop.
  auto isLeft = [&](const Period &period) {
    auto run =
        ArrayRef(operations).slice(period.begin, period.length * period.count);
    return llvm::none_of(run,
                         [&](Operation *op) { return rolled.contains(op); }) &&
           llvm::is_sorted(run, [](Operation *a, Operation *b) {
             return a->isBeforeInBlock(b);
           });
  };
  for (size_t first = 0, next; first < periods.size(); first = next) {
    // Of a run whose layers could begin at several operations, those that are
    // most, and of those the ones that hand over least.
    std::unique_ptr<Layers> best;
    for (next = first;
         next < periods.size() &&
         periods[next].length == periods[first].length &&
         periods[next].count == periods[first].count &&
         periods[next].begin - periods[first].begin < periods[first].length;
         ++next) {
      const Period &period = periods[next];
      if (!rolled.empty() && !isLeft(period))
        continue;
      // Most that are none differ soon.
      if (!Layers(takeLayers(operations, period, 3)).readAlike())
        continue;
      auto found = std::make_unique<Layers>(
          takeLayers(operations, period, period.count));
      if (!found->match())
        continue;
      while (auto more = found->withOneBefore())
        found = std::move(more);
      if (found->getCount() >= kMinLayers &&
          (!best || std::pair(best->getCount(), found->getNumCarried()) <
                        std::pair(found->getCount(), best->getNumCarried())))
        best = std::move(found);
    }
    if (!best)
      continue;
    for (Operation *op : operations)
      if (best->contains(op))
        rolled.insert(op);
    best->roll();
  }
  return !rolled.empty();
}

void RollLayersPass::runOnOperation() {
  func::FuncOp function = getOperation();
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return;
  while (rollLayers(function)) {
  }
}
