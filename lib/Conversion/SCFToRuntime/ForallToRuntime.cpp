//===- ForallToRuntime.cpp - Parallel loops through the runtime -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's way to OpenMP has a static schedule only, and tiles of experts are
// of unequal size. What the body captures travels in a struct on the stack.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/Transforms/Captures.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTFORALLTORUNTIMEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static Value castTo(ImplicitLocOpBuilder &b, Type type, Value value) {
  if (value.getType() == type)
    return value;
  return UnrealizedConversionCastOp::create(b, type, value).getResult(0);
}

namespace {
struct ConvertForallToRuntimePass
    : moe::impl::ConvertForallToRuntimePassBase<ConvertForallToRuntimePass> {
  using Base::Base;

  void runOnOperation() final {
    SymbolTable symbols(getOperation());
    LLVMTypeConverter converter(&getContext());
    SmallVector<scf::ForallOp> loops;
    // Innermost first: a nested loop is a call when its parent is outlined.
    getOperation().walk([&](scf::ForallOp loop) { loops.push_back(loop); });
    for (scf::ForallOp loop : loops)
      if (failed(convert(loop, symbols, converter)))
        return signalPassFailure();
  }

  LogicalResult convert(scf::ForallOp loop, SymbolTable &symbols,
                        LLVMTypeConverter &converter) {
    if (loop.getNumResults() != 0)
      return loop.emitError("expects a loop in buffers, without results");
    if (loop.getRank() != 1 || !loop.isNormalized())
      return loop.emitError(
          "expects a loop over one dimension, from 0 with step 1");
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());

    // The body as a function (index, captured values).
    auto parent = loop->getParentOfType<func::FuncOp>();
    auto function = func::FuncOp::create(
        loop.getLoc(), ("tile_of_" + parent.getName()).str(),
        b.getFunctionType({b.getI64Type(), pointer}, {}));
    function.setPrivate();
    // Compiled together with the function that it was a part of.
    function->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
    Block *entry = function.addEntryBlock();
    Region &body = loop.getRegion();
    IRRewriter rewriter(b);
    SmallVector<Value> captured = isolate(rewriter, body);
    SmallVector<Type> fields;
    if (failed(converter.convertTypes(ValueRange(captured).getTypes(), fields)))
      return loop.emitError("captures a value that has no machine type");
    auto record = LLVM::LLVMStructType::getLiteral(&getContext(), fields);

    b.setInsertionPointToStart(entry);
    Block *block = &body.front();
    SmallVector<Value> arguments{
        arith::IndexCastOp::create(b, b.getIndexType(), entry->getArgument(0))};
    for (auto [index, value] : llvm::enumerate(captured)) {
      Value address = LLVM::GEPOp::create(
          b, pointer, record, entry->getArgument(1),
          ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(index)});
      Value field = LLVM::LoadOp::create(b, fields[index], address);
      arguments.push_back(castTo(b, value.getType(), field));
    }
    rewriter.eraseOp(block->getTerminator());
    rewriter.inlineBlockBefore(block, entry, entry->end(), arguments);
    b.setInsertionPointToEnd(entry);
    func::ReturnOp::create(b);
    symbols.insert(function);

    return callRuntime(loop, function, record, captured, fields);
  }

  LogicalResult callRuntime(scf::ForallOp loop, func::FuncOp function,
                            LLVM::LLVMStructType record, ValueRange captured,
                            ArrayRef<Type> fields) {
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    FailureOr<LLVM::LLVMFuncOp> parallelFor =
        LLVM::lookupOrCreateFn(b, getOperation(), "moe_rt_parallel_for",
                               {pointer, pointer, b.getI64Type()},
                               LLVM::LLVMVoidType::get(&getContext()));
    if (failed(parallelFor))
      return failure();
    // The record lives where the loop runs: a loop within this one is part of
    // a body that several threads run at once, each with a record of its own.
    // It is given back right after, so that a loop around does not let the
    // stack grow.
    Value stack = LLVM::StackSaveOp::create(b, pointer);
    Value one =
        LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(1));
    Value space = LLVM::AllocaOp::create(b, pointer, record, one);
    for (auto [index, value] : llvm::enumerate(captured)) {
      Value address = LLVM::GEPOp::create(
          b, pointer, record, space,
          ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(index)});
      LLVM::StoreOp::create(b, castTo(b, fields[index], value), address);
    }
    Value callee =
        func::ConstantOp::create(b, function.getFunctionType(),
                                 SymbolRefAttr::get(function.getSymNameAttr()));
    Value count = getValueOrCreateConstantIndexOp(
        b, b.getLoc(), loop.getMixedUpperBound().front());
    LLVM::CallOp::create(
        b, *parallelFor,
        ValueRange{castTo(b, pointer, callee), space,
                   arith::IndexCastOp::create(b, b.getI64Type(), count)});
    LLVM::StackRestoreOp::create(b, stack);
    loop.erase();
    return success();
  }
};
} // namespace
