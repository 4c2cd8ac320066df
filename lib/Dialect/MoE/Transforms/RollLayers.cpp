//===- RollLayers.cpp - Layers that are alike become a loop ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations that repeat with a period are layers if the values that each reads
// are related in the same way: made in the same layer, handed over by the one
// before, the same for all, or a weight of its own.
//
//===----------------------------------------------------------------------===//

#include "LayerPeriods.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace mlir::moe {
#define GEN_PASS_DEF_ROLLLAYERSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {

/// One value for each layer, that the same operand of the same operation reads.
using Values = SmallVector<Value>;

/// Operations of all layers, and what relates the values that they read.
class Layers {
public:
  Layers(const Period &period, ArrayRef<Operation *> operations);

  /// Whether the layers can be a loop. Nothing is changed.
  bool match();
  /// How many tensors are handed from one layer to the next.
  size_t getNumCarried() const { return carried.size(); }
  void roll();

private:
  /// Where a value of the first layer was made: the number of its operation or
  /// block argument among those of a layer.
  using Number = unsigned;

  void number(Operation *op, unsigned layer);
  bool isSame(size_t position);
  bool matchOperand(const Values &values);
  bool isCarried(const Values &values) const;
  bool canHoist(Value value, unsigned depth = 0) const;
  bool canLeave();
  void hoist(Value value);
  Value build(const Values &values, OpBuilder &b);
  Values operandsOf(size_t position, unsigned operand) const;
  bool isMadeInLayers(Value value) const {
    return llvm::any_of(
        numbers, [&](const auto &layer) { return layer.contains(value); });
  }

  unsigned count;
  /// Of each layer, outermost ones only, and all in the order of a walk.
  SmallVector<SmallVector<Operation *>> top, flat;
  SmallVector<DenseMap<Value, Number>> numbers;
  /// The layer of an outermost operation.
  DenseMap<Operation *, unsigned> layerOf;

  /// What the first layer gets from before the loop, and what the others get
  /// from the layer in front of them, as a value of the first.
  llvm::MapVector<std::pair<Value, Value>, BlockArgument> carried;
  scf::ForOp loop;
  IRMapping mapping;
  std::map<std::vector<void *>, Value> built;
};

struct RollLayersPass : moe::impl::RollLayersPassBase<RollLayersPass> {
  using Base::Base;
  void runOnOperation() final;
};

} // namespace

Layers::Layers(const Period &period, ArrayRef<Operation *> operations)
    : count(period.count), top(count), flat(count), numbers(count) {
  for (unsigned layer = 0; layer < count; ++layer)
    for (Operation *op : operations.slice(period.begin + layer * period.length,
                                          period.length)) {
      top[layer].push_back(op);
      layerOf[op] = layer;
      number(op, layer);
    }
}

void Layers::number(Operation *op, unsigned layer) {
  auto add = [&](Value value) {
    Number next = numbers[layer].size();
    numbers[layer][value] = next;
  };
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    flat[layer].push_back(nested);
    llvm::for_each(nested->getResults(), add);
    for (Region &region : nested->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), add);
  });
}

Values Layers::operandsOf(size_t position, unsigned operand) const {
  return llvm::map_to_vector(flat, [&](const auto &layer) {
    return layer[position]->getOperand(operand);
  });
}

/// Whether the operations at a position are the same but for what they read.
bool Layers::isSame(size_t position) {
  Operation *first = flat.front()[position];
  for (const auto &layer : flat) {
    Operation *op = layer[position];
    bool isWeight = isa<ml_program::GlobalLoadConstOp>(op);
    if (op->getName() != first->getName() ||
        op->getResultTypes() != first->getResultTypes() ||
        op->getNumOperands() != first->getNumOperands() ||
        op->getNumRegions() != first->getNumRegions() ||
        (!isWeight && op->getAttrDictionary() != first->getAttrDictionary()))
      return false;
    for (auto [mine, others] :
         llvm::zip(op->getRegions(), first->getRegions())) {
      if (mine.getBlocks().size() != others.getBlocks().size())
        return false;
      for (auto [a, b] : llvm::zip(mine, others))
        if (a.getArgumentTypes() != b.getArgumentTypes() ||
            a.getOperations().size() != b.getOperations().size())
          return false;
    }
    if (op->getNumSuccessors() > 0)
      return false;
  }
  return true;
}

/// Whether each layer but the first reads what the one in front of it made.
bool Layers::isCarried(const Values &values) const {
  auto found = numbers[0].find(values[1]);
  if (found == numbers[0].end() || numbers[0].contains(values[0]))
    return false;
  for (unsigned layer = 2; layer < count; ++layer) {
    auto own = numbers[layer - 1].find(values[layer]);
    if (own == numbers[layer - 1].end() || own->second != found->second)
      return false;
  }
  return true;
}

/// Whether a value can be made before the first layer.
bool Layers::canHoist(Value value, unsigned depth) const {
  Operation *op = value.getDefiningOp();
  Operation *start = top[0].front();
  // Of the block of the layers: what is inside of one has a number.
  if (!op || op->isBeforeInBlock(start))
    return true;
  constexpr unsigned kMaxDepth = 16;
  return depth < kMaxDepth && isCheap(op) && !layerOf.contains(op) &&
         llvm::all_of(
             op->getOperands(),
             [&](Value operand) { return canHoist(operand, depth + 1); });
}

void Layers::hoist(Value value) {
  Operation *op = value.getDefiningOp();
  Operation *start = top[0].front();
  if (!op || op->isBeforeInBlock(start))
    return;
  for (Value operand : op->getOperands())
    hoist(operand);
  op->moveBefore(start);
}

/// Whether what the layers read in one place can be read in a loop.
bool Layers::matchOperand(const Values &values) {
  // Made in the same layer.
  auto own = numbers[0].find(values[0]);
  if (own != numbers[0].end())
    return llvm::all_of(llvm::enumerate(values), [&](auto each) {
      auto found = numbers[each.index()].find(each.value());
      return found != numbers[each.index()].end() &&
             found->second == own->second;
    });
  if (isCarried(values)) {
    carried.insert({{values[0], values[1]}, {}});
    return values[0].getType() == values[1].getType() && canHoist(values[0]);
  }
  if (llvm::all_equal(values))
    return canHoist(values[0]);
  // A weight of each layer, or what costs nothing and reads what is related.
  SmallVector<Operation *> makers;
  for (Value value : values) {
    makers.push_back(value.getDefiningOp());
    if (!makers.back() || makers.back()->getNumResults() != 1 ||
        makers.back()->getName() != makers.front()->getName() ||
        value.getType() != values[0].getType())
      return false;
  }
  if (isa<ml_program::GlobalLoadConstOp>(makers.front()))
    return llvm::all_of(values, [&](Value value) { return canHoist(value); });
  if (!isCheap(makers.front()))
    return false;
  for (Operation *maker : makers)
    if (maker->getAttrDictionary() != makers.front()->getAttrDictionary() ||
        maker->getNumOperands() != makers.front()->getNumOperands())
      return false;
  for (unsigned i = 0; i < makers.front()->getNumOperands(); ++i)
    if (!matchOperand(llvm::map_to_vector(
            makers, [&](Operation *maker) { return maker->getOperand(i); })))
      return false;
  return true;
}

/// Whether only the last layer's results are read behind it, and are handed
/// over by each other layer.
bool Layers::canLeave() {
  for (unsigned layer = 0; layer < count; ++layer) {
    SmallVector<Operation *> makers(top[layer]);
    llvm::SmallPtrSet<Operation *, 8> seen;
    while (!makers.empty()) {
      Operation *maker = makers.pop_back_val();
      for (Operation *user : maker->getUsers()) {
        Operation *own =
            top[0].front()->getBlock()->findAncestorOpInBlock(*user);
        auto found = layerOf.find(own);
        if (found != layerOf.end() &&
            (found->second == layer || found->second == layer + 1))
          continue;
        // What costs nothing may be made again for each layer.
        if (found == layerOf.end() && layer + 1 < count && isCheap(own)) {
          if (seen.insert(own).second)
            makers.push_back(own);
          continue;
        }
        if (found != layerOf.end() || layer + 1 < count)
          return false;
        for (Value operand : user->getOperands()) {
          auto number = numbers[layer].find(operand);
          if (number != numbers[layer].end() &&
              llvm::none_of(carried, [&](const auto &each) {
                return numbers[0].lookup(each.first.second) == number->second;
              }))
            return false;
        }
      }
    }
  }
  return true;
}

bool Layers::match() {
  for (unsigned layer = 1; layer < count; ++layer)
    if (flat[layer].size() != flat[0].size() ||
        numbers[layer].size() != numbers[0].size())
      return false;
  for (size_t position = 0; position < flat[0].size(); ++position) {
    if (!isSame(position))
      return false;
    for (unsigned i = 0; i < flat[0][position]->getNumOperands(); ++i)
      if (!matchOperand(operandsOf(position, i)))
        return false;
  }
  return !carried.empty() && canLeave();
}

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

void Layers::roll() {
  Operation *start = top[0].front();
  OpBuilder b(start);
  Location loc = start->getLoc();
  Values inits;
  for (auto &[each, argument] : carried) {
    hoist(each.first);
    inits.push_back(each.first);
  }
  // What the layers read from outside stands before them.
  for (size_t position = 0; position < flat[0].size(); ++position)
    for (unsigned i = 0; i < flat[0][position]->getNumOperands(); ++i)
      for (Value value : operandsOf(position, i))
        if (!isMadeInLayers(value) && canHoist(value))
          hoist(value);
  auto number = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value zero = number(0), end = number(count), one = number(1);
  loop = scf::ForOp::create(b, loc, zero, end, one, inits);
  for (auto [entry, argument] :
       llvm::zip_equal(carried, loop.getRegionIterArgs()))
    entry.second = argument;
  b.setInsertionPointToEnd(loop.getBody());
  size_t position = 0;
  for (size_t number = 0; number < top[0].size(); ++number) {
    // Weights that an expert reads are chosen in front of it.
    Operation *op = top[0][number];
    SmallVector<Operation *> nested;
    op->walk<WalkOrder::PreOrder>(
        [&](Operation *each) { nested.push_back(each); });
    SmallVector<Values> operands;
    SmallVector<Value> weights;
    for (size_t i = 0; i < nested.size(); ++i) {
      Values reads;
      for (unsigned k = 0; k < nested[i]->getNumOperands(); ++k) {
        Values values = operandsOf(position + i, k);
        // What is made inside of the operation is copied with it.
        Operation *maker = values[0].getParentBlock()->getParentOp();
        reads.push_back(op->isAncestor(maker) ? Value() : build(values, b));
      }
      operands.push_back(reads);
      Value weight;
      if (isa<ml_program::GlobalLoadConstOp>(nested[i]) && nested[i] != op) {
        Values loads;
        for (const auto &layer : flat) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(loop);
          loads.push_back(b.clone(*layer[position + i])->getResult(0));
        }
        weight = PickOp::create(b, nested[i]->getLoc(), loads[0].getType(),
                                loop.getInductionVar(), loads);
      }
      weights.push_back(weight);
    }
    SmallVector<Location> locations;
    for (const auto &layer : top)
      locations.push_back(layer[number]->getLoc());
    Operation *copy = b.clone(*op);
    if (isa<DispatchOp>(op))
      copy->setLoc(fuseLayers(locations, b.getContext()));
    for (auto [from, to] :
         llvm::zip_equal(op->getResults(), copy->getResults()))
      mapping.map(from, to);
    SmallVector<Operation *> copies;
    copy->walk<WalkOrder::PreOrder>(
        [&](Operation *each) { copies.push_back(each); });
    for (auto [each, reads, weight] :
         llvm::zip_equal(copies, operands, weights)) {
      for (auto [i, read] : llvm::enumerate(reads))
        if (read)
          each->setOperand(i, read);
      if (weight) {
        each->getResult(0).replaceAllUsesWith(weight);
        each->erase();
      }
    }
    position += nested.size();
  }
  Values yielded;
  for (auto &[each, argument] : carried)
    yielded.push_back(mapping.lookup(each.second));
  scf::YieldOp::create(b, loc, yielded);
  // The last layer's results, read behind it.
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

/// Rolls the layers of a function that save most. Whether there were any.
static bool rollLayers(func::FuncOp function) {
  SmallVector<Operation *> operations = getPeriodic(function.front());
  SmallVector<Period> periods = findPeriods(operations);
  for (size_t first = 0, next; first < periods.size(); first = next) {
    // Of layers that begin elsewhere, those that hand over least.
    std::unique_ptr<Layers> best;
    for (next = first; next < periods.size() &&
                       periods[next].length == periods[first].length &&
                       periods[next].count == periods[first].count;
         ++next) {
      auto layers = std::make_unique<Layers>(periods[next], operations);
      if (layers->match() &&
          (!best || layers->getNumCarried() < best->getNumCarried()))
        best = std::move(layers);
    }
    if (!best)
      continue;
    best->roll();
    return true;
  }
  return false;
}

void RollLayersPass::runOnOperation() {
  func::FuncOp function = getOperation();
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return;
  while (rollLayers(function)) {
  }
}
