//===- MoEToSCF.cpp - The pass moe-convert-to-scf -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Leaves the dialect: after this pass no operation, type or attribute of it is
// left but the declarations of parameters and what reads them.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "SwitchToIf.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/RowIndependence.h"
#include "moe/Conversion/Passes.h"
#include "moe/Conversion/RuntimeSymbols.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTMOETOSCFPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static void eraseUnusedDeclarations(ModuleOp module) {
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function.getName().starts_with("moe_rt_") && function.isDeclaration() &&
        SymbolTable::symbolKnownUseEmpty(function, module))
      function.erase();
}

LogicalResult mlir::moe::leaveDialect(ModuleOp module, TypeConverter &converter,
                                      RewritePatternSet &&patterns) {
  ConversionTarget target(*module.getContext());
  target.addIllegalDialect<MoEDialect>();
  // Functions of bodies are called as before.
  target.addLegalOp<ParametersOp, ParameterOp, CallOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  if (failed(applyPartialConversion(module, target, std::move(patterns))))
    return failure();
  eraseUnusedDeclarations(module);
  convertSwitchesToIf(module);
  // Nobody asks any more whether an assertion is a check of an access.
  module.walk([](cf::AssertOp op) { op->removeAttr(kGuardAttrName); });
  return success();
}

namespace {
struct ConvertMoEToSCFPass
    : moe::impl::ConvertMoEToSCFPassBase<ConvertMoEToSCFPass> {
  using Base::Base;

  void runOnOperation() final {
    ModuleOp module = getOperation();
    declareRuntime(module);
    TypeConverter converter;
    addRoutingConversion(converter);
    RewritePatternSet patterns(&getContext());
    populateRoutingToSCFPatterns(converter, patterns);
    populateDispatchToSCFPatterns(converter, patterns);
    populateCombineToSCFPatterns(converter, patterns);
    populateRouteAllPatterns(converter, patterns, /*withSlots=*/false);
    populateRowsAndPickToSCFPatterns(converter, patterns);

    if (failed(leaveDialect(module, converter, std::move(patterns))))
      signalPassFailure();
  }

  static void declareRuntime(ModuleOp module) {
    if (module.lookupSymbol(threadsFunction))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    func::FuncOp::create(b, module.getLoc(), threadsFunction,
                         b.getFunctionType({}, b.getI64Type()))
        .setPrivate();
  }
};
} // namespace
