//===- OutlineExperts.cpp - Bodies of experts as functions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Unlike experts are a family whose body chooses a function by the expert's
// number, so that there is one way down for both. On tensors, so that a body is
// a function in whatever is printed, and is bufferized by itself: the time that
// takes grows with more than the number of operations of a function.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Captures.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Dialect/MoE/Transforms/Rows.h"

namespace mlir::moe {
#define GEN_PASS_DEF_OUTLINEEXPERTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Makes a family of one dispatch.
class Outlining {
public:
  Outlining(DispatchOp op, SymbolTable &symbols, IRRewriter &rewriter)
      : op(op), symbols(symbols), rewriter(rewriter), b(op.getLoc(), rewriter) {
    b.setInsertionPoint(op);
    takesWeights = llvm::any_of(op.getExperts(), [&](Region &region) {
      return op.getWeightsArgument(region) != Value();
    });
  }

  void rewrite();

private:
  /// Of the arguments of `region`, of what bodies capture, and of destinations
  /// of its results.
  func::FuncOp makeFunction(Region &region);
  void returnInDestinations(Region &region);

  DispatchOp op;
  SymbolTable &symbols;
  IRRewriter &rewriter;
  ImplicitLocOpBuilder b;
  bool takesWeights;
  /// What any of the bodies captures.
  SetVector<Value> captures;
};

} // namespace

/// The last arguments become destinations, where the results are put.
void Outlining::returnInDestinations(Region &region) {
  Block &block = region.front();
  Operation *yield = block.getTerminator();
  b.setInsertionPoint(yield);
  SmallVector<Value> results;
  for (Value yielded : yield->getOperands()) {
    Value out = block.addArgument(yielded.getType(), yielded.getLoc());
    if (!isRowWise(op, region))
      checkYieldedRows(b, yielded, numRows(b, out));
    // As a whole: what computes them is then seen to compute them there.
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), out);
    SmallVector<OpFoldResult> zeros(sizes.size(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(sizes.size(), b.getIndexAttr(1));
    results.push_back(
        tensor::InsertSliceOp::create(b, yielded, out, zeros, sizes, ones));
  }
  func::ReturnOp::create(b, results);
  rewriter.eraseOp(yield);
}

func::FuncOp Outlining::makeFunction(Region &region) {
  std::string name = (expertPrefix + Twine(getDispatchNumber(op)) + "_" +
                      Twine(region.getRegionNumber()))
                         .str();
  for (Value capture : captures)
    replaceAllUsesInRegionWith(
        capture, region.addArgument(capture.getType(), capture.getLoc()),
        region);
  size_t inputs = region.getNumArguments();
  returnInDestinations(region);
  b.setInsertionPoint(op);
  SmallVector<Type> types = llvm::to_vector(region.getArgumentTypes());
  auto function = func::FuncOp::create(
      op.getLoc(), name, b.getFunctionType(types, op.getResultTypes()));
  function.setPrivate();
  function.getBody().takeBody(region);
  // Whatever is given to a call is read alone.
  for (size_t i = 0; i < inputs; ++i)
    if (isa<TensorType>(types[i]))
      function.setArgAttr(
          i, bufferization::BufferizationDialect::kWritableAttrName,
          b.getBoolAttr(false));
  symbols.insert(function);
  return function;
}

void Outlining::rewrite() {
  SmallVector<Value> tokens = op.getTokens();
  // The rows of an expert are as many as those of a token operand.
  bool needsRows = tokens.empty();
  if (needsRows) {
    Value number = NumTokensOp::create(b, op.getRouting());
    tokens.push_back(tensor::EmptyOp::create(b, ArrayRef<OpFoldResult>{number},
                                             b.getI1Type()));
  }
  auto weights = RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type());
  for (Region &region : op.getExperts()) {
    if (takesWeights && !op.getWeightsArgument(region))
      region.addArgument(weights, op.getLoc());
    copyIntoRegion(rewriter, region);
    getUsedValuesDefinedAbove(region, captures);
  }
  SmallVector<Attribute> functions;
  for (Region &region : op.getExperts())
    functions.push_back(FlatSymbolRefAttr::get(makeFunction(region)));

  auto family = DispatchOp::create(b, op.getResultTypes(), tokens,
                                   op.getRouting(), /*expertsCount=*/1);
  family->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  Block *block = b.createBlock(&family.getExperts().front());
  Value expert = block->addArgument(b.getIndexType(), op.getLoc());
  for (Value token : tokens)
    block->addArgument(getRowsType(token), op.getLoc());
  Value rows = numRows(b, block->getArgument(1));
  if (takesWeights)
    block->addArgument(weights, op.getLoc());
  SmallVector<Value> outs;
  for (Type type : op.getResultTypes())
    outs.push_back(tensor::EmptyOp::create(b, type, ValueRange{rows}));
  SmallVector<Value> inputs(block->getArguments().drop_front(1 + needsRows));
  llvm::append_range(inputs, captures);
  auto call = CallOp::create(b, op.getResultTypes(),
                             functions.size() > 1 ? expert : Value(),
                             b.getArrayAttr(functions), inputs, outs);
  YieldOp::create(b, call.getResults());
  rewriter.replaceOp(op, family);
}

namespace {
struct OutlineExpertsPass
    : moe::impl::OutlineExpertsPassBase<OutlineExpertsPass> {
  using Base::Base;

  void runOnOperation() final {
    SymbolTable symbols(getOperation());
    SmallVector<DispatchOp> unlike;
    // Innermost first: what is captured by a nested one is captured by its
    // parent.
    getOperation().walk([&](DispatchOp op) {
      if (!op.isFamily())
        unlike.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (DispatchOp op : unlike)
      Outlining(op, symbols, rewriter).rewrite();
  }
};
} // namespace
