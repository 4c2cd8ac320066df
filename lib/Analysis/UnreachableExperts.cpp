//===- UnreachableExperts.cpp - Experts no token goes to ------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// By the rules of moe.gate: of two experts the one that is always larger, or
// never smaller and further left, goes first. With k of them in front, or as
// many groups as are kept in front of its own, an expert has no token.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/UnreachableExperts.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "moe/Analysis/ValueRanges.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include <algorithm>
#include <cmath>
#include <functional>

using namespace mlir;
using namespace mlir::moe;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What an expert or a group is ranked by; NaN ranks as minus infinity.
static ValueRange64 asRank(ValueRange64 range) {
  if (range.nan)
    range.low = -kInfinity;
  range.nan = false;
  return range;
}

/// How many of `ranks` are sure to come before number `of`.
static int64_t countAhead(ArrayRef<ValueRange64> ranks, size_t of) {
  int64_t ahead = 0;
  for (auto [other, rank] : llvm::enumerate(ranks))
    ahead +=
        rank.low > ranks[of].high || (other < of && rank.low >= ranks[of].high);
  return ahead;
}

static SmallVector<ValueRange64> getRanks(GateOp gate, bool assumeFinite) {
  RangeAnalysis ranges(assumeFinite);
  Type type = getElementTypeOrSelf(gate.getScores().getType());
  if (!type.isF64())
    type = Float32Type::get(gate.getContext());
  SmallVector<ValueRange64> ranks;
  bool finite = assumeFinite;
  for (int64_t expert = 0; expert < gate.getNumExperts(); ++expert) {
    ranks.push_back(ranges.of(gate.getScores(), {std::nullopt, expert}));
    finite &= std::isfinite(ranks.back().low) &&
              std::isfinite(ranks.back().high) && !ranks.back().nan;
  }
  for (auto [expert, range] : llvm::enumerate(ranks)) {
    if (gate.getFunction() == ScoreFunction::sigmoid)
      range = ranges.sigmoid(range);
    else if (gate.getFunction() == ScoreFunction::softmax)
      // One NaN makes NaN of the whole row, which leaves the order of numbers.
      range = {0, range.high == -kInfinity ? 0.0 : 1.0,
               !finite && (gate.getBias() || gate.getThreshold())};
    if (gate.getBias())
      range =
          ranges.add(range, ranges.of(gate.getBias(), {int64_t(expert)}), type);
    range = asRank(range);
  }
  return ranks;
}

static ValueRange64 rankGroup(ArrayRef<ValueRange64> experts, bool topTwo,
                              Type type) {
  SmallVector<double> lows, highs;
  for (ValueRange64 rank : experts) {
    lows.push_back(rank.low);
    highs.push_back(rank.high);
  }
  llvm::sort(lows, std::greater<>());
  llvm::sort(highs, std::greater<>());
  if (!topTwo)
    return {lows[0], highs[0], false};
  auto sum = [&](double a, double b) {
    double total = type.isF64() ? a + b : double(float(a) + float(b));
    return std::isnan(total) ? -kInfinity : total;
  };
  return {sum(lows[0], lows[1]), sum(highs[0], highs[1]), false};
}

static std::string formatCount(int64_t count, StringRef what) {
  return std::to_string(count) + " " + what.str() + (count == 1 ? "" : "s");
}

static SmallVector<UnreachableExpert> findInGate(GateOp gate,
                                                 bool assumeFinite) {
  SmallVector<UnreachableExpert> found;
  int64_t experts = gate.getNumExperts();
  std::optional<int64_t> k = gate.getSelectedPerToken();
  auto all = [&](StringRef reason) {
    for (int64_t expert = 0; expert < experts; ++expert)
      found.push_back({expert, reason.str()});
    return found;
  };
  if (k == 0)
    return all("top_k(0) selects none");
  if (gate.getCapacity() == 0 ||
      (gate.getCapacityFactor() &&
       gate.getCapacityFactor()->convertToDouble() == 0))
    return all("its capacity is 0");

  SmallVector<ValueRange64> ranks = getRanks(gate, assumeFinite);
  Type type = getElementTypeOrSelf(gate.getScores().getType());
  if (gate.getThreshold()) {
    double threshold = gate.getThreshold()->convertToDouble();
    if (!type.isF64())
      threshold = double(float(threshold));
    for (auto [expert, rank] : llvm::enumerate(ranks))
      if (rank.high <= threshold)
        found.push_back({int64_t(expert), "its score never exceeds the "
                                          "threshold"});
    return found;
  }

  int64_t groups = gate.getGroups().value_or(1);
  int64_t kept = gate.getGroupsKept().value_or(1);
  int64_t size = experts / groups;
  bool topTwo = gate.getGroupScore() == GroupScore::top2_sum;
  SmallVector<ValueRange64> groupRanks;
  for (int64_t group = 0; group < groups; ++group)
    groupRanks.push_back(
        rankGroup(ArrayRef(ranks).slice(group * size, size), topTwo, type));
  for (int64_t group = 0; group < groups; ++group) {
    bool dropped = groups > 1 && countAhead(groupRanks, group) >= kept;
    for (int64_t place = 0; place < size; ++place) {
      int64_t expert = group * size + place;
      // Groups are kept whole, so that those ahead in its own stay ahead.
      if (dropped)
        found.push_back({expert, formatCount(kept, "group") +
                                     " always ranked before its own"});
      else if (countAhead(ArrayRef(ranks).slice(group * size, size), place) >=
               *k)
        found.push_back(
            {expert, formatCount(*k, "expert") + " always ranked before it"});
    }
  }
  return found;
}

static SmallVector<UnreachableExpert> findInRoute(RouteOp route,
                                                  bool assumeFinite) {
  SmallVector<UnreachableExpert> found;
  RangeAnalysis ranges(assumeFinite);
  Value choice = route.getChoice();
  auto type = cast<RankedTensorType>(choice.getType());
  int64_t experts = route.getType().getExperts();
  if (route.isMask()) {
    for (int64_t expert = 0; expert < experts; ++expert)
      if (ranges.of(choice, {std::nullopt, expert}).high == 0)
        found.push_back({expert, "its column of the mask is false"});
    return found;
  }
  auto integer = dyn_cast<IntegerType>(type.getElementType());
  if (integer && (!integer.isSignless() || integer.getWidth() == 1))
    return found;
  SmallVector<bool> named(experts);
  DenseElementsAttr table;
  if (matchPattern(choice, m_Constant(&table))) {
    for (const APInt &number : table.getValues<APInt>())
      if (number.isNonNegative() && number.ult(experts))
        named[number.getZExtValue()] = true;
  } else {
    for (int64_t column = 0; column < type.getDimSize(1); ++column) {
      ValueRange64 range = ranges.of(choice, {std::nullopt, column});
      double first = std::max(range.low, 0.0);
      double last = std::min(range.high, double(experts - 1));
      for (double number = first; number <= last; ++number)
        named[int64_t(number)] = true;
    }
  }
  for (auto [expert, isNamed] : llvm::enumerate(named))
    if (!isNamed)
      found.push_back({int64_t(expert), "no token names its number"});
  return found;
}

SmallVector<UnreachableExpert> moe::findUnreachableExperts(Value routing,
                                                           bool assumeFinite) {
  if (auto gate = routing.getDefiningOp<GateOp>())
    return findInGate(gate, assumeFinite);
  if (auto route = routing.getDefiningOp<RouteOp>())
    return findInRoute(route, assumeFinite);
  return {};
}
