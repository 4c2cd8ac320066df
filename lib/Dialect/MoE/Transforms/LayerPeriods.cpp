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

static bool isLayerWork(Operation *op) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  return isa<DispatchOp>(op) ||
         (structured && structured.getNumReductionLoops() > 0 &&
          structured.getNumDpsInputs() > 1);
}

/// Adds a run and those that begin up to `more` operations later: all of them,
/// if that many are looked at in no time, else the first and the last. What is
/// in front of layers is seldom like a part of one, so that the last is where
/// the first whole layer begins.
static void addBegins(Period period, size_t more,
                      SmallVectorImpl<Period> &periods) {
  constexpr size_t kMaxOperations = 1 << 18;
  size_t operations = period.length * period.count * (more + 1);
  for (size_t offset = 0; offset <= more; ++offset)
    if (operations <= kMaxOperations || offset == 0 || offset == more)
      periods.push_back({period.begin + offset, period.length, period.count});
}

SmallVector<Period> moe::findPeriods(ArrayRef<Operation *> operations) {
  // The first layer may look otherwise. The time of the search is the product
  // of the length of the program and that of the longest layer.
  constexpr size_t kMinCount = 3, kMaxLength = 1024;
  SmallVector<llvm::hash_code> hashes = llvm::map_to_vector(operations, hashOf);
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
        addBegins({begin, length, count}, run % length, periods);
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
