//===- Captures.cpp - What a region takes from outside -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Captures.h.
//
//===----------------------------------------------------------------------===//

#include "Captures.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::moe;

SmallVector<Value> mlir::moe::isolate(RewriterBase &rewriter, Region &region) {
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(region, used);
  OpBuilder::InsertionGuard guard(rewriter);
  SmallVector<Value> captured;
  for (Value value : used) {
    Operation *op = value.getDefiningOp();
    bool repeat = op && (op->hasTrait<OpTrait::ConstantLike>() ||
                         isa<memref::GetGlobalOp>(op));
    if (!repeat) {
      captured.push_back(value);
      replaceAllUsesInRegionWith(
          value, region.addArgument(value.getType(), value.getLoc()), region);
      continue;
    }
    rewriter.setInsertionPointToStart(&region.front());
    replaceAllUsesInRegionWith(value, rewriter.clone(*op)->getResult(0),
                               region);
  }
  return captured;
}
