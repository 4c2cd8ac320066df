//===- OutlineExperts.cpp - Bodies of experts as functions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On tensors, so that a body is a function in whatever is printed, and is
// bufferized by itself: the time that takes grows with more than the number of
// operations of a function. Upstream's analysis goes from callees to callers,
// and knows what a call reads and what it writes in place.
//
//===----------------------------------------------------------------------===//

#include "Captures.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "moe/Conversion/BodyNames.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {
#define GEN_PASS_DEF_OUTLINEEXPERTSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Where each result of the region is put: the destinations of what it yields.
static FailureOr<SmallVector<Value>> destinationsOf(scf::ExecuteRegionOp op) {
  SmallVector<Value> destinations;
  for (Value yielded : op.getRegion().front().getTerminator()->getOperands()) {
    auto put =
        yielded.getDefiningOp<bufferization::MaterializeInDestinationOp>();
    if (!put || op.getRegion().isAncestor(put.getDest().getParentRegion()))
      return op.emitError("expects to yield what is materialized in a tensor "
                          "from outside");
    destinations.push_back(put.getDest());
  }
  return destinations;
}

namespace {
struct OutlineExpertsPass
    : moe::impl::OutlineExpertsPassBase<OutlineExpertsPass> {
  using Base::Base;

  void runOnOperation() final {
    SymbolTable symbols(getOperation());
    SmallVector<scf::ExecuteRegionOp> regions;
    // Innermost first: what is captured by a nested one is captured by its
    // parent.
    getOperation().walk([&](scf::ExecuteRegionOp op) {
      if (op.getNoInline())
        regions.push_back(op);
    });
    for (scf::ExecuteRegionOp op : regions)
      if (failed(outline(op, symbols)))
        return signalPassFailure();
  }

  LogicalResult outline(scf::ExecuteRegionOp op, SymbolTable &symbols) {
    if (!llvm::hasSingleElement(op.getRegion()))
      return op.emitError("expects a region of one block to outline");
    auto name = op->getAttrOfType<StringAttr>(bodyNameAttr);
    if (!name || name.empty())
      return op.emitError("expects ")
             << bodyNameAttr << " to be the name of a function";
    FailureOr<SmallVector<Value>> destinations = destinationsOf(op);
    if (failed(destinations))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), op);
    IRRewriter rewriter(b);
    SmallVector<Value> inputs =
        isolate(rewriter, op.getRegion(), *destinations);
    SmallVector<Type> types = llvm::to_vector(
        ValueRange(op.getRegion().front().getArguments()).getTypes());
    auto function = func::FuncOp::create(
        op.getLoc(), name, b.getFunctionType(types, op.getResultTypes()));
    function.setPrivate();
    function.getBody().takeBody(op.getRegion());
    // Whatever is given to a call is read alone.
    for (size_t i = 0; i < inputs.size(); ++i)
      if (isa<TensorType>(types[i]))
        function.setArgAttr(
            i, bufferization::BufferizationDialect::kWritableAttrName,
            b.getBoolAttr(false));
    symbols.insert(function);
    Operation *yield = function.getBody().front().getTerminator();
    b.setInsertionPoint(yield);
    // The destinations are arguments now.
    SmallVector<Value> results;
    SmallVector<Operation *> puts;
    for (Value yielded : yield->getOperands()) {
      auto put =
          yielded.getDefiningOp<bufferization::MaterializeInDestinationOp>();
      results.push_back(put.getSource());
      puts.push_back(put);
    }
    func::ReturnOp::create(b, results);
    yield->erase();
    for (Operation *put : puts)
      put->erase();
    b.setInsertionPoint(op);
    auto call = CallOp::create(b, op.getResultTypes(), function.getName(),
                               inputs, *destinations);
    op.replaceAllUsesWith(call.getResults());
    op.erase();
    return success();
  }
};
} // namespace
