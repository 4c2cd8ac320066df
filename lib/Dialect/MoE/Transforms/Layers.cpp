//===- Layers.cpp - Layers that are alike ---------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations that repeat are layers if the values that each reads are related
// in the same way: made in the same layer, handed over by the one before, the
// same for all, or a weight of its own.
//
//===----------------------------------------------------------------------===//

#include "Layers.h"
#include "LayerPeriods.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::moe;

Layers::Layers(SmallVector<SmallVector<Operation *>> operations)
    : count(operations.size()), top(std::move(operations)), flat(count),
      numbers(count) {
  for (unsigned layer = 0; layer < count; ++layer)
    for (Operation *op : top[layer]) {
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
    // A weight is read from outside, wherever it is loaded.
    if (isa<ml_program::GlobalLoadConstOp>(nested))
      return;
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
    if (op->getName() != first->getName() ||
        op->getResultTypes() != first->getResultTypes() ||
        op->getNumOperands() != first->getNumOperands() ||
        op->getNumRegions() != first->getNumRegions() ||
        op->getAttrDictionary() != first->getAttrDictionary())
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

/// What an operation and those inside of it read from outside, each time.
static Values readsOf(Operation *op) {
  Values reads;
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    for (Value value : nested->getOperands())
      if (!op->isProperAncestor(value.getParentBlock()->getParentOp()) &&
          value.getParentBlock()->getParentOp() != op)
        reads.push_back(value);
  });
  return reads;
}

/// Whether an operation of the block can stand before the first layer. One that
/// may fail can: the program fails in any case.
bool Layers::canHoist(Operation *op) {
  if (isa<ml_program::GlobalLoadConstOp>(op) || isInFront(op))
    return true;
  auto [known, isNew] = hoistable.try_emplace(op, false);
  if (!isNew)
    return known->second;
  bool can =
      !layerOf.contains(op) &&
      (isMemoryEffectFree(op) || isa<cf::AssertOp>(op)) &&
      llvm::all_of(readsOf(op), [&](Value value) { return canHoist(value); });
  return hoistable[op] = can;
}

bool Layers::canHoist(Value value) {
  // Of the block of the layers: what is inside of one has a number.
  Operation *op = value.getDefiningOp();
  return !op || canHoist(op);
}

void Layers::hoist(Operation *op) {
  if (isInFront(op))
    return;
  for (Value value : readsOf(op))
    hoist(value);
  op->moveBefore(top[0].front());
}

void Layers::hoist(Value value) {
  if (Operation *op = value.getDefiningOp())
    hoist(op);
}

/// Whether what stands between operations of the layers and is none of them can
/// stand before or behind all of them. What may fail stays in front.
bool Layers::canStandBehind() {
  for (Operation *op = top[0].front(); op != top.back().back();
       op = op->getNextNode()) {
    if (layerOf.contains(op) || isPure(op))
      continue;
    if (!canHoist(op))
      return false;
    toHoist.push_back(op);
  }
  return true;
}

std::unique_ptr<Layers> Layers::withOneBefore() const {
  // Operations of the first layer, and those that do the same before it.
  DenseMap<Operation *, Operation *> before;
  SmallVector<std::pair<Value, Value>> todo;
  for (const auto &[each, argument] : carried)
    todo.push_back(each);
  while (!todo.empty()) {
    auto [mine, others] = todo.pop_back_val();
    Operation *own = mine.getDefiningOp(), *other = others.getDefiningOp();
    if (mine == others || !own || !other)
      continue;
    bool isLayer = layerOf.contains(other);
    if (isLayer != numbers[0].contains(others) || (!isLayer && !isCheap(other)))
      continue;
    if (own->getName() != other->getName() ||
        own->getBlock() != top[0].front()->getBlock() ||
        !own->isBeforeInBlock(top[0].front()))
      return nullptr;
    auto [known, isNew] = before.try_emplace(other, own);
    if (known->second != own)
      return nullptr;
    if (!isNew)
      continue;
    Values mines = readsOf(own), theirs = readsOf(other);
    if (mines.size() != theirs.size())
      return nullptr;
    for (auto [a, b] : llvm::zip_equal(mines, theirs))
      todo.push_back({a, b});
  }
  SmallVector<SmallVector<Operation *>> operations(top);
  SmallVector<Operation *> first;
  // Whether `b` of the first layer is what `a` is before it.
  std::function<bool(Value, Value)> areAlike = [&](Value a, Value b) {
    Operation *own = a.getDefiningOp(), *other = b.getDefiningOp();
    if (a == b || !own || !other)
      return a == b;
    if (Operation *known = before.lookup(other))
      return known == own && cast<OpResult>(a).getResultNumber() ==
                                 cast<OpResult>(b).getResultNumber();
    return isCheap(other) && own->getName() == other->getName() &&
           own->getAttrDictionary() == other->getAttrDictionary() &&
           llvm::all_of_zip(own->getOperands(), other->getOperands(), areAlike);
  };
  for (Operation *op : top[0]) {
    Operation *own = before.lookup(op), *end = top[0].front();
    // What only an assertion reads, and the assertion.
    if (!own && !first.empty())
      for (own = first.back()->getNextNode(); own != end;
           own = own->getNextNode())
        if (own->getName() == op->getName() &&
            own->getAttrDictionary() == op->getAttrDictionary() &&
            llvm::all_of_zip(readsOf(own), readsOf(op), areAlike))
          break;
    if (!own || own == end ||
        (!first.empty() && !first.back()->isBeforeInBlock(own)))
      return nullptr;
    before[op] = own;
    first.push_back(own);
  }
  operations.insert(operations.begin(), first);
  auto layers = std::make_unique<Layers>(std::move(operations));
  return layers->match() ? std::move(layers) : nullptr;
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
    return true;
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
  Block *block = top[0].front()->getBlock();
  auto isHandedOver = [&](unsigned layer, Value value) {
    return llvm::any_of(carried, [&](const auto &each) {
      return numbers[0].lookup(each.first.second) ==
             numbers[layer].lookup(value);
    });
  };
  for (unsigned layer = 0; layer < count; ++layer) {
    // What costs nothing is made again for each layer, and behind the loop.
    SmallVector<std::pair<Value, Value>> todo;
    llvm::SmallDenseSet<std::pair<Value, Value>> seen;
    auto add = [&](Value value, Value root) {
      if (seen.insert({value, root}).second)
        todo.push_back({value, root});
    };
    for (Operation *op : top[layer])
      for (Value result : op->getResults())
        add(result, result);
    while (!todo.empty()) {
      auto [value, root] = todo.pop_back_val();
      for (Operation *user : value.getUsers()) {
        Operation *own = block->findAncestorOpInBlock(*user);
        auto found = layerOf.find(own);
        if (found != layerOf.end()) {
          if (found->second != layer && found->second != layer + 1)
            return false;
        } else if (isCheap(own)) {
          for (Value result : own->getResults())
            add(result, root);
        } else if (layer + 1 < count || !isHandedOver(layer, root)) {
          return false;
        }
      }
    }
  }
  return true;
}

bool Layers::readAlike() {
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
  return !carried.empty();
}

bool Layers::match() { return readAlike() && canLeave() && canStandBehind(); }
