//===- FormContractions.cpp - Bodies of families in stages ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing here knows what an expert computes: a stage ends where a contraction
// needs whole rows, and before that whatever operations there are become part
// of it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Contractions.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::moe {
#define GEN_PASS_DEF_FORMCONTRACTIONSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {

/// What one moe.contract computes. Values are those of the body.
struct Stage {
  /// [rows, columns].
  Value result;
  int64_t columns = 0;
  /// What the contractions have in common; null if there is none.
  Value lhs;
  SmallVector<linalg::LinalgOp> contractions;
  /// Weights of the expert, [columns, depth] each.
  SmallVector<Value> rhs;
  /// What else an element depends on, and where it is.
  SmallVector<std::pair<Value, AffineMap>> operands;
};

/// Cuts the body of a family into stages.
class Stages {
public:
  explicit Stages(DispatchOp op)
      : op(op), body(&op.getExperts().front().front()) {}

  /// Null, or why the body has no stages.
  std::string analyze();
  /// Puts a moe.contract in the place of each stage.
  void rewrite(IRRewriter &rewriter);

private:
  std::string planStages();
  /// Adds what an element of `value` depends on to `stage`.
  std::string collect(Value value, Stage &stage);
  std::string collectContraction(linalg::LinalgOp op, Stage &stage);
  std::string collectElementwise(linalg::LinalgOp op, Stage &stage);
  std::string addOperand(Value value, AffineMap map, Stage &stage);
  std::string findContraction(linalg::LinalgOp op, Value &lhs, Value &rhs);

  /// The element of `value` in the region of the stage `contract`.
  Value emit(ImplicitLocOpBuilder &b, Value value, const Stage &stage,
             ContractOp contract) const;
  bool isToken(Value value) const {
    return llvm::is_contained(op.getTokenArguments(op.getExperts().front()),
                              value);
  }
  AffineMap mapTo(ArrayRef<unsigned> dims) const {
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : dims)
      exprs.push_back(getAffineDimExpr(dim, body->getParentOp()->getContext()));
    return AffineMap::get(2, 0, exprs, body->getParentOp()->getContext());
  }
  AffineMap ofElement() const { return mapTo({0, 1}); }
  AffineMap ofRow() const { return mapTo({0}); }
  AffineMap ofColumn() const { return mapTo({1}); }

  mutable DispatchOp op;
  Block *body;
  SmallVector<Stage> plan;
  /// Values that are kept in memory, in the order in which they are computed.
  SetVector<Value> kept;
  /// A value that must be kept as well, found on the way.
  Value toKeep;
  /// The stage's result that each contraction is a part of.
  DenseMap<Operation *, Value> owners;
};

} // namespace

/// The kernels have two accumulators at most for an element.
static constexpr size_t maxContractions = 2;

static bool isPerElement(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == op.getNumLoops() &&
         op.getNumDpsInits() == 1 &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

static int64_t rankOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

ParameterOp mlir::moe::getParameterOfExpert(DispatchOp op, Region &region,
                                            Value weight) {
  auto parameter = weight.getDefiningOp<ParameterOp>();
  if (!parameter)
    return nullptr;
  OperandRange numbers = parameter.getNumbers();
  bool byExpert = numbers.back() == op.getExpertArgument(region) &&
                  llvm::all_of(numbers.drop_back(), [&](Value number) {
                    return !region.isAncestor(number.getParentRegion());
                  });
  return byExpert ? parameter : nullptr;
}

bool mlir::moe::isOfExpert(DispatchOp op, Region &region, Value weight) {
  if (getParameterOfExpert(op, region, weight))
    return true;
  auto type = dyn_cast<RankedTensorType>(weight.getType());
  return op.getNumExperts() == 1 && type && type.hasStaticShape() &&
         !region.isAncestor(weight.getParentRegion());
}

std::string mlir::moe::matchProduct(linalg::LinalgOp linalg, Value &lhs,
                                    Value &rhs) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(linalg);
  if (failed(dims) || !linalg::isaContractionOpInterface(linalg) ||
      !dims->batch.empty() || dims->m.size() != 1 || dims->n.size() != 1 ||
      dims->k.size() != 1)
    return "an operation is neither elementwise nor a product of two matrices";
  unsigned m = dims->m[0], n = dims->n[0], k = dims->k[0];
  auto hasDims = [&](OpOperand *operand, unsigned first, unsigned second) {
    AffineMap map = linalg.getMatchingIndexingMap(operand);
    return map.isProjectedPermutation() && map.getNumResults() == 2 &&
           map.getDimPosition(0) == first && map.getDimPosition(1) == second;
  };
  OpOperand *left = linalg.getDpsInputOperand(0),
            *right = linalg.getDpsInputOperand(1);
  if (!hasDims(left, m, k))
    std::swap(left, right), std::swap(m, n);
  if (!hasDims(left, m, k) || !hasDims(right, n, k) ||
      !hasDims(linalg.getDpsInitOperand(0), m, n))
    return "a product is not of rows with weights [columns, depth]";
  lhs = left->get();
  rhs = right->get();
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(lhs.getType()));
  if (!element || element.getWidth() > 32 ||
      element != getElementTypeOrSelf(rhs.getType()) ||
      !getElementTypeOrSelf(linalg->getResult(0).getType()).isF32())
    return "a product is not of f32, bf16 or f16 summed up in f32";
  return "";
}

//===----------------------------------------------------------------------===//
// Finding stages
//===----------------------------------------------------------------------===//

std::string Stages::analyze() {
  auto yield = cast<YieldOp>(body->getTerminator());
  for (Value result : yield.getResults()) {
    if (rankOf(result) != 2)
      return "a result is not a matrix";
    if (isToken(result))
      return "a result is a token operand";
    kept.insert(result);
  }
  // Rows must be whole where they are contracted.
  for (auto linalg : body->getOps<linalg::LinalgOp>()) {
    if (isPerElement(linalg))
      continue;
    Value lhs, rhs;
    if (std::string why = findContraction(linalg, lhs, rhs); !why.empty())
      return why;
    if (!isToken(lhs))
      kept.insert(lhs);
  }
  while (true) {
    std::string why = planStages();
    if (!toKeep)
      return why;
    kept.insert(toKeep);
  }
}

std::string Stages::planStages() {
  plan.clear();
  owners.clear();
  toKeep = nullptr;
  SmallVector<Value> inOrder(kept.begin(), kept.end());
  llvm::sort(inOrder, [](Value a, Value b) {
    return a.getDefiningOp() && b.getDefiningOp() &&
           a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
  });
  for (Value value : inOrder) {
    auto linalg = value.getDefiningOp<linalg::LinalgOp>();
    if (!linalg || linalg->getBlock() != body || rankOf(value) != 2 ||
        ShapedType::isDynamic(columnsOf(value)))
      return "a row is not computed by linalg, or not of a fixed width";
    Stage stage;
    stage.result = value;
    stage.columns = columnsOf(value);
    std::string why = isPerElement(linalg) ? collectElementwise(linalg, stage)
                                           : collectContraction(linalg, stage);
    if (!why.empty() || toKeep)
      return why;
    plan.push_back(std::move(stage));
  }
  return "";
}

std::string Stages::addOperand(Value value, AffineMap map, Stage &stage) {
  Type element = getElementTypeOrSelf(value.getType());
  if (!element.isIntOrFloat())
    return "an operand has elements of another kind than numbers";
  if (!llvm::is_contained(stage.operands, std::make_pair(value, map)))
    stage.operands.push_back({value, map});
  return "";
}

std::string Stages::collect(Value value, Stage &stage) {
  if (rankOf(value) == 2 && (isToken(value) || kept.contains(value))) {
    if (columnsOf(value) != stage.columns)
      return "rows of different widths are combined";
    return addOperand(value, ofElement(), stage);
  }
  auto linalg = value.getDefiningOp<linalg::LinalgOp>();
  if (!linalg || linalg->getBlock() != body)
    return "a row is computed by other operations than linalg's";
  return isPerElement(linalg) ? collectElementwise(linalg, stage)
                              : collectContraction(linalg, stage);
}

std::string Stages::findContraction(linalg::LinalgOp linalg, Value &lhs,
                                    Value &rhs) {
  if (std::string why = matchProduct(linalg, lhs, rhs); !why.empty())
    return why;
  if (!isOfExpert(op, op.getExperts().front(), rhs))
    return "a product is with other weights than the expert's parameters";
  return "";
}

std::string Stages::collectContraction(linalg::LinalgOp linalg, Stage &stage) {
  Value result = linalg->getResult(0);
  auto [owner, isNew] = owners.try_emplace(linalg, stage.result);
  // Another kernel computes it, or the one at hand has no room for it.
  if (!isNew && owner->second != stage.result) {
    toKeep = result;
    return "";
  }
  if (llvm::is_contained(stage.contractions, linalg))
    return "";
  Value lhs, rhs;
  if (std::string why = findContraction(linalg, lhs, rhs); !why.empty())
    return why;
  if (columnsOf(result) != stage.columns)
    return "rows of different widths are combined";
  if (!stage.contractions.empty() &&
      (lhs != stage.lhs || stage.contractions.size() == maxContractions)) {
    toKeep = result;
    return "";
  }
  stage.contractions.push_back(linalg);
  stage.lhs = lhs;
  stage.rhs.push_back(rhs);
  if (ShapedType::isDynamic(columnsOf(lhs)))
    return "rows of no fixed width are contracted";
  return collect(linalg.getDpsInitOperand(0)->get(), stage);
}

std::string Stages::collectElementwise(linalg::LinalgOp linalg, Stage &stage) {
  for (Operation &inner : linalg.getBlock()->without_terminator())
    if (inner.getNumRegions() || isa<linalg::IndexOp, tensor::ExtractOp>(inner))
      return "an element is computed from other elements, or by loops";
  for (OpOperand &operand : linalg->getOpOperands()) {
    BlockArgument argument = linalg.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    Value value = operand.get();
    AffineMap map = linalg.getMatchingIndexingMap(&operand);
    std::string why;
    if (map.getNumResults() == 0) {
      if (!matchPattern(value, m_Constant()))
        why = "a number is computed while running";
    } else if (map.isIdentity()) {
      why = collect(value, stage);
    } else if (map.getNumResults() == 1 && map.getNumDims() == 2 &&
               map.isProjectedPermutation()) {
      Region &region = op.getExperts().front();
      if (map.getDimPosition(0) == 1 && isOfExpert(op, region, value))
        why = addOperand(value, ofColumn(), stage);
      else if (map.getDimPosition(0) == 0 &&
               value == op.getWeightsArgument(region))
        why = addOperand(value, ofRow(), stage);
      else
        why = "a vector is neither a parameter of the expert nor the weights";
    } else {
      why = "an operand is permuted";
    }
    if (!why.empty() || toKeep)
      return why;
  }
  for (Operation &inner : linalg.getBlock()->without_terminator())
    for (Value used : inner.getOperands())
      if (used.getParentBlock() != linalg.getBlock() &&
          !matchPattern(used, m_Constant()))
        return "a number is computed while running";
  return "";
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static Value cloneConstant(ImplicitLocOpBuilder &b, Value value) {
  return b.clone(*value.getDefiningOp())->getResult(0);
}

Value Stages::emit(ImplicitLocOpBuilder &b, Value value, const Stage &stage,
                   ContractOp contract) const {
  auto elementOf = [&](Value source, AffineMap map) {
    auto *found = llvm::find(stage.operands, std::make_pair(source, map));
    return contract.getElements()[found - stage.operands.begin()];
  };
  // The result of the stage itself is kept, but computed here.
  if (isToken(value) || (value != stage.result && kept.contains(value)))
    return elementOf(value, ofElement());

  auto linalg = value.getDefiningOp<linalg::LinalgOp>();
  auto contraction = llvm::find(stage.contractions, linalg);
  if (contraction != stage.contractions.end()) {
    Value sum = contract.getSums()[contraction - stage.contractions.begin()];
    Value init = emit(b, linalg.getDpsInitOperand(0)->get(), stage, contract);
    if (matchPattern(init, m_PosZeroFloat()))
      return sum;
    return arith::AddFOp::create(b, sum, init);
  }

  IRMapping mapping;
  for (OpOperand &operand : linalg->getOpOperands()) {
    BlockArgument argument = linalg.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    AffineMap map = linalg.getMatchingIndexingMap(&operand);
    Value source = operand.get();
    if (map.getNumResults() == 0)
      mapping.map(argument, cloneConstant(b, source));
    else if (map.isIdentity())
      mapping.map(argument, emit(b, source, stage, contract));
    else
      mapping.map(argument, elementOf(source, map));
  }
  Block *block = linalg.getBlock();
  for (Operation &inner : block->without_terminator()) {
    for (Value used : inner.getOperands())
      if (used.getParentBlock() != block && !mapping.contains(used))
        mapping.map(used, cloneConstant(b, used));
    b.clone(inner, mapping);
  }
  Value yielded = block->getTerminator()->getOperand(0);
  if (yielded.getParentBlock() != block && !mapping.contains(yielded))
    return cloneConstant(b, yielded);
  return mapping.lookup(yielded);
}

void Stages::rewrite(IRRewriter &rewriter) {
  // Of what is kept, the stage that computes it.
  DenseMap<Value, Value> computed;
  auto current = [&](Value value) {
    Value by = computed.lookup(value);
    return by ? by : value;
  };
  Value like = op.getTokenArguments(op.getExperts().front()).front();
  for (const Stage &stage : plan) {
    Operation *last = stage.result.getDefiningOp();
    rewriter.setInsertionPointAfter(last);
    ImplicitLocOpBuilder b(last->getLoc(), rewriter);
    auto type = cast<RankedTensorType>(stage.result.getType());
    Value rows = tensor::DimOp::create(b, like, 0);
    Value out = tensor::EmptyOp::create(
        b, ArrayRef<OpFoldResult>{rows, b.getIndexAttr(stage.columns)},
        type.getElementType());
    SmallVector<Value> others;
    SmallVector<AffineMap> maps;
    for (auto &[value, map] : stage.operands) {
      others.push_back(current(value));
      maps.push_back(map);
    }
    auto contract = ContractOp::create(
        b, out.getType(), stage.lhs ? current(stage.lhs) : Value(), stage.rhs,
        others, out, b.getAffineMapArrayAttr(maps));
    Block &block = contract.getBody().emplaceBlock();
    for (size_t i = 0; i < stage.rhs.size(); ++i)
      block.addArgument(b.getF32Type(), b.getLoc());
    for (Value other : others)
      block.addArgument(getElementTypeOrSelf(other.getType()), b.getLoc());
    auto inside = ImplicitLocOpBuilder::atBlockEnd(b.getLoc(), &block);
    Value element = emit(inside, stage.result, stage, contract);
    YieldElementOp::create(inside, element);
    Value result = contract.getResult();
    if (result.getType() != type) {
      rewriter.setInsertionPointAfter(contract);
      result = tensor::CastOp::create(rewriter, b.getLoc(), type, result);
    }
    computed[stage.result] = result;
  }
  rewriter.modifyOpInPlace(body->getTerminator(), [&] {
    for (OpOperand &operand : body->getTerminator()->getOpOperands())
      operand.set(current(operand.get()));
  });
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(*body)))
    if (isOpTriviallyDead(&inner))
      rewriter.eraseOp(&inner);
}

namespace {
struct FormContractionsPass
    : moe::impl::FormContractionsPassBase<FormContractionsPass> {
  void runOnOperation() final {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](DispatchOp op) {
      if (!op.isFamily())
        return;
      Region &region = op.getExperts().front();
      Stages stages(op);
      std::string why = "its rows are not independent";
      if (op.getTokens().empty())
        why = "it has no rows of tokens";
      else if (isRowWise(op, region))
        why = stages.analyze();
      if (why.empty())
        return stages.rewrite(rewriter);
      remark::missed(
          op.getLoc(),
          remark::RemarkOpts::name("FamilyNotGrouped").category(getArgument()))
          << remark::reason("its body is not a row of contractions: {0}", why);
    });
  }
};
} // namespace
