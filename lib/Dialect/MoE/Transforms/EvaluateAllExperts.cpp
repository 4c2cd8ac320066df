//===- EvaluateAllExperts.cpp - The dense form -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every token goes to every expert by a routing of its own, whose assignments
// are N for each expert. By the routing of the model an expert then yields,
// for its tokens, rows of that. So there is one way down for both forms.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Dialect/MoE/Transforms/Rows.h"

namespace mlir::moe {
#define GEN_PASS_DEF_EVALUATEALLEXPERTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Whether the body can end the run, which it must not do for rows that are
/// none of its expert's.
static bool mayFail(Region &region) {
  return region
      .walk([](Operation *op) {
        // The number of a weight is checked by an assertion.
        bool checked = isa<PickOp, ParameterOp>(op);
        bool ofDialect = isa<MoEDialect>(op->getDialect()) && !checked &&
                         !op->hasTrait<OpTrait::IsTerminator>();
        return isa<cf::AssertOp>(op) || (ofDialect && !isSpeculatable(op))
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

static bool runsOnAllTokens(DispatchOp op, Region &region) {
  if (!isRowWise(op, region) || mayFail(region))
    return false;
  if (!op.getWeightsArgument(region))
    return true;
  // Else a token may have two weights with one expert.
  auto route = op.getRouting().getDefiningOp<RouteOp>();
  return route && route.isMask();
}

namespace {

/// Takes apart one dispatch.
class Everywhere {
public:
  Everywhere(DispatchOp op, IRRewriter &rewriter)
      : op(op), rewriter(rewriter), b(op.getLoc(), rewriter),
        family(op.isFamily()) {
    b.setInsertionPoint(op);
    for (Region &region : op.getExperts())
      everywhere.push_back(runsOnAllTokens(op, region));
  }

  void rewrite();

private:
  /// The routing of every token to each expert that runs on all.
  Value routeEverywhere(Value tokens);
  /// The bodies of these, by that routing; others have no row there.
  DispatchOp runEverywhere(Value routing);
  /// By the routing of the model.
  DispatchOp select(Value tokens, DispatchOp all);
  /// In place of a body: rows `base` + number of the token.
  void takeRows(Region &region, DispatchOp all, Value base, Value numbers);
  void addArguments(Region &region);

  DispatchOp op;
  IRRewriter &rewriter;
  ImplicitLocOpBuilder b;
  bool family;
  SmallVector<bool> everywhere;
};

} // namespace

Value Everywhere::routeEverywhere(Value tokens) {
  int64_t experts = op.getNumExperts();
  bool weighted = llvm::any_of(op.getExperts(), [&](Region &region) {
    return everywhere[region.getRegionNumber()] &&
           op.getWeightsArgument(region);
  });
  if (!weighted && !llvm::is_contained(everywhere, false))
    return RouteAllOp::create(b, op.getRouting().getType(), tokens);
  SmallVector<bool> chosen = everywhere;
  if (family)
    chosen.assign(experts, true);
  auto row = RankedTensorType::get({experts}, b.getI1Type());
  Value flags =
      arith::ConstantOp::create(b, DenseElementsAttr::get(row, chosen));
  SmallVector<OpFoldResult> sizes{tokens, b.getIndexAttr(experts)};
  Value empty = tensor::EmptyOp::create(b, sizes, b.getI1Type());
  Value mask =
      linalg::BroadcastOp::create(b, flags, empty, ArrayRef<int64_t>{0})
          ->getResult(0);
  Value weights =
      weighted ? WeightsOp::create(b, op.getRouting()).getResult() : Value();
  return RouteOp::create(b, op.getRouting().getType(), mask, weights,
                         /*most=*/IntegerAttr());
}

/// Gives an empty region the arguments that a body has.
void Everywhere::addArguments(Region &region) {
  Block *block = b.createBlock(&region);
  if (family)
    block->addArgument(b.getIndexType(), op.getLoc());
  for (Value token : op.getTokens())
    block->addArgument(getRowsType(token), op.getLoc());
}

DispatchOp Everywhere::runEverywhere(Value routing) {
  auto all = DispatchOp::create(b, op.getResultTypes(), op.getTokens(), routing,
                                op.getExperts().size());
  all->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  all->setAttr(rowWiseAttr, b.getDenseBoolArrayAttr(
                                SmallVector<bool>(everywhere.size(), true)));
  for (auto [dense, from, to] :
       llvm::zip_equal(everywhere, op.getExperts(), all.getExperts())) {
    if (dense) {
      to.takeBody(from);
      continue;
    }
    OpBuilder::InsertionGuard guard(b);
    addArguments(to);
    Value none = arith::ConstantIndexOp::create(b, 0);
    SmallVector<Value> rows;
    for (Type type : op.getResultTypes())
      rows.push_back(tensor::EmptyOp::create(b, type, ValueRange{none}));
    YieldOp::create(b, rows);
  }
  return all;
}

void Everywhere::takeRows(Region &region, DispatchOp all, Value base,
                          Value numbers) {
  Value rows = numRows(b, numbers);
  SmallVector<Value> taken;
  for (Value source : all.getResults()) {
    auto type = cast<RankedTensorType>(source.getType());
    int64_t rank = type.getRank();
    Value empty = tensor::EmptyOp::create(b, type, ValueRange{rows});
    SmallVector<AffineMap> maps{AffineMap::get(rank, 0, b.getAffineDimExpr(0)),
                                b.getMultiDimIdentityMap(rank)};
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    auto gather = linalg::GenericOp::create(
        b, type, numbers, empty, maps, loops,
        [&](OpBuilder &nested, Location loc, ValueRange args) {
          SmallVector<Value> at{
              arith::AddIOp::create(nested, loc, base, args[0])};
          for (int64_t dim = 1; dim < rank; ++dim)
            at.push_back(linalg::IndexOp::create(nested, loc, dim));
          Value element = tensor::ExtractOp::create(nested, loc, source, at);
          linalg::YieldOp::create(nested, loc, element);
        });
    taken.push_back(gather.getResult(0));
  }
  YieldOp::create(b, taken);
}

DispatchOp Everywhere::select(Value tokens, DispatchOp all) {
  // The number of each token.
  Value empty = tensor::EmptyOp::create(b, ArrayRef<OpFoldResult>{tokens},
                                        b.getIndexType());
  Value numbers =
      linalg::GenericOp::create(
          b, empty.getType(), ValueRange(), empty, b.getMultiDimIdentityMap(1),
          utils::IteratorType::parallel,
          [](OpBuilder &nested, Location loc, ValueRange) {
            Value at = linalg::IndexOp::create(nested, loc, 0);
            linalg::YieldOp::create(nested, loc, at);
          })
          .getResult(0);
  Value before = arith::ConstantIndexOp::create(b, 0);
  SmallVector<Value> operands(op.getTokens());
  operands.push_back(numbers);
  auto chosen = DispatchOp::create(b, op.getResultTypes(), operands,
                                   op.getRouting(), op.getExperts().size());
  chosen->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  SmallVector<bool> rowWise;
  for (auto [dense, from, to] :
       llvm::zip_equal(everywhere, op.getExperts(), chosen.getExperts())) {
    OpBuilder::InsertionGuard guard(b);
    auto type = RankedTensorType::get({ShapedType::kDynamic}, b.getIndexType());
    rowWise.push_back(dense || isRowWise(op, from));
    if (!dense) {
      bool weighted = op.getWeightsArgument(from) != Value();
      to.takeBody(from);
      to.insertArgument(to.getNumArguments() - weighted, type, op.getLoc());
      continue;
    }
    addArguments(to);
    Value mine = to.addArgument(type, op.getLoc());
    Value base = before;
    if (family)
      base = arith::MulIOp::create(b, to.getArgument(0), tokens);
    takeRows(to, all, base, mine);
    b.setInsertionPoint(chosen);
    before = arith::AddIOp::create(b, before, tokens);
  }
  chosen->setAttr(rowWiseAttr, b.getDenseBoolArrayAttr(rowWise));
  // What the bodies count, they count where they run.
  if (!llvm::is_contained(everywhere, false))
    chosen->removeAttr(countedAttr);
  return chosen;
}

void Everywhere::rewrite() {
  if (!llvm::is_contained(everywhere, true))
    return;
  Value tokens = NumTokensOp::create(b, op.getRouting());
  DispatchOp all = runEverywhere(routeEverywhere(tokens));
  b.setInsertionPointAfter(all);
  rewriter.replaceOp(op, select(tokens, all));
}

namespace {
struct EvaluateAllExpertsPass
    : moe::impl::EvaluateAllExpertsPassBase<EvaluateAllExpertsPass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<DispatchOp> dispatches;
    getOperation().walk<WalkOrder::PreOrder>(
        [&](DispatchOp op) { dispatches.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (DispatchOp op : dispatches)
      Everywhere(op, rewriter).rewrite();
  }
};
} // namespace
