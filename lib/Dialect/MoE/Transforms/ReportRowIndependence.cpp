//===- ReportRowIndependence.cpp - Say which experts are row-wise ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reports the result of the analysis of rows for each expert body, at the
// operation that decides.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/RowIndependence.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

namespace mlir::moe {
#define GEN_PASS_DEF_REPORTROWINDEPENDENCEPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

namespace {
struct ReportRowIndependencePass
    : moe::impl::ReportRowIndependencePassBase<ReportRowIndependencePass> {
  void runOnOperation() final {
    getOperation()->walk([](DispatchOp dispatch) {
      for (Region &body : dispatch.getExperts()) {
        RowIndependence rows = analyzeRowIndependence(dispatch, body);
        if (rows.rowWise)
          dispatch.emitRemark("expert body is row-wise");
        else
          rows.blocker->emitRemark("expert body is not row-wise: ")
              << rows.reason;
      }
    });
    markAllAnalysesPreserved();
  }
};
} // namespace
