//===- AnnotateDispatches.cpp - Number dispatches, prove rows -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What later passes need to know of a dispatch is found out here, before checks
// and counters are added to the bodies.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "moe/Analysis/RowIndependence.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_ANNOTATEDISPATCHESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct AnnotateDispatchesPass
    : moe::impl::AnnotateDispatchesPassBase<AnnotateDispatchesPass> {
  using Base::Base;

  void runOnOperation() final {
    Builder b(&getContext());
    int64_t number = 0;
    getOperation().walk<WalkOrder::PreOrder>([&](DispatchOp op) {
      op->setAttr(dispatchNumberAttr, b.getI64IntegerAttr(number++));
      SmallVector<bool> rowWise;
      for (Region &region : op.getExperts())
        rowWise.push_back(judge(op, region));
      op->setAttr(rowWiseAttr, b.getDenseBoolArrayAttr(rowWise));
      if (counters)
        op->setAttr(countedAttr, b.getUnitAttr());
    });
    if (counters)
      countDispatches(getOperation());
  }

  bool judge(DispatchOp op, Region &region) {
    RowIndependence rows = analyzeRowIndependence(op, region);
    if (!rows.rowWise)
      remark::missed(
          rows.blocker ? rows.blocker->getLoc() : op.getLoc(),
          remark::RemarkOpts::name("RowsNotSplit").category(getArgument()))
          << remark::reason("{0}", rows.reason);
    return rows.rowWise;
  }
};
} // namespace
