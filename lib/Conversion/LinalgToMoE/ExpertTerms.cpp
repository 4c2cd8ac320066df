//===- ExpertTerms.cpp - Experts whose results become one tensor ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpertTerms.h"
#include "ExpertWork.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

Read Term::getMask(size_t number) const {
  Labels labels;
  for (int64_t dim : where.getAlong())
    labels.push_back(values.front().labels[dim]);
  return {where.getMasks()[number], labels};
}

std::optional<bool> Term::getKnown(const Read &condition) const {
  if (!where)
    return std::nullopt;
  for (size_t i = 0, e = where.getMasks().size(); i < e && i <= number; ++i)
    if (getMask(i) == condition)
      return i == number;
  return std::nullopt;
}

bool ExpertTerms::hasRows(const Labels &labels) const {
  return llvm::any_of(labels, [&](int64_t label) {
    return isToken(label) && label != expertLoop;
  });
}

Read ExpertTerms::getRowRead(const Read &read) const {
  Read rows = read;
  for (int64_t &label : rows.labels)
    if (!isToken(label) && label != expertLoop)
      label = kInner;
  return rows;
}

bool ExpertTerms::isRowLevel(const Read &read) const {
  auto type = cast<RankedTensorType>(read.value.getType());
  for (auto [dim, label] : llvm::enumerate(read.labels))
    if (type.getDimSize(dim) != 1 && label != expertLoop && !isToken(label))
      return false;
  return true;
}

SmallVector<int64_t> ExpertTerms::getFeatures(const Read &result) const {
  SmallVector<int64_t> features;
  for (int64_t loop : result.labels)
    if (!isToken(loop))
      features.push_back(loop);
  return features;
}

std::optional<int64_t> ExpertTerms::getNumStacked() const {
  auto find = [&](const Read &read) -> std::optional<int64_t> {
    auto type = cast<RankedTensorType>(read.value.getType());
    for (auto [dim, label] : llvm::enumerate(read.labels))
      if (label == expertLoop && !type.isDynamicDim(dim))
        return type.getDimSize(dim);
    return std::nullopt;
  };
  for (const Term &term : terms) {
    if (auto number = find(term.values.front()))
      return number;
    if (auto number = find(term.getMask(term.number)))
      return number;
  }
  return std::nullopt;
}

namespace {

class TermFinder {
public:
  explicit TermFinder(ExpertTerms &result) : result(result) {}

  bool collect(Operation *op);
  /// Which terms are experts, and along which loops tokens run.
  std::string decide();

private:
  void addCases(WhereOp where, ArrayRef<Labels> labels);
  void visitSum(Value value, AffineMap map, bool isRoot);
  void addTokenLoops();
  bool mayBeTokens(int64_t loop);

  ExpertTerms &result;
  Block *block = nullptr;
};

} // namespace

void TermFinder::addCases(WhereOp where, ArrayRef<Labels> labels) {
  auto add = [&](Region &region, size_t number) {
    Term &term = result.terms.emplace_back();
    term.where = where;
    term.number = number;
    for (auto [value, loops] :
         llvm::zip_equal(where.getYield(region).getOperands(), labels))
      term.values.push_back({value, loops});
    term.slice = std::make_unique<RowSlice>(
        term.values, &region.front(),
        [](const RowSlice &, Operation *, const RowFlow &) { return true; });
  };
  for (auto [number, region] : llvm::enumerate(where.getCases()))
    add(region, number);
  if (!where.getOtherwise().empty())
    add(where.getOtherwise(), where.getCases().size());
}

/// A moe.where of one case that nothing but a sum reads is a term of it.
static WhereOp getTerm(Value value, AffineMap map) {
  auto where = value.getDefiningOp<WhereOp>();
  bool isTerm = where && where.getNumResults() == 1 && map.isPermutation() &&
                where.getCases().size() == 1 && where.getOtherwise().empty() &&
                getOnlyReader(value) && !getStackDim(where);
  return isTerm ? where : WhereOp();
}

static bool isSumOfTwo(Operation *op) {
  auto sum = matchElementwise(op);
  return sum && isa<arith::AddFOp>(sum->scalar) &&
         llvm::all_of(sum->operands, [](const ScalarOperand &operand) {
           return operand.tensor && operand.map.isProjectedPermutation(true);
         });
}

void TermFinder::visitSum(Value value, AffineMap map, bool isRoot) {
  if (WhereOp where = getTerm(value, map); where && where->getBlock() == block)
    return addCases(where, getLabels(map));
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != block || !isSumOfTwo(op) ||
      (!isRoot && !getOnlyReader(value))) {
    if (!isZero(getSplat(value)))
      result.addends.push_back({value, getLabels(map)});
    return;
  }
  auto sum = matchElementwise(op);
  AffineMap toLoops =
      inversePermutation(sum->generic.getIndexingMapsArray().back())
          .compose(map);
  for (const ScalarOperand &operand : sum->operands)
    visitSum(operand.tensor, operand.map.compose(toLoops), false);
}

bool TermFinder::collect(Operation *op) {
  block = op->getBlock();
  if (auto where = dyn_cast<WhereOp>(op)) {
    SmallVector<Labels> labels;
    for (Value value : where.getResults()) {
      // Rows of the first result are those of all, and nothing else is.
      int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
      Labels loops;
      for (int64_t dim = 0; dim < rank; ++dim) {
        bool shared =
            labels.empty() || llvm::is_contained(where.getAlong(), dim);
        loops.push_back(shared ? dim : result.numLoops + dim);
      }
      result.numLoops += rank;
      result.results.push_back({value, loops});
      labels.push_back(loops);
    }
    addCases(where, labels);
    return true;
  }
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return false;
  if (auto sum = matchSum(op); sum && sum->factors.size() == 1) {
    OpOperand *operand = sum->factors.front();
    auto where = operand->get().getDefiningOp<WhereOp>();
    std::optional<int64_t> stack =
        where && where->getBlock() == block ? getStackDim(where) : std::nullopt;
    if (!stack || where.getCases().size() != 1 || !where.getOtherwise().empty())
      return false;
    AffineMap map = generic.getMatchingIndexingMap(operand);
    result.results.push_back(
        {generic.getResult(0),
         getLabels(generic.getIndexingMapsArray().back())});
    result.numLoops = generic.getNumLoops();
    result.expertLoop = map.getDimPosition(*stack);
    addCases(where, getLabels(map));
    return true;
  }
  if (!isSumOfTwo(op))
    return false;
  AffineMap out = generic.getIndexingMapsArray().back();
  result.results.push_back({generic.getResult(0), getLabels(out)});
  result.numLoops = generic.getNumLoops();
  visitSum(generic.getResult(0), out, true);
  return !result.terms.empty();
}

/// Whether all experts compute row by row along `loop` too.
bool TermFinder::mayBeTokens(int64_t loop) {
  return llvm::all_of(result.terms, [&](const Term &term) {
    if (!term.isExpert)
      return true;
    for (const Obstacle &obstacle : term.slice->getObstacles())
      if (llvm::is_contained(obstacle.labels, loop))
        return false;
    return llvm::all_of(term.slice->getInputs(), [&](const Read &input) {
      return !llvm::is_contained(input.labels, loop) ||
             llvm::all_of(result.tokens, [&](int64_t token) {
               return llvm::is_contained(input.labels, token);
             });
    });
  });
}

/// Loops that may run over tokens as well, if something is left of a row. They
/// are loops of all results.
void TermFinder::addTokenLoops() {
  const Read &first = result.results.front();
  auto type = cast<RankedTensorType>(first.value.getType());
  SmallVector<int64_t> tokens;
  bool features = false;
  for (auto [dim, loop] : llvm::enumerate(first.labels)) {
    if (result.isToken(loop) ||
        (result.results.size() == 1 && mayBeTokens(loop)))
      tokens.push_back(loop);
    else
      features |= type.getDimSize(dim) != 1;
  }
  if (features)
    result.tokens = tokens;
  else
    llvm::sort(result.tokens, [&](int64_t a, int64_t b) {
      return llvm::find(first.labels, a) < llvm::find(first.labels, b);
    });
}

std::string TermFinder::decide() {
  if (result.expertLoop && !result.getNumStacked())
    return "has a number of experts that is not static";
  for (const Term &term : result.terms)
    for (int64_t loop : term.getMask(0).labels)
      if (loop != result.expertLoop && !result.isToken(loop))
        result.tokens.push_back(loop);
  std::string reason;
  bool any = false;
  // One moe.where is decided as a whole; others hold work, each for itself.
  SmallVector<bool> chosen;
  if (isa<WhereOp>(result.results.front().value.getDefiningOp())) {
    SmallVector<const RowSlice *> slices;
    for (const Term &term : result.terms)
      slices.push_back(term.slice.get());
    WhereOp where = result.terms.front().where;
    result.expertLoop = findExpertsOfRows(where, slices, result.tokens);
    if (result.expertLoop)
      chosen.assign(slices.size(), true);
    else
      chosen = chooseExperts(where, slices, result.tokens, std::nullopt);
  }
  for (auto [number, term] : llvm::enumerate(result.terms)) {
    ExpertWork work(*term.slice, term.values, result.tokens, result.expertLoop,
                    result.haveOwnRows());
    term.isExpert = chosen.empty() ? work.isWorthIt() && work.isOfExperts()
                                   : chosen[number];
    if (work.isWorthIt() && work.findWhole()) {
      term.isExpert = false;
      reason = "is needed as a whole, for all experts and tokens";
    }
    for (const Obstacle &obstacle : term.slice->getObstacles())
      for (int64_t label : obstacle.labels)
        if (term.isExpert && (result.isToken(label) ||
                              (label == result.expertLoop &&
                               obstacle.kind != Obstacle::UsesPosition))) {
          term.isExpert = false;
          reason = obstacle.reason.str();
        }
    any |= term.isExpert;
  }
  if (!any)
    return reason;
  addTokenLoops();
  // The sizes of a row are those of a type.
  for (const Read &read : result.results)
    for (auto [size, loop] : llvm::zip_equal(
             cast<RankedTensorType>(read.value.getType()).getShape(),
             read.labels))
      if (!result.isToken(loop) && ShapedType::isDynamic(size))
        return "has rows of a size that is not static";
  return result.tokens.empty() ? "has no tokens" : "";
}

std::unique_ptr<ExpertTerms> moe::findExpertTerms(Operation *op,
                                                  std::string &reason) {
  auto result = std::make_unique<ExpertTerms>();
  TermFinder finder(*result);
  if (!finder.collect(op))
    return nullptr;
  reason = finder.decide();
  // A term of a sum that is none stays for itself.
  bool isSum = !isa<WhereOp>(op);
  llvm::erase_if(result->terms, [&](Term &term) {
    if (!isSum || term.isExpert)
      return false;
    result->addends.push_back(
        {term.where.getResult(0), term.values.front().labels});
    return true;
  });
  bool any = llvm::any_of(result->terms,
                          [](const Term &term) { return term.isExpert; });
  return any && reason.empty() ? std::move(result) : nullptr;
}
