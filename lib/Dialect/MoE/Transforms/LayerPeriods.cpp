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

SmallVector<Period> moe::findPeriods(ArrayRef<Operation *> operations) {
  // Fewer layers compile in no time. The time of the search is the product of
  // the length of the program and that of the longest layer.
  constexpr size_t kMinCount = 4, kMaxLength = 1024, kMaxBegins = 64;
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
        for (size_t offset = 0; offset <= std::min(run % length, kMaxBegins);
             ++offset)
          periods.push_back({begin + offset, length, count});
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
