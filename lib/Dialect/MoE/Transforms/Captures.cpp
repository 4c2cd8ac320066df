//===- Captures.cpp - What a region takes from outside -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Captures.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Captures.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::moe;

/// Whether `op` costs nothing in another place: it computes no number.
static bool isRepeatable(Operation *op) {
  if (isa<memref::GetGlobalOp>(op))
    return true;
  if (op->getNumRegions() || !isPure(op))
    return false;
  // Without an operand it is a weight.
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<tensor::EmptyOp, tensor::ExtractSliceOp>(op) ||
         (op->getNumOperands() == 0 && op->getNumResults() == 1);
}

void mlir::moe::copyIntoRegion(RewriterBase &rewriter, Region &region) {
  OpBuilder::InsertionGuard guard(rewriter);
  llvm::SetVector<Value> used;
  // What is repeated may use values from above; these are put at the start in
  // turn, in front of it.
  for (bool changed = true; changed;) {
    changed = false;
    used.clear();
    getUsedValuesDefinedAbove(region, used);
    for (Value value : used) {
      Operation *op = value.getDefiningOp();
      if (!op || !isRepeatable(op))
        continue;
      rewriter.setInsertionPointToStart(&region.front());
      Operation *repeated = rewriter.clone(*op);
      for (auto [from, to] :
           llvm::zip_equal(op->getResults(), repeated->getResults()))
        replaceAllUsesInRegionWith(from, to, region);
      changed = true;
    }
  }
}

SmallVector<Value> mlir::moe::isolate(RewriterBase &rewriter, Region &region) {
  copyIntoRegion(rewriter, region);
  SetVector<Value> used;
  getUsedValuesDefinedAbove(region, used);
  for (Value value : used)
    replaceAllUsesInRegionWith(
        value, region.addArgument(value.getType(), value.getLoc()), region);
  return used.takeVector();
}
