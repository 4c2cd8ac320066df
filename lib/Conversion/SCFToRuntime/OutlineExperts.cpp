//===- OutlineExperts.cpp - Bodies of experts as functions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outlined on tensors, every call would copy the rows, the destination and the
// weights; in buffers it costs nothing.
//
//===----------------------------------------------------------------------===//

#include "Captures.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_OUTLINEEXPERTSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// The name that moe-name-bodies has put into the location of `op`, or a
/// general one.
static StringRef outlinedName(Operation *op) {
  StringRef name = "outlined";
  op->getLoc()->walk([&](Location part) {
    auto fused = dyn_cast<FusedLoc>(part);
    auto found =
        fused ? dyn_cast_or_null<StringAttr>(fused.getMetadata()) : nullptr;
    if (!found)
      return WalkResult::advance();
    name = found;
    return WalkResult::interrupt();
  });
  return name;
}

/// Results that the region merely passes on are the values themselves.
static void forwardCapturedResults(scf::ExecuteRegionOp op) {
  auto yield = cast<scf::YieldOp>(op.getRegion().back().getTerminator());
  for (auto [result, value] : llvm::zip(op.getResults(), yield.getOperands()))
    if (!op.getRegion().isAncestor(value.getParentRegion()))
      result.replaceAllUsesWith(value);
}

/// Gives the vectors among `operands` to the entry block of `op` in memory. The
/// stub through which a function is called for the first time keeps of each
/// vector register only the low 128 bits while the function is compiled, so
/// that no argument may be in one.
static void passVectorsInMemory(ImplicitLocOpBuilder &b,
                                scf::ExecuteRegionOp op,
                                MutableArrayRef<Value> operands) {
  if (llvm::none_of(ValueRange(operands).getTypes(), llvm::IsaPred<VectorType>))
    return;
  // In a loop, memory of the stack would pile up.
  auto scope = memref::AllocaScopeOp::create(b, op.getResultTypes());
  op.replaceAllUsesWith(scope.getResults());
  Block &body = scope.getBodyRegion().emplaceBlock();
  op->moveBefore(&body, body.end());
  b.setInsertionPointToEnd(&body);
  memref::AllocaScopeReturnOp::create(b, op.getResults());
  b.setInsertionPoint(op);
  Block &entry = op.getRegion().front();
  auto inside = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), &entry);
  for (auto [argument, operand] : llvm::zip(entry.getArguments(), operands)) {
    auto vector = dyn_cast<VectorType>(argument.getType());
    if (!vector)
      continue;
    auto place = memref::AllocaOp::create(b, MemRefType::get({}, vector));
    memref::StoreOp::create(b, operand, place);
    operand = place;
    argument.setType(place.getType());
    auto load = memref::LoadOp::create(inside, argument);
    argument.replaceAllUsesExcept(load, load);
  }
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
    forwardCapturedResults(op);
    ImplicitLocOpBuilder b(op.getLoc(), op);
    IRRewriter rewriter(b);
    SmallVector<Value> captured = isolate(rewriter, op.getRegion());
    passVectorsInMemory(b, op, captured);
    auto type =
        b.getFunctionType(ValueRange(captured).getTypes(), op.getResultTypes());
    auto function = func::FuncOp::create(op.getLoc(), outlinedName(op), type);
    function.setPrivate();
    function.getBody().takeBody(op.getRegion());
    symbols.insert(function);
    Operation *yield = function.getBody().front().getTerminator();
    b.setInsertionPoint(yield);
    func::ReturnOp::create(b, yield->getOperands());
    yield->erase();
    b.setInsertionPoint(op);
    auto call = func::CallOp::create(b, function, captured);
    op.replaceAllUsesWith(call.getResults());
    op.erase();
    return success();
  }
};
} // namespace
