//===- DecomposeContract.cpp - Contractions as linalg ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_DECOMPOSECONTRACTPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

using utils::IteratorType;

/// sum[m, n] = rows[m, k] * weight[n, k], summed up in f32.
static Value sumUp(OpBuilder &b, Location loc, ContractOp op, Value weight) {
  Type f32 = b.getF32Type();
  Value empty = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, op.getOut()), f32);
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
  Value zeros = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  AffineExpr m, n, k;
  bindDims(b.getContext(), m, n, k);
  AffineMap maps[] = {AffineMap::get(3, 0, {m, k}, b.getContext()),
                      AffineMap::get(3, 0, {n, k}, b.getContext()),
                      AffineMap::get(3, 0, {m, n}, b.getContext())};
  IteratorType loops[] = {IteratorType::parallel, IteratorType::parallel,
                          IteratorType::reduction};
  auto widen = [&](OpBuilder &b, Value value) -> Value {
    return value.getType() == f32 ? value
                                  : arith::ExtFOp::create(b, loc, f32, value);
  };
  auto generic = linalg::GenericOp::create(
      b, loc, zeros.getType(), ValueRange{op.getRows(), weight}, zeros, maps,
      loops, [&](OpBuilder &b, Location loc, ValueRange args) {
        Value product =
            arith::MulFOp::create(b, loc, widen(b, args[0]), widen(b, args[1]));
        Value sum = arith::AddFOp::create(b, loc, args[2], product);
        linalg::YieldOp::create(b, loc, sum);
      });
  return generic.getResult(0);
}

void mlir::moe::decomposeContract(RewriterBase &rewriter, ContractOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  AffineMap identity = rewriter.getMultiDimIdentityMap(2);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value weight : op.getWeights()) {
    inputs.push_back(sumUp(rewriter, loc, op, weight));
    maps.push_back(identity);
  }
  for (auto [number, other] : llvm::enumerate(op.getOthers())) {
    inputs.push_back(other);
    maps.push_back(op.getMap(number));
  }
  maps.push_back(identity);
  IteratorType loops[] = {IteratorType::parallel, IteratorType::parallel};
  auto generic = linalg::GenericOp::create(
      rewriter, loc, op.getResult().getType(), inputs, op.getOut(), maps, loops,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        IRMapping mapping;
        mapping.map(op.getBody().getArguments(), args.drop_back());
        for (Operation &inner : op.getBody().front().without_terminator())
          b.clone(inner, mapping);
        auto yield = cast<YieldElementOp>(op.getBody().front().getTerminator());
        linalg::YieldOp::create(b, loc,
                                mapping.lookupOrDefault(yield.getValue()));
      });
  rewriter.replaceOp(op, generic.getResults());
}

namespace {
struct DecomposeContractPass
    : moe::impl::DecomposeContractPassBase<DecomposeContractPass> {
  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    getOperation()->walk(
        [&](ContractOp op) { decomposeContract(rewriter, op); });
  }
};
} // namespace
