//===- LayerPeriods.h - Where operations repeat -----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which runs of operations in a block look the same several times in a row,
// whatever they read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERPERIODS_H
#define MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERPERIODS_H

#include "mlir/IR/Operation.h"

namespace mlir::moe {

/// `count` runs of `length` operations, one behind the other.
struct Period {
  size_t begin, length, count;
};

/// Whether an operation costs nothing to do again, and may stand anywhere:
/// constants, weights, sizes, and tensors without contents or of one number.
bool isCheap(Operation *op);

/// The operations of a block that are not cheap, in their order.
SmallVector<Operation *> getPeriodic(Block &block);

/// Runs that may be worth being a loop: at least three, each with an expert or
/// a contraction. Those that cover most operations first; of the same length
/// and count, those that begin elsewhere are next to each other.
SmallVector<Period> findPeriods(ArrayRef<Operation *> operations);

} // namespace mlir::moe

#endif // MOE_LIB_DIALECT_MOE_TRANSFORMS_LAYERPERIODS_H
