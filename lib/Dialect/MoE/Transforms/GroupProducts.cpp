//===- GroupProducts.cpp - Products as those of one expert -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What makes kernels of the products of experts then makes those of others.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Dialect/MoE/Transforms/Rows.h"

namespace mlir::moe {
#define GEN_PASS_DEF_GROUPPRODUCTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// A smaller matrix is no work for a kernel of tiles.
static constexpr int64_t fewestWeights = 64 * 64;

/// Whether `op` stands outside of experts, and of what is done to each element.
static bool isOutside(linalg::LinalgOp op) {
  return !op->getParentOfType<DispatchOp>() &&
         !op->getParentOfType<linalg::LinalgOp>();
}

static bool isZero(Value init) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs().front(), m_PosZeroFloat());
}

namespace {
struct GroupProductsPass : moe::impl::GroupProductsPassBase<GroupProductsPass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<linalg::LinalgOp> products;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isOutside(op) && linalg::isaContractionOpInterface(op))
        products.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : products) {
      std::string why = group(rewriter, op);
      if (!why.empty())
        remark::missed(op.getLoc(),
                       remark::RemarkOpts::name("ProductNotGrouped")
                           .category(getArgument()))
            << remark::reason("a thread computes each element: {0}", why);
    }
  }

private:
  /// Null, or why the product stays.
  std::string group(IRRewriter &rewriter, linalg::LinalgOp op) {
    Value rows, weights;
    if (std::string why = matchProduct(op, rows, weights); !why.empty())
      return why;
    auto type = cast<RankedTensorType>(weights.getType());
    auto rowType = cast<RankedTensorType>(rows.getType());
    if (!type.hasStaticShape() || rowType.isDynamicDim(1))
      return "its weights are of no fixed size";
    if (type.getNumElements() < fewestWeights)
      return "its weights are few";
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    b.setInsertionPoint(op);
    Value init = op.getDpsInitOperand(0)->get();
    SmallVector<Value> tokens{rows};
    if (!isZero(init))
      tokens.push_back(init);
    Value number = numRows(b, rows);
    Value routing =
        RouteAllOp::create(b, RoutingType::get(b.getContext(), 1), number);
    auto dispatch = DispatchOp::create(b, getRowsType(op->getResult(0)), tokens,
                                       routing, 1);
    dispatch->setAttr(rowWiseAttr, b.getDenseBoolArrayAttr({true}));
    dispatch->setAttr(kernelNameAttr,
                      b.getStringAttr(getOperation().getName() + "_product_" +
                                      Twine(numGrouped++)));
    makeBody(b, dispatch, op, rows, init);
    b.setInsertionPointAfter(dispatch);
    Value value = dispatch.getResult(0);
    if (Type type = op->getResult(0).getType(); value.getType() != type)
      value = tensor::CastOp::create(b, type, value);
    rewriter.replaceOp(op, value);
    return "";
  }

  static void makeBody(ImplicitLocOpBuilder &b, DispatchOp dispatch,
                       linalg::LinalgOp op, Value rows, Value init) {
    Block *block = b.createBlock(&dispatch.getExperts().front());
    block->addArgument(b.getIndexType(), b.getLoc());
    IRMapping mapping;
    for (Value token : dispatch.getTokens())
      mapping.map(token, block->addArgument(getRowsType(token), b.getLoc()));
    auto type = cast<RankedTensorType>(dispatch.getResult(0).getType());
    if (!mapping.contains(init)) {
      Value count = numRows(b, mapping.lookup(rows));
      Value empty = tensor::EmptyOp::create(b, type, ValueRange{count});
      Value zero =
          arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
      mapping.map(init, linalg::FillOp::create(b, zero, empty).getResult(0));
    }
    Operation *product = b.clone(*op, mapping);
    product->getResult(0).setType(type);
    YieldOp::create(b, product->getResults());
  }

  int64_t numGrouped = 0;
};
} // namespace
