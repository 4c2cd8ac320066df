//===- MaskedTerms.cpp - Sums and selects of masked terms -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Takes a tree of additions, or of selects between rows, apart.
//
//===----------------------------------------------------------------------===//

#include "MaskedTerms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

Labels moe::getLabels(AffineMap map) {
  Labels labels;
  for (AffineExpr index : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    labels.push_back(dim ? dim.getPosition() : kInner);
  }
  return labels;
}

std::optional<bool> Term::getKnown(const Read &condition) const {
  for (const MaskUse &use : masks)
    if (!use.isNumber && use.mask == condition)
      return use.needed;
  return std::nullopt;
}

bool MaskedTerms::hasRows(const Labels &labels) const {
  return llvm::any_of(labels, [&](int64_t label) { return isToken(label); });
}

Read MaskedTerms::getRowRead(const Read &read) const {
  Read rows = read;
  for (int64_t &label : rows.labels)
    if (!isToken(label) && label != expertLoop)
      label = kInner;
  return rows;
}

bool MaskedTerms::isRowLevel(const Read &read) const {
  auto type = cast<RankedTensorType>(read.value.getType());
  for (auto [dim, label] : llvm::enumerate(read.labels))
    if (type.getDimSize(dim) != 1 && label != expertLoop && !isToken(label))
      return false;
  return true;
}

SmallVector<int64_t> MaskedTerms::getFeatures() const {
  SmallVector<int64_t> features;
  for (int64_t loop : getLabels(out))
    if (!isToken(loop))
      features.push_back(loop);
  return features;
}

int64_t MaskedTerms::countExperts() const {
  int64_t moved =
      llvm::count_if(terms, [](const Term &t) { return t.isExpert; });
  return expertLoop && moved > 0 ? *getNumStacked() : moved;
}

std::optional<int64_t> MaskedTerms::getNumStacked() const {
  auto find = [&](Value value, const Labels &labels) -> std::optional<int64_t> {
    auto type = cast<RankedTensorType>(value.getType());
    for (auto [dim, label] : llvm::enumerate(labels))
      if (label == expertLoop && !type.isDynamicDim(dim))
        return type.getDimSize(dim);
    return std::nullopt;
  };
  for (const Term &term : terms) {
    if (auto number = find(term.value, getLabels(term.map)))
      return number;
    for (const MaskUse &use : term.masks)
      if (auto number = find(use.mask.value, use.mask.labels))
        return number;
  }
  return std::nullopt;
}

namespace {

class TreeBuilder {
public:
  explicit TreeBuilder(MaskedTerms &result) : result(result) {}

  const Node *build(Value value, AffineMap map, const Guard *guard,
                    bool isRoot);

private:
  Node *node(Node::Kind kind) {
    result.nodes.push_back(std::make_unique<Node>());
    result.nodes.back()->kind = kind;
    return result.nodes.back().get();
  }
  const Node *leaf(Value value, AffineMap map, const Guard *guard);
  std::optional<MaskUse> getCondition(const Elementwise &op, AffineMap toLoops);
  const Guard *narrow(const Guard *parent, MaskUse use, bool needed) {
    use.needed = needed;
    result.guards.push_back(std::make_unique<Guard>(Guard{parent, use}));
    return result.guards.back().get();
  }

  MaskedTerms &result;
};

} // namespace

/// The condition of a select between rows: it is the same for a whole row.
std::optional<MaskUse> TreeBuilder::getCondition(const Elementwise &op,
                                                 AffineMap toLoops) {
  const ScalarOperand &condition = op.operands.front();
  if (!isa<arith::SelectOp>(op.scalar) || !condition.tensor ||
      condition.constant || !condition.map.isProjectedPermutation(true) ||
      isEqualityWithConstant(condition.tensor))
    return std::nullopt;
  AffineMap map = condition.map.compose(toLoops);
  auto type = cast<RankedTensorType>(result.result.getType());
  bool feature = false;
  for (auto [dim, loop] : llvm::enumerate(getLabels(result.out)))
    feature |= type.getDimSize(dim) != 1 && !map.isFunctionOfDim(loop);
  if (!feature)
    return std::nullopt;
  return MaskUse{{condition.tensor, getLabels(map)}, false, true};
}

const Node *TreeBuilder::leaf(Value value, AffineMap map, const Guard *guard) {
  Node *leaf = node(Node::Leaf);
  // A value that several selects may take is one expert.
  auto known = llvm::find_if(result.terms, [&](const Term &term) {
    return result.isSelect && term.value == value && term.map == map;
  });
  leaf->term = known - result.terms.begin();
  if (known == result.terms.end()) {
    result.terms.emplace_back();
    result.terms.back().value = value;
    result.terms.back().map = map;
    known = std::prev(result.terms.end());
  }
  if (guard)
    known->guards.push_back(guard);
  return leaf;
}

/// The only operation that reads more of `value` than its sizes, or null.
static Operation *getOnlyReader(Value value) {
  Operation *only = nullptr;
  for (OpOperand &use : value.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (only)
      return nullptr;
    only = use.getOwner();
  }
  return only;
}

const Node *TreeBuilder::build(Value value, AffineMap map, const Guard *guard,
                               bool isRoot) {
  if (isZero(getSplat(value)))
    return node(Node::Zero);
  auto op = matchElementwise(value.getDefiningOp());
  if (!op || (!isRoot && !getOnlyReader(value)))
    return leaf(value, map, guard);
  AffineMap toLoops =
      inversePermutation(op->generic.getIndexingMapsArray().back())
          .compose(map);
  auto child = [&](unsigned i, const Guard *guard) -> const Node * {
    const ScalarOperand &operand = op->operands[i];
    if (!operand.tensor)
      return isZero(operand.constant) ? node(Node::Zero) : nullptr;
    return build(operand.tensor, operand.map.compose(toLoops), guard, false);
  };
  auto readable = [&](unsigned i) {
    const ScalarOperand &operand = op->operands[i];
    return operand.tensor ? operand.map.isProjectedPermutation(true)
                          : isZero(operand.constant);
  };
  if (!result.isSelect) {
    if (!isa<arith::AddFOp>(op->scalar) || !readable(0) || !readable(1))
      return leaf(value, map, guard);
    result.sinks.insert(op->generic);
    Node *sum = node(Node::Add);
    sum->lhs = child(0, guard);
    sum->rhs = child(1, guard);
    return sum;
  }
  std::optional<MaskUse> condition = getCondition(*op, toLoops);
  if (!condition || !readable(1) || !readable(2))
    return leaf(value, map, guard);
  result.sinks.insert(op->generic);
  Node *select = node(Node::Select);
  select->condition = *condition;
  select->lhs = child(1, narrow(guard, *condition, true));
  select->rhs = child(2, narrow(guard, *condition, false));
  return select;
}

/// The operand of a sum of numbers over one loop, which may be that of stacked
/// experts.
static OpOperand *matchSumOfStack(Operation *op) {
  auto sum = matchSum(op);
  if (!sum || sum->factors.size() != 1 ||
      sum->generic.getNumReductionLoops() != 1 ||
      !sum->generic.getIndexingMapsArray().back().isProjectedPermutation())
    return nullptr;
  SmallVector<unsigned> reductions;
  sum->generic.getReductionDims(reductions);
  AffineMap map = sum->generic.getMatchingIndexingMap(sum->factors.front());
  return map.isProjectedPermutation(true) &&
                 map.isFunctionOfDim(reductions.front())
             ? sum->factors.front()
             : nullptr;
}

/// Whether `value` is a term of a larger sum, with which it is decided.
static bool isTermOfSum(Value value) {
  Operation *user = getOnlyReader(value);
  if (!user)
    return false;
  if (matchSumOfStack(user))
    return true;
  auto op = matchElementwise(user);
  return op && isa<arith::AddFOp>(op->scalar);
}

std::unique_ptr<MaskedTerms> moe::findMaskedTerms(Operation *op, bool alone) {
  auto result = std::make_unique<MaskedTerms>();
  TreeBuilder builder(*result);
  if (OpOperand *stack = matchSumOfStack(op)) {
    auto generic = cast<linalg::GenericOp>(op);
    result->result = generic.getResult(0);
    result->out = generic.getIndexingMapsArray().back();
    SmallVector<unsigned> reductions;
    generic.getReductionDims(reductions);
    result->expertLoop = reductions.front();
    result->sinks.insert(op);
    result->terms.emplace_back();
    result->terms.back().value = stack->get();
    result->terms.back().map = generic.getMatchingIndexingMap(stack);
    result->nodes.push_back(std::make_unique<Node>());
    result->nodes.back()->kind = Node::Leaf;
    result->tree = result->nodes.back().get();
    return result;
  }
  auto elementwise = matchElementwise(op);
  if (!elementwise || !isa<FloatType>(getElementTypeOrSelf(
                          elementwise->generic.getResult(0).getType())))
    return nullptr;
  result->result = elementwise->generic.getResult(0);
  result->out = elementwise->generic.getIndexingMapsArray().back();
  result->isSelect = isa<arith::SelectOp>(elementwise->scalar);
  if (isa<arith::AddFOp>(elementwise->scalar) || result->isSelect) {
    // A select inside of a sum is a term of it.
    if (!alone && isTermOfSum(result->result))
      return nullptr;
    result->tree = builder.build(result->result, result->out, nullptr, true);
    if (!result->sinks.empty())
      return result;
    result->nodes.clear();
    result->terms.clear();
  }
  if (!isa<arith::MulFOp, arith::SelectOp>(elementwise->scalar) ||
      (!alone && isTermOfSum(result->result)) || result->result.use_empty())
    return nullptr;
  // A product, or what is written like one, that nothing is added to.
  for (Operation *user : result->result.getUsers()) {
    Operation *sink = op->getBlock()->findAncestorOpInBlock(*user);
    if (!sink)
      return nullptr;
    result->sinks.insert(sink);
  }
  result->terms.emplace_back();
  result->terms.back().value = result->result;
  result->terms.back().map = result->out;
  result->nodes.push_back(std::make_unique<Node>());
  result->nodes.back()->kind = Node::Leaf;
  result->tree = result->nodes.back().get();
  return result;
}
