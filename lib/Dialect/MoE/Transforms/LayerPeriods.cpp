//===- LayerPeriods.cpp - Where operations repeat -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerPeriods.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OperationSupport.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::moe;

bool moe::isCheap(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<ml_program::GlobalLoadConstOp, tensor::EmptyOp, tensor::DimOp,
             linalg::FillOp>(op);
}

SmallVector<Operation *> moe::getPeriodic(Block &block) {
  SmallVector<Operation *> operations;
  for (Operation &op : block.without_terminator())
    if (!isCheap(&op))
      operations.push_back(&op);
  return operations;
}

/// Of what an operation and those inside of it do, but not of what they read.
static llvm::hash_code hashOf(Operation *op) {
  llvm::hash_code hash(0);
  op->walk<WalkOrder::PreOrder>([&](Operation *nested) {
    // A weight has another name in each layer.
    llvm::hash_code own =
        isa<ml_program::GlobalLoadConstOp>(nested)
            ? llvm::hash_combine(nested->getName(), nested->getResultTypes())
            : OperationEquivalence::computeHash(
                  nested, OperationEquivalence::ignoreHashValue,
                  OperationEquivalence::ignoreHashValue,
                  OperationEquivalence::IgnoreLocations);
    hash = llvm::hash_combine(hash, own);
  });
  return hash;
}

/// Whether an expert or a contraction is in an operation, or is one.
static bool isLayerWork(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        auto structured = dyn_cast<linalg::LinalgOp>(nested);
        bool isWork = isa<DispatchOp>(nested) ||
                      (structured && structured.getNumReductionLoops() > 0 &&
                       structured.getNumDpsInputs() > 1);
        return isWork ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// For each operation the number of the last that reads what it makes, or what
/// costs nothing and is made of that; past all, if one that has no number does.
static SmallVector<size_t> findLastReaders(ArrayRef<Operation *> operations) {
  DenseMap<Operation *, size_t> numbers;
  for (auto [number, op] : llvm::enumerate(operations))
    numbers[op] = number;
  SmallVector<size_t> last(operations.size(), 0);
  for (auto [number, op] : llvm::enumerate(operations)) {
    SetVector<Operation *> made;
    made.insert(op);
    for (size_t i = 0; i < made.size(); ++i)
      for (Operation *user : made[i]->getUsers()) {
        Operation *own = op->getBlock()->findAncestorOpInBlock(*user);
        auto found = numbers.find(own);
        if (found != numbers.end())
          last[number] = std::max(last[number], found->second);
        else if (isCheap(own))
          made.insert(own);
        else
          last[number] = operations.size();
      }
  }
  return last;
}

/// The fewest that repeat: the first layer may look otherwise.
static constexpr size_t kMinCount = 3;

/// Adds the parts of a run whose layers are read by themselves and the next one
/// only, but for what the last hands on as the others do.
static void addReadByNext(Period run, ArrayRef<size_t> last,
                          SmallVectorImpl<Period> &periods) {
  auto add = [&](size_t first, size_t end) {
    if (end - first < kMinCount)
      return;
    size_t begin = run.begin + first * run.length, next = begin + run.length;
    size_t behind = run.begin + end * run.length;
    for (size_t i = begin; i < next; ++i)
      if (last[behind - next + i] >= behind && last[i] < next)
        return;
    periods.push_back({begin, run.length, end - first});
  };
  size_t first = 0;
  for (size_t layer = 0; layer < run.count; ++layer) {
    size_t begin = run.begin + layer * run.length;
    bool isReadByNext =
        llvm::all_of(last.slice(begin, run.length), [&](size_t reader) {
          return reader < begin + 2 * run.length;
        });
    if (isReadByNext && layer + 1 < run.count)
      continue;
    add(first, layer + 1);
    if (!isReadByNext)
      add(first, layer);
    first = layer + 1;
  }
}

/// Adds a run and those that begin up to `more` operations later: all of them,
/// if that many are looked at in no time, else the first and the last. What is
/// in front of layers is seldom like a part of one, so that the last is where
/// the first whole layer begins.
static void addBegins(Period run, size_t more, ArrayRef<size_t> last,
                      SmallVectorImpl<Period> &periods) {
  constexpr size_t kMaxOperations = 1 << 18;
  size_t operations = run.length * run.count * (more + 1);
  for (size_t offset = 0; offset <= more; ++offset)
    if (operations <= kMaxOperations || offset == 0 || offset == more)
      addReadByNext({run.begin + offset, run.length, run.count}, last, periods);
}

SmallVector<Period> moe::findPeriods(ArrayRef<Operation *> operations) {
  // The time of the search is the product of the length of the program and that
  // of the longest layer.
  constexpr size_t kMaxLength = 1024;
  SmallVector<llvm::hash_code> hashes = llvm::map_to_vector(operations, hashOf);
  SmallVector<size_t> last = findLastReaders(operations);
  SmallVector<Period> periods;
  size_t size = operations.size();
  for (size_t length = 1; length <= std::min(kMaxLength, size / kMinCount);
       ++length) {
    size_t run = 0;
    for (size_t i = length; i <= size; ++i) {
      if (i < size && hashes[i] == hashes[i - length]) {
        ++run;
        continue;
      }
      size_t count = run / length + 1, begin = i - length - run;
      if (count >= kMinCount &&
          llvm::any_of(operations.slice(begin, length), isLayerWork))
        addBegins({begin, length, count}, run % length, last, periods);
      run = 0;
    }
  }
  llvm::sort(periods, [](const Period &a, const Period &b) {
    size_t covered = a.length * a.count, others = b.length * b.count;
    return std::tie(others, a.length, a.begin) <
           std::tie(covered, b.length, b.begin);
  });
  return periods;
}
