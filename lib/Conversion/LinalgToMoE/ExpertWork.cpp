//===- ExpertWork.cpp - Whether an expert pays ----------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpertWork.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

/// What a size counts as that no type tells: large enough for work to pay.
static constexpr double kUnknownSize = 64;

static double sizeOf(int64_t size) {
  return ShapedType::isDynamic(size) ? kUnknownSize : size;
}

double ExpertWork::sizeOfRow(const Read &read) const {
  auto type = cast<RankedTensorType>(read.value.getType());
  double elements = 1;
  for (auto [size, label] : llvm::zip_equal(type.getShape(), read.labels))
    if (!isRow(label))
      elements *= sizeOf(size);
  return elements;
}

/// Of one row.
double ExpertWork::countOperations(linalg::GenericOp op) const {
  if (isCopy(op))
    return 0;
  double operations = 0;
  for (Operation &scalar : op.getBody()->without_terminator()) {
    if (isa<math::MathDialect>(scalar.getDialect()))
      operations += 10;
    else if (isa<arith::DivFOp, arith::RemFOp>(scalar))
      operations += 4;
    else if (isa<arith::ArithDialect>(scalar.getDialect()) &&
             !isa<arith::ConstantOp>(scalar))
      operations += 1;
    else
      operations += scalar.getNumRegions() > 0 ? 4 : 1;
  }
  // Loops over rows and experts run once.
  Labels loops = getLoopLabels(op, slice.labelsOfResults(op));
  for (auto [size, label] : llvm::zip_equal(op.getStaticLoopRanges(), loops))
    if (!isRow(label))
      operations *= sizeOf(size);
  return operations;
}

bool ExpertWork::isWorthIt() const {
  double operations = 0;
  for (Operation *op : slice.getOperations()) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (generic && llvm::any_of(op->getResults(), [&](Value result) {
          return slice.knows(result) && hasTokens(slice.labelsOf(result));
        }))
      operations += countOperations(generic);
  }
  // For F operations on a row of R elements read and W written, code for all
  // rows costs F + R + W. An expert costs F + 3R + 3W (inputs are gathered, and
  // results are packed) for its rows and W for all of them: less, where no more
  // than half of the rows are active, if F is at least R + 3W. What several
  // rows share, such as the weights of an expert whose number is one of a row's
  // dimensions, is copied for all of them first: 2R for twice as many rows.
  auto isShared = [&](const Read &input) {
    return llvm::any_of(results, [&](const Read &result) {
      auto type = cast<RankedTensorType>(result.value.getType());
      return llvm::any_of(
          llvm::zip_equal(type.getShape(), result.labels), [&](auto sized) {
            auto [size, label] = sized;
            return size != 1 && llvm::is_contained(tokens, label) &&
                   !llvm::is_contained(input.labels, label);
          });
    });
  };
  double moved = 0;
  for (const Read &result : results)
    moved += 3 * sizeOfRow(result);
  for (const Read &input : slice.getInputs())
    if (hasTokens(input.labels))
      moved += (isShared(input) ? 5 : 1) * sizeOfRow(input);
  return operations >= moved;
}

bool ExpertWork::computes() const {
  return llvm::any_of(slice.getOperations(), [&](Operation *op) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    return generic && countOperations(generic) > 0 &&
           llvm::any_of(op->getResults(), [&](Value result) {
             return slice.knows(result) && hasTokens(slice.labelsOf(result));
           });
  });
}

const Read *ExpertWork::findWhole() const {
  for (const Read &input : slice.getInputs())
    if (stack && !ownRows && llvm::is_contained(input.labels, *stack) &&
        hasTokens(input.labels) && sizeOfRow(input) != 1)
      return &input;
  return nullptr;
}

bool ExpertWork::isOfExperts() const {
  double own = 0, rows = 0;
  for (const Read &input : slice.getInputs()) {
    bool ofExpert = stack && llvm::is_contained(input.labels, *stack);
    if (ofExpert != hasTokens(input.labels))
      (ofExpert ? own : rows) += sizeOfRow(input);
  }
  return !stack || own == 0 || own >= rows;
}

Operation *ExpertWork::findMixing() const {
  auto rowsOf = [&](const Labels &labels) {
    Labels rows(labels);
    for (int64_t &label : rows)
      if (!llvm::is_contained(tokens, label))
        label = kInner;
    return rows;
  };
  for (const Read &input : slice.getInputs()) {
    ArrayRef<RowSlice::Reading> all = slice.readingsOf(input.value);
    for (const RowSlice::Reading &other : all.drop_front())
      if (rowsOf(other.labels) != rowsOf(all.front().labels))
        return other.user;
  }
  return nullptr;
}

SmallVector<Read> moe::getYielded(WhereOp where, Region &region) {
  SmallVector<Read> roots;
  bool single = where.getNumResults() == 1;
  for (Value value : where.getYield(region).getOperands()) {
    Labels labels;
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    for (int64_t dim = 0; dim < rank; ++dim)
      labels.push_back(
          single || llvm::is_contained(where.getAlong(), dim) ? dim : kInner);
    roots.push_back({value, labels});
  }
  return roots;
}

std::optional<int64_t> moe::findExpertsOfRows(WhereOp where,
                                              ArrayRef<const RowSlice *> slices,
                                              ArrayRef<int64_t> tokens) {
  if (slices.size() != 1 || where.getNumResults() != 1 || tokens.size() < 2)
    return std::nullopt;
  const RowSlice &slice = *slices.front();
  SmallVector<Read> results = getYielded(where, where.getCases().front());
  auto type = cast<RankedTensorType>(where.getResult(0).getType());
  if (ExpertWork(slice, results, tokens, std::nullopt).findMixing())
    return std::nullopt;
  for (int64_t experts : tokens) {
    auto others = llvm::to_vector(llvm::make_filter_range(
        tokens, [&](int64_t token) { return token != experts; }));
    bool hasWeights = llvm::any_of(slice.getInputs(), [&](const Read &input) {
      return llvm::is_contained(input.labels, experts) &&
             llvm::none_of(others, [&](int64_t token) {
               return llvm::is_contained(input.labels, token);
             });
    });
    ExpertWork work(slice, results, others, experts, /*ownRows=*/true);
    if (hasWeights && !type.isDynamicDim(experts) && work.isWorthIt())
      return experts;
  }
  return std::nullopt;
}

SmallVector<Region *> moe::getRegions(WhereOp where) {
  SmallVector<Region *> regions;
  for (Region &region : where.getCases())
    regions.push_back(&region);
  if (!where.getOtherwise().empty())
    regions.push_back(&where.getOtherwise());
  return regions;
}

SmallVector<bool> moe::chooseExperts(WhereOp where,
                                     ArrayRef<const RowSlice *> slices,
                                     ArrayRef<int64_t> tokens,
                                     std::optional<int64_t> stack) {
  SmallVector<bool> chosen, computes, possible;
  SmallVector<Region *> regions = getRegions(where);
  SmallVector<SmallVector<Read>> values;
  for (auto [region, slice] : llvm::zip_equal(regions, slices)) {
    values.push_back(getYielded(where, *region));
    ExpertWork work(*slice, values.back(), tokens, stack);
    possible.push_back(!work.findWhole() && !work.findMixing() &&
                       work.isOfExperts());
    computes.push_back(possible.back() && work.computes());
    chosen.push_back(possible.back() && work.isWorthIt());
  }
  if (!llvm::is_contained(chosen, true)) {
    if (regions.size() > 1 && !llvm::is_contained(computes, false))
      return computes;
    return chosen;
  }
  // A row that no case takes stays where it is.
  size_t cases = where.getCases().size();
  for (size_t number = 0; number < regions.size(); ++number) {
    if (chosen[number] || computes[number]) {
      chosen[number] = true;
      continue;
    }
    auto isKnown = [&](const Read &read) {
      bool rows = llvm::any_of(read.labels, [&](int64_t label) {
        return llvm::is_contained(tokens, label);
      });
      return !rows || isa<BlockArgument>(read.value) ||
             llvm::any_of(slices, [&](const RowSlice *slice) {
               return slice != slices[number] && slice->isInput(read.value);
             });
    };
    // Zero is what is left of a row that has no expert.
    bool zero = llvm::all_of(values[number], [](const Read &read) {
      return isZero(getSplat(read.value));
    });
    chosen[number] = number < cases && possible[number] && !zero &&
                     llvm::all_of(slices[number]->getInputs(), isKnown);
  }
  return chosen;
}
