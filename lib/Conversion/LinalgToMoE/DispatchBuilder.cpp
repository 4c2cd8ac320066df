//===- DispatchBuilder.cpp - A dispatch in place of masked terms ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A routing of the masks, a region for each expert, and what is left of the
// tree.
//
//===----------------------------------------------------------------------===//

#include "ExpertBody.h"
#include "RootTensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

class DispatchBuilder : private RootTensors {
public:
  explicit DispatchBuilder(ExpertTerms &terms);
  void run();

private:
  // Routing.
  Value getMask(const Term &term, size_t number);
  Value getColumn(const Term &term);
  Value getNeither(const Term &term);
  Value makeNumbers(
      ArrayRef<Read> masks,
      llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> payload);
  Value makeOwnNumbers();
  Value makeEither();
  Value makeMask();
  std::optional<unsigned> findScale(const Term &term);
  std::optional<Read> getScalar(const Term &term);
  void chooseWeights();
  Value makeWeights();
  // Experts.
  bool isWeight(const Term &term, const Read &input);
  void collectTokens();
  void fillRegion(Region &region, const Term &term);
  // What is left.
  Value getRest(size_t number);
  void moveOut(const Term &term);

  /// Whether the terms are those of one moe.where that chooses, or are added.
  bool isSelect;
  SmallVector<Term *> experts;
  int64_t numExperts;
  /// Whether no row has two of the masks of a moe.where.
  llvm::SmallDenseMap<Operation *, bool> exclusive;

  /// Whether the combination multiplies by the weights.
  bool weighted = false;
  /// The scalar of each expert that becomes the weight of its rows.
  llvm::SmallDenseMap<const Term *, Read> scalars;
  SmallVector<Read> tokenInputs;
  SmallVector<Value> tokenOperands;
};

} // namespace

DispatchBuilder::DispatchBuilder(ExpertTerms &terms)
    : RootTensors(terms),
      isSelect(isa<WhereOp>(terms.results.front().value.getDefiningOp())) {
  for (Term &term : terms.terms)
    if (term.isExpert)
      experts.push_back(&term);
  numExperts = terms.expertLoop ? *terms.getNumStacked() : experts.size();
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

/// Whether no row has two of the masks: one number is compared with constants
/// that differ.
static bool areExclusive(ValueRange masks) {
  std::optional<Elementwise> first;
  llvm::DenseSet<Attribute> constants;
  for (Value mask : masks) {
    auto op = matchElementwise(mask.getDefiningOp());
    auto compare = op ? dyn_cast<arith::CmpIOp>(op->scalar) : nullptr;
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq ||
        op->operands[0].constant || !op->operands[0].tensor ||
        !op->operands[1].constant)
      return false;
    if (!first)
      first = op;
    if (op->operands[0].tensor != first->operands[0].tensor ||
        op->operands[0].map != first->operands[0].map ||
        op->generic.getIndexingMapsArray().back() !=
            first->generic.getIndexingMapsArray().back() ||
        !constants.insert(op->operands[1].constant).second)
      return false;
  }
  return true;
}

/// A mask of the moe.where of a term, along the loops over tokens, and over
/// experts if there is one.
Value DispatchBuilder::getMask(const Term &term, size_t number) {
  SmallVector<int64_t> loops(terms.tokens);
  if (terms.expertLoop)
    loops.push_back(*terms.expertLoop);
  return copy(term.getMask(number), loops);
}

/// Whether a token has none of the masks of a moe.where.
Value DispatchBuilder::getNeither(const Term &term) {
  WhereOp where = term.where;
  // As they are tested, so that the other columns are the same operation.
  SmallVector<Value> masks;
  for (size_t number = 0; number < where.getMasks().size(); ++number)
    masks.push_back(flatten(getMask(term, number)));
  Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  return createReduction(
      b, loc, joinColumns(b, loc, masks, b.getI1Type()), /*kept=*/{0},
      b.getBoolAttr(true),
      [&](OpBuilder &b, Location loc, Value none, Value one) -> Value {
        Value other = arith::XOrIOp::create(b, loc, one, yes);
        return arith::AndIOp::create(b, loc, none, other);
      });
}

/// Whether each token, as one dimension, is one of the term; with a loop over
/// experts, whether it is one of each of them.
Value DispatchBuilder::getColumn(const Term &term) {
  WhereOp where = term.where;
  if (term.isOtherwise() && where.getMasks().size() > 1)
    return getNeither(term);
  auto [known, isNew] = exclusive.try_emplace(where, false);
  if (isNew)
    known->second = areExclusive(where.getMasks());
  // The first mask that holds decides.
  SmallVector<Read> reads;
  SmallVector<int64_t> loops(terms.tokens);
  if (terms.expertLoop)
    loops.push_back(*terms.expertLoop);
  bool own = !term.isOtherwise();
  if (own)
    reads.push_back(term.getMask(term.number));
  if (!own || !known->second)
    for (size_t number = 0; number < term.number; ++number)
      reads.push_back(term.getMask(number));
  return flatten(map(
      reads, loops, b.getI1Type(),
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value all = own ? args.front() : Value();
        Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
        for (Value earlier : args.take_front(reads.size()).drop_front(own)) {
          Value not_ = arith::XOrIOp::create(b, loc, earlier, yes);
          all = all ? arith::AndIOp::create(b, loc, all, not_) : not_;
        }
        return all;
      }));
}

/// [N, 1], the number of the expert of each row, or none, computed from masks.
Value DispatchBuilder::makeNumbers(
    ArrayRef<Read> masks,
    llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> payload) {
  Type i64 = b.getI64Type();
  Value numbers = flatten(map(masks, terms.tokens, i64, payload));
  OpFoldResult rows = tensor::getMixedSize(b, loc, numbers, 0);
  auto type = RankedTensorType::get(
      {cast<RankedTensorType>(numbers.getType()).getDimSize(0), 1}, i64);
  return tensor::ExpandShapeOp::create(
      b, loc, type, numbers, ArrayRef{ReassociationIndices{0, 1}},
      ArrayRef<OpFoldResult>{rows, b.getIndexAttr(1)});
}

static Value makeNumber(OpBuilder &b, Location loc, int64_t number) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(number));
}

/// Of rows that each expert has for itself: its own where the mask holds.
Value DispatchBuilder::makeOwnNumbers() {
  size_t place =
      llvm::find(terms.tokens, *terms.expertLoop) - terms.tokens.begin();
  return makeNumbers(experts.front()->getMask(0),
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       Value number = arith::IndexCastOp::create(
                           b, loc, b.getI64Type(),
                           linalg::IndexOp::create(b, loc, place));
                       return arith::SelectOp::create(b, loc, args[0], number,
                                                      makeNumber(b, loc, -1));
                     });
}

/// Of a mask and what is behind `else`.
Value DispatchBuilder::makeEither() {
  return makeNumbers(experts.front()->getMask(0),
                     [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       return arith::SelectOp::create(b, loc, args[0],
                                                      makeNumber(b, loc, 0),
                                                      makeNumber(b, loc, 1));
                     });
}

Value DispatchBuilder::makeMask() {
  if (terms.haveOwnRows())
    return makeOwnNumbers();
  if (terms.expertLoop)
    return getColumn(*experts.front());
  // A number is read faster than two truth values.
  if (isSelect && experts.size() == 2 && scalars.empty() &&
      experts.front()->where.getMasks().size() == 1)
    return makeEither();
  SmallVector<Value> columns;
  for (Term *term : experts)
    columns.push_back(getColumn(*term));
  return joinColumns(b, loc, columns, b.getI1Type());
}

/// The factor that each row is multiplied by last: an operand of the term.
std::optional<unsigned> DispatchBuilder::findScale(const Term &term) {
  if (term.values.size() > 1)
    return std::nullopt;
  auto op = matchElementwise(term.values.front().value.getDefiningOp());
  if (!op || !isa<arith::MulFOp>(op->scalar) ||
      !term.slice->contains(op->generic))
    return std::nullopt;
  for (auto [number, operand] : llvm::enumerate(op->operands)) {
    Read read{operand.tensor, {}};
    if (!operand.tensor || !op->operands[1 - number].tensor ||
        !operand.map.isProjectedPermutation(true))
      continue;
    read.labels = term.slice->labelsBy(op->generic, operand.map);
    if (llvm::is_contained(term.slice->getInputs(), read) &&
        terms.isRowLevel(read))
      return number;
  }
  return std::nullopt;
}

/// A number for each row that only this expert reads.
std::optional<Read> DispatchBuilder::getScalar(const Term &term) {
  for (const Read &input : term.slice->getInputs()) {
    Type number = getElementTypeOrSelf(input.value.getType());
    bool others = llvm::any_of(experts, [&](Term *other) {
      return other != &term && other->slice->isInput(input.value);
    });
    if (!number.isF32() && !number.isF16() && !number.isBF16())
      continue;
    if (terms.isRowLevel(input) && !others && terms.hasRows(input.labels) &&
        (!terms.expertLoop ||
         llvm::is_contained(input.labels, terms.expertLoop)))
      return input;
  }
  return std::nullopt;
}

/// The weights of the routing are the last factor of each expert, where all
/// have one; otherwise a number that the body is given.
void DispatchBuilder::chooseWeights() {
  Type element = getElementTypeOrSelf(terms.results.front().value.getType());
  weighted = element.isF32() && llvm::all_of(experts, [&](Term *term) {
               return findScale(*term).has_value();
             });
  for (Term *term : experts) {
    if (weighted) {
      auto op = matchElementwise(term->values.front().value.getDefiningOp());
      const ScalarOperand &scale = op->operands[*findScale(*term)];
      scalars[term] = {scale.tensor,
                       term->slice->labelsBy(op->generic, scale.map)};
    } else if (auto scalar = getScalar(*term)) {
      scalars[term] = *scalar;
    }
  }
}

Value DispatchBuilder::makeWeights() {
  if (scalars.empty())
    return nullptr;
  Type f32 = b.getF32Type();
  SmallVector<int64_t> loops(terms.tokens);
  if (terms.expertLoop)
    loops.push_back(*terms.expertLoop);
  SmallVector<Value> columns;
  for (Term *term : experts) {
    SmallVector<Read> reads;
    if (scalars.contains(term))
      reads.push_back(scalars[term]);
    columns.push_back(flatten(map(
        reads, loops, f32,
        [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
          if (reads.empty())
            return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1.0));
          if (args[0].getType() == f32)
            return args[0];
          return arith::ExtFOp::create(b, loc, f32, args[0]);
        })));
  }
  return terms.expertLoop ? columns.front() : joinColumns(b, loc, columns, f32);
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

/// Whether the weights of the routing are `input`, and the body needs it as
/// nothing else.
bool DispatchBuilder::isWeight(const Term &term, const Read &input) {
  auto scalar = scalars.find(&term);
  if (scalar == scalars.end() ||
      !(terms.getRowRead(scalar->second) == terms.getRowRead(input)))
    return false;
  if (!weighted)
    return true;
  // What the combination multiplies by may be read before as well.
  unsigned reads = 0;
  for (Operation *op : term.slice->getOperations())
    for (OpOperand &operand : op->getOpOperands()) {
      if (operand.get() != input.value)
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      reads += !generic ||
               terms.getRowRead(
                   {input.value,
                    term.slice->labelsBy(
                        generic, generic.getMatchingIndexingMap(&operand))}) ==
                   terms.getRowRead(input);
    }
  return reads == 1;
}

void DispatchBuilder::collectTokens() {
  for (Term *term : experts)
    for (const Read &each : term->slice->getInputs()) {
      Read input = terms.getRowRead(each);
      if (!terms.hasRows(input.labels) || term->getKnown(each) ||
          isWeight(*term, input) || llvm::is_contained(tokenInputs, input))
        continue;
      tokenInputs.push_back(input);
      tokenOperands.push_back(gatherable(input));
    }
}

void DispatchBuilder::fillRegion(Region &region, const Term &term) {
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> types;
  bool family = terms.expertLoop.has_value();
  bool hasWeights = !scalars.empty() && !weighted;
  if (family)
    types.push_back(b.getIndexType());
  for (Value operand : tokenOperands) {
    auto type = cast<RankedTensorType>(operand.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.front() = ShapedType::kDynamic;
    types.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  if (hasWeights)
    types.push_back(
        RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type()));
  SmallVector<Location> locations(types.size(), loc);
  Block *block = b.createBlock(&region, {}, types, locations);
  ValueRange arguments = block->getArguments();
  Value number = family ? arguments.front() : Value();
  if (family)
    arguments = arguments.drop_front();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value rows = tensor::DimOp::create(b, loc, arguments.front(), zero);
  ExpertBody body(b, terms, term, number, rows);
  for (auto [input, argument] : llvm::zip(tokenInputs, arguments))
    body.setRows(input, argument, false);
  if (hasWeights && scalars.contains(&term))
    body.setRows(scalars[&term], arguments.back(), true);
  SmallVector<Value> yielded;
  for (auto [value, result] : llvm::zip_equal(term.values, terms.results)) {
    Read read = value;
    if (weighted) {
      auto op = matchElementwise(value.value.getDefiningOp());
      const ScalarOperand &rest = op->operands[1 - *findScale(term)];
      read = {rest.tensor, {}};
      for (int64_t dim : getLabels(rest.map.compose(
               inversePermutation(op->generic.getIndexingMapsArray().back()))))
        read.labels.push_back(dim == kInner ? kInner : value.labels[dim]);
    }
    yielded.push_back(body.emitTerm(read, result));
  }
  YieldOp::create(b, loc, yielded);
}

//===----------------------------------------------------------------------===//
// What is left
//===----------------------------------------------------------------------===//

/// The terms of a result that are no experts, null where nothing is left: what
/// is added to the experts, or what a row is that has none.
Value DispatchBuilder::getRest(size_t number) {
  const Read &result = terms.results[number];
  const Labels &all = result.labels;
  Type element = getElementTypeOrSelf(result.value.getType());
  if (!isSelect) {
    Value total;
    for (const Read &addend : terms.addends) {
      if (!total) {
        total = materialize(addend, result);
        continue;
      }
      total = map({Read{total, all}, addend}, all, element,
                  [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                    return arith::AddFOp::create(b, loc, args[0], args[1]);
                  });
    }
    return total;
  }
  // From the last to the first, which decides. No row of an expert is looked
  // at: where it is the last, anything will do.
  WhereOp where = terms.terms.front().where;
  std::optional<Value> rest;
  if (where.getOtherwise().empty())
    rest = Value();
  for (const Term &term : llvm::reverse(terms.terms)) {
    if (term.isExpert)
      continue;
    Value value = term.values[number].value;
    if (!rest || (!*rest && isZero(getSplat(value)))) {
      if (!rest)
        rest = isZero(getSplat(value)) ? Value() : value;
      continue;
    }
    SmallVector<Read> reads{term.getMask(term.number), {value, all}};
    if (*rest)
      reads.push_back({*rest, all});
    bool isZeroElse = !*rest;
    rest = map(reads, all, element,
               [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                 Value no = isZeroElse ? arith::ConstantOp::create(
                                             b, loc, b.getZeroAttr(element))
                                             .getResult()
                                       : args[2];
                 return arith::SelectOp::create(b, loc, args[0], args[1], no);
               });
  }
  return rest.value_or(Value());
}

/// What a region computes that is no expert is computed for all rows.
void DispatchBuilder::moveOut(const Term &term) {
  Region &region = term.isOtherwise() ? term.where.getOtherwise()
                                      : term.where.getCases()[term.number];
  IRRewriter rewriter(b);
  for (Operation &op :
       llvm::make_early_inc_range(region.front().without_terminator()))
    rewriter.moveOpBefore(&op, term.where);
}

void DispatchBuilder::run() {
  if (!terms.haveOwnRows())
    chooseWeights();
  Value mask = makeMask();
  Value weights = makeWeights();
  auto routingType = RoutingType::get(b.getContext(), numExperts);
  Value routing = RouteOp::create(b, loc, routingType, mask, weights,
                                  /*most=*/IntegerAttr());
  collectTokens();
  if (tokenOperands.empty()) // Experts that read no rows still have some.
    tokenOperands.push_back(mask);

  SmallVector<Type> packed;
  for (const Read &result : terms.results) {
    auto type = cast<RankedTensorType>(result.value.getType());
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    for (auto [dim, loop] : llvm::enumerate(result.labels))
      if (!terms.isToken(loop))
        shape.push_back(type.getDimSize(dim));
    packed.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  auto dispatch = DispatchOp::create(
      b, loc, packed, tokenOperands, routing,
      static_cast<unsigned>(terms.expertLoop ? 1 : experts.size()));
  for (auto [region, term] : llvm::zip_equal(dispatch.getExperts(), experts))
    fillRegion(region, *term);

  if (isSelect)
    for (const Term &term : terms.terms)
      if (!term.isExpert)
        moveOut(term);
  for (auto [number, result] : llvm::enumerate(terms.results)) {
    Value rest = getRest(number);
    Value init;
    if (rest && isSelect)
      init = toTokens(rest, result);
    Value combined =
        CombineOp::create(b, loc, packed[number], dispatch.getResult(number),
                          routing, init, !weighted);
    Value value = unflatten(combined, result);
    if (rest && !isSelect)
      value = map({Read{rest, result.labels}, Read{value, result.labels}},
                  result.labels, getElementTypeOrSelf(value.getType()),
                  [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                    return arith::AddFOp::create(b, loc, args[0], args[1]);
                  });
    result.value.replaceAllUsesWith(value);
  }
}

void moe::replaceByDispatch(ExpertTerms &terms) {
  DispatchBuilder(terms).run();
}
