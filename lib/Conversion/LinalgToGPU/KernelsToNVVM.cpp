//===- KernelsToNVVM.cpp - Kernels in the nvvm dialect --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's patterns, but for mathematics: they call a library that comes with
// the CUDA toolkit, where there are instructions as well, and PTX that is to be
// loaded without a toolkit must stand alone.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "moe/Conversion/Passes.h"
#include "llvm/TargetParser/Triple.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTKERNELSTONVVMPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Whether PTX has an instruction, or a few, for the function.
static bool hasInstruction(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp,
             math::CtPopOp, math::FloorOp, math::FmaOp, math::IsFiniteOp,
             math::IsInfOp, math::IsNaNOp, math::IsNormalOp, math::SqrtOp,
             math::TruncOp>(op);
}

namespace {
/// A division that may be approximate is a product with an approximate
/// reciprocal: PTX's own scales very large divisors, for whose quotients a few
/// units in the last place of zero are no loss.
struct MultiplyByReciprocal : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const final {
    if (!op.getType().isF32() ||
        !arith::bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::afn))
      return failure();
    auto reciprocal = NVVM::RcpApproxFtzF32Op::create(
        rewriter, op.getLoc(), op.getType(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), reciprocal);
    return success();
  }
};

struct ConvertKernelsToNVVMPass
    : moe::impl::ConvertKernelsToNVVMPassBase<ConvertKernelsToNVVMPass> {
  using Base::Base;

  void runOnOperation() final {
    MLIRContext *context = &getContext();
    if (failed(checkCode()))
      return signalPassFailure();
    RewritePatternSet inDialect(context);
    populateGpuRewritePatterns(inDialect);
    inDialect.add<MultiplyByReciprocal>(context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(inDialect))))
      return signalPassFailure();

    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(64);
    LLVMTypeConverter converter(context, options);
    configureGpuToNVVMTypeConverter(converter);
    RewritePatternSet patterns(context);
    populateMathToLLVMConversionPatterns(
        converter, patterns, /*approximateLog1p=*/false, /*benefit=*/20);
    populateGpuToNVVMConversionPatterns(converter, patterns, /*benefit=*/10);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);

    LLVMConversionTarget target(*context);
    configureGpuToNVVMConversionLegality(target);
    target.addLegalOp<LLVM::CopySignOp, LLVM::FAbsOp, LLVM::FCeilOp,
                      LLVM::FFloorOp, LLVM::FMAOp, LLVM::FTruncOp,
                      LLVM::SqrtOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();
    // Without it LLVM takes 64 bits for aligned to 32, and loads them by
    // halves.
    std::string layout =
        llvm::Triple(NVVM::NVVMTargetAttr::get(context).getTriple())
            .computeDataLayout();
    getOperation()->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(),
                            StringAttr::get(context, layout));
  }

  LogicalResult checkCode() {
    WalkResult result = getOperation().walk([](Operation *op) -> WalkResult {
      if (isa<memref::AllocOp>(op))
        return op->emitError("a tensor is made here for each element of "
                             "another, and a kernel has no memory for that");
      if (!isa<math::MathDialect>(op->getDialect()) || hasInstruction(op))
        return WalkResult::advance();
      return op->emitError("'")
             << op->getName() << "' of " << op->getResult(0).getType()
             << " has no code for a GPU";
    });
    return failure(result.wasInterrupted());
  }
};
} // namespace
