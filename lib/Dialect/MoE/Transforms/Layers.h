//===- Layers.h - Layers that are alike -------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs of operations that do the same with what each is given, and how they
// become a loop.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERS_H
#define MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include <map>
#include <memory>

namespace mlir::moe {

/// One value for each layer, that the same operand of the same operation reads.
using Values = SmallVector<Value>;

/// Operations of all layers, and what relates the values that they read.
class Layers {
public:
  /// The outermost operations of each layer.
  explicit Layers(SmallVector<SmallVector<Operation *>> operations);

  /// Whether what each layer reads is related to what the others read.
  bool readAlike();
  /// Whether the layers can be a loop. Nothing is changed.
  bool match();
  /// The layers, and one before them that does the same to what is handed to
  /// the first of them; null if there is none. Others may stand between its
  /// operations: what all layers share is made by the first.
  std::unique_ptr<Layers> withOneBefore() const;
  size_t getCount() const { return count; }
  /// Whether an outermost operation is one of a layer.
  bool contains(Operation *op) const { return layerOf.contains(op); }
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
  /// Whether an operation stands before the first layer, in its block.
  bool isInFront(Operation *op) const {
    return op->getBlock() == top[0].front()->getBlock() &&
           op->isBeforeInBlock(top[0].front());
  }
  bool canHoist(Operation *op);
  bool canHoist(Value value);
  bool canLeave();
  bool canStandBehind();
  void hoist(Operation *op);
  void hoist(Value value);
  void hoistReads();
  Value build(const Values &values, OpBuilder &b);
  void copy(Operation *op, size_t position, OpBuilder &b);
  void replaceBehind();
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
  /// Whether others can be made before the first layer.
  DenseMap<Operation *, bool> hoistable;
  /// Those that have to be, in their order.
  SmallVector<Operation *> toHoist;

  /// What the first layer gets from before the loop, and what the others get
  /// from the layer in front of them, as a value of the first.
  llvm::MapVector<std::pair<Value, Value>, BlockArgument> carried;
  scf::ForOp loop;
  IRMapping mapping;
  std::map<std::vector<void *>, Value> built;
};

} // namespace mlir::moe

#endif // MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERS_H
