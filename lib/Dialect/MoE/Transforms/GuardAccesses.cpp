//===- GuardAccesses.cpp - Check accesses while running ---------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes a model that nobody vouches for safe to run: whatever its data, it
// reads and writes its own tensors, or fails. Upstream's
// generate-runtime-verification is not used: it accepts slices of negative
// size, trusts products that wrap around, skips structured operations with an
// empty loop, knows neither insert_slice nor expand_shape nor sizes of new
// tensors, and writes the operation into the message.
//
//===----------------------------------------------------------------------===//

#include "AccessChecks.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/DialectConversion.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

namespace mlir::moe {
#define GEN_PASS_DEF_GUARDACCESSESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

/// Arithmetic that is written as an affine map becomes ordinary operations,
/// which can be checked; a value that does not matter becomes zero.
static LogicalResult exposeIndexArithmetic(Operation *root) {
  ConversionTarget target(*root->getContext());
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addIllegalOp<affine::AffineApplyOp, affine::AffineMinOp,
                      affine::AffineMaxOp>();
  RewritePatternSet patterns(root->getContext());
  populateAffineToStdConversionPatterns(patterns);
  if (failed(applyPartialConversion(root, target, std::move(patterns))))
    return failure();
  root->walk([](ub::PoisonOp op) {
    OpBuilder b(op);
    if (TypedAttr zero = b.getZeroAttr(op.getType())) {
      op.replaceAllUsesWith(
          arith::ConstantOp::create(b, op.getLoc(), zero).getResult());
      op.erase();
    }
  });
  return success();
}

/// Elementwise operations on tensors that are undefined for some elements
/// become loops, in which an element can be checked.
static LogicalResult exposeTensorArithmetic(Operation *root) {
  auto mustExpose = [](Operation *op) {
    return OpTrait::hasElementwiseMappableTraits(op) &&
           llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>) &&
           hasUndefinedCases(op);
  };
  ConversionTarget target(*root->getContext());
  target.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return !mustExpose(op); });
  RewritePatternSet patterns(root->getContext());
  linalg::populateElementwiseToLinalgConversionPatterns(patterns);
  return applyPartialConversion(root, target, std::move(patterns));
}

/// Whether an operation has its body from its name. The text of such an
/// operation may still hold any body.
static bool isNamed(linalg::LinalgOp op) {
  return !isa<linalg::GenericOp, linalg::MapOp, linalg::ReduceOp>(op);
}

static bool needsChecks(Operation *op) {
  return hasUndefinedCases(op) ||
         !isa<arith::ArithDialect, math::MathDialect, linalg::LinalgDialect>(
             op->getDialect());
}

/// Named operations with something to check become ones that may be written
/// into.
static LogicalResult exposeNamedBodies(Operation *root) {
  SmallVector<linalg::LinalgOp> named;
  root->walk([&](linalg::LinalgOp op) {
    WalkResult walk = op.getBlock()->walk([](Operation *nested) {
      return needsChecks(nested) ? WalkResult::interrupt()
                                 : WalkResult::advance();
    });
    if (isNamed(op) && walk.wasInterrupted())
      named.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op->emitOpError("has a body that cannot be checked");
  }
  return success();
}

/// moe.pick and moe.parameter take a number that must be below a count.
static void checkNumbers(Operation *op) {
  AccessChecks checks(op);
  if (auto pick = dyn_cast<PickOp>(op))
    checks.requireBelow(pick.getNumber(),
                        checks.b.getIndexAttr(pick.getTensors().size()),
                        "number of a tensor is out of range");
  auto parameter = dyn_cast<ParameterOp>(op);
  if (!parameter)
    return;
  auto family = SymbolTable::lookupNearestSymbolFrom<ParametersOp>(
      op, parameter.getParametersAttr());
  for (auto [number, count] :
       llvm::zip_equal(parameter.getNumbers(), family.getCounts()))
    checks.requireBelow(number, checks.b.getIndexAttr(count),
                        "number of a parameter is out of range");
}

namespace {
struct GuardAccessesPass : moe::impl::GuardAccessesPassBase<GuardAccessesPass> {
  using Base::Base;

  void runOnOperation() final {
    if (numbersOnly) {
      getOperation()->walk(checkNumbers);
      return;
    }
    if (failed(exposeIndexArithmetic(getOperation())) ||
        failed(exposeTensorArithmetic(getOperation())) ||
        failed(exposeNamedBodies(getOperation())))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      dropPromises(op);
      if (op != getOperation())
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(guard(op)))
        return signalPassFailure();
    // Sizes that turned out to be known to agree.
    getOperation()->walk<WalkOrder::PostOrder, ReverseIterator>(
        [](Operation *op) {
          if (isOpTriviallyDead(op))
            op->erase();
        });
  }

  LogicalResult guard(Operation *op) {
    auto around = op->getParentOfType<linalg::LinalgOp>();
    if (around && isNamed(around))
      return success();
    if (auto structured = dyn_cast<linalg::LinalgOp>(op))
      return checkStructuredAccesses(structured);
    if (failed(checkTensorAccesses(op)))
      return failure();
    checkNumbers(op);
    checkArithmetic(op);
    return success();
  }
};
} // namespace
