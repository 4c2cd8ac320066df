//===- CheckRegisters.cpp - Registers that wgmma still writes -------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The results of a wgmma are in its registers once a wait has covered its
// group. The emulator computes them at once, and values do not say when they
// are read, so what it cannot see while a kernel runs is looked for in the
// code: a path from a wgmma to a use of its result without such a wait.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::moe;

/// The operations that use the result for something else than another wgmma,
/// wherever branches take it.
static llvm::DenseSet<Operation *> readersOf(Value result) {
  llvm::DenseSet<Operation *> readers;
  llvm::SmallSetVector<Value, 8> values;
  values.insert(result);
  for (size_t i = 0; i < values.size(); ++i)
    for (OpOperand &use : values[i].getUses()) {
      if (auto branch = dyn_cast<BranchOpInterface>(use.getOwner())) {
        if (auto argument =
                branch.getSuccessorBlockArgument(use.getOperandNumber()))
          values.insert(*argument);
      } else if (!isa<NVVM::WgmmaMmaAsyncOp>(use.getOwner())) {
        readers.insert(use.getOwner());
      }
    }
  return readers;
}

/// The first reader that a path from `multiply` reaches while its group may be
/// under way, or null.
static Operation *findEarlyReader(NVVM::WgmmaMmaAsyncOp multiply) {
  llvm::DenseSet<Operation *> readers = readersOf(multiply.getResults());
  // More groups than any wait lets be under way.
  constexpr int64_t many = 8;
  llvm::DenseSet<std::pair<Block *, int64_t>> seen;
  SmallVector<std::pair<Block::iterator, int64_t>> todo;
  todo.emplace_back(std::next(Block::iterator(multiply)), 0);
  while (!todo.empty()) {
    // How many groups were committed since, its own the first.
    auto [at, groups] = todo.pop_back_val();
    for (;; ++at) {
      Operation *op = &*at;
      if (op == multiply)
        break;
      if (readers.contains(op))
        return op;
      if (isa<NVVM::WgmmaGroupSyncAlignedOp>(op))
        groups = std::min(groups + 1, many);
      auto wait = dyn_cast<NVVM::WgmmaWaitGroupSyncOp>(op);
      if (wait && groups > static_cast<int64_t>(wait.getGroup()))
        break;
      if (!op->hasTrait<OpTrait::IsTerminator>())
        continue;
      for (Block *next : op->getSuccessors())
        if (seen.insert({next, groups}).second)
          todo.emplace_back(next->begin(), groups);
      break;
    }
  }
  return nullptr;
}

LogicalResult mlir::moe::checkWarpgroupRegisters(LLVM::LLVMFuncOp kernel) {
  WalkResult walk = kernel.walk([](NVVM::WgmmaMmaAsyncOp multiply) {
    Operation *reader = findEarlyReader(multiply);
    if (!reader)
      return WalkResult::advance();
    auto kernel = multiply->getParentOfType<LLVM::LLVMFuncOp>();
    reader->emitError("kernel ")
        << kernel.getName()
        << ": reads registers of a wgmma that no wgmma.wait_group has waited "
           "for";
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}
