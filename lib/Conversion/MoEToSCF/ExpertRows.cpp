//===- ExpertRows.cpp - What every lowering of a dispatch does -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ExpertRows.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/MoEToSCF/ExpertRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Rows.h"

using namespace mlir;
using namespace mlir::moe;

ExpertRows mlir::moe::rowsOf(ImplicitLocOpBuilder &b, Value offsets,
                             Value expert) {
  Value begin = extractAt(b, offsets, expert);
  Value next = arith::AddIOp::create(b, expert, constantIndex(b, 1));
  Value end = extractAt(b, offsets, next);
  return {expert, begin, arith::SubIOp::create(b, end, begin)};
}

bool mlir::moe::isEverywhere(DispatchOp op) {
  return op.getRouting().getDefiningOp<RouteAllOp>() != nullptr;
}

Value mlir::moe::sliceOfAll(ImplicitLocOpBuilder &b, PlainRouting routing,
                            Value tensor, ExpertRows rows) {
  Value before = arith::MulIOp::create(b, rows.expert, routing.numTokens);
  Value first = arith::SubIOp::create(b, rows.first, before);
  return sliceRows(b, tensor, first, rows.count);
}

void mlir::moe::checkTokens(ImplicitLocOpBuilder &b, ValueRange tokens,
                            Value numTokens) {
  for (Value token : tokens)
    assertEqual(b, numRows(b, token), numTokens,
                "moe.dispatch: the number of rows of a token operand differs "
                "from the number of tokens of the routing");
}

void mlir::moe::checkRows(ImplicitLocOpBuilder &b, CombineOp op,
                          PlainRouting routing, Value packed, Value init) {
  // The rows of a dispatch by the same routing are as many as there are
  // assignments, and the host need not wait to learn how many.
  auto dispatch = op.getPacked().getDefiningOp<DispatchOp>();
  if (!dispatch || dispatch.getRouting() != op.getRouting())
    assertEqual(b, numRows(b, packed), routing.total,
                "moe.combine: the number of packed rows differs from the "
                "number of assignments");
  if (init)
    assertEqual(b, numRows(b, init), routing.numTokens,
                "moe.combine: the number of rows of init differs from the "
                "number of tokens");
}

SmallVector<Value> mlir::moe::runBody(ImplicitLocOpBuilder &b,
                                      ConversionPatternRewriter &rewriter,
                                      DispatchOp op, ExpertRows rows,
                                      ValueRange gathered, Value weights) {
  Region &region = op.getExperts().front();
  bool rowWise = isRowWise(op, region);
  SmallVector<Value> arguments{rows.expert};
  llvm::append_range(arguments, gathered);
  if (op.getWeightsArgument(region))
    arguments.push_back(sliceRows(b, weights, rows.first, rows.count));
  Block *block = &region.front();
  auto yield = cast<YieldOp>(block->getTerminator());
  SmallVector<Value> results = SmallVector<Value>(yield.getResults());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(block, b.getInsertionBlock(),
                             b.getInsertionPoint(), arguments);
  // Results that are arguments of the region are the values put in their place.
  for (Value &result : results) {
    if (Value mapped = rewriter.getRemappedValue(result))
      result = mapped;
    if (!rowWise)
      checkYieldedRows(b, result, rows.count);
  }
  return results;
}

Type mlir::moe::getSumType(Type element) {
  auto type = dyn_cast<FloatType>(element);
  return type && type.getWidth() < 32 ? Float32Type::get(element.getContext())
                                      : element;
}

Value mlir::moe::addWeighted(ImplicitLocOpBuilder &b, Value sum, Value value,
                             Value weight) {
  Type type = sum.getType();
  if (!isa<FloatType>(type))
    return arith::AddIOp::create(b, sum, value);
  auto widen = [&](Value narrow) -> Value {
    if (narrow.getType() == type)
      return narrow;
    return arith::ExtFOp::create(b, type, narrow);
  };
  value = widen(value);
  if (weight)
    value = arith::MulFOp::create(b, value, widen(weight));
  return arith::AddFOp::create(b, sum, value);
}
