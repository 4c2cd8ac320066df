//===- DispatchBuilder.cpp - A dispatch in place of masked terms -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A routing of the masks, a region for each expert, and what is left of the
// tree.
//
//===----------------------------------------------------------------------===//

#include "DispatchBuilder.h"
#include "ExpertBody.h"
#include "JoinColumns.h"
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
  explicit DispatchBuilder(MaskedTerms &terms);
  void run();

private:
  // Routing.
  Value isNeeded(OpBuilder &b, Location loc, const MaskUse &use, Value element);
  bool exclude(const MaskUse &a, const MaskUse &b);
  Value getNeither(const Guard *guard);
  Value getColumn(const Guard *guard);
  Value getColumn(const Term &term);
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
  std::optional<Read> getRest(const Node *node);

  SmallVector<Term *> experts;
  int64_t numExperts;
  llvm::DenseMap<const Guard *, Value> columns;

  /// Whether the combination multiplies by the weights.
  bool weighted = false;
  /// The scalar of each expert that becomes the weight of its rows.
  llvm::SmallDenseMap<const Term *, Read> scalars;
  SmallVector<Read> tokenInputs;
  SmallVector<Value> tokenOperands;
};

} // namespace

DispatchBuilder::DispatchBuilder(MaskedTerms &terms) : RootTensors(terms) {
  for (Term &term : terms.terms)
    if (term.isExpert)
      experts.push_back(&term);
  numExperts = terms.expertLoop ? *terms.getNumStacked() : experts.size();
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

Value DispatchBuilder::isNeeded(OpBuilder &b, Location loc, const MaskUse &use,
                                Value element) {
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(element.getType()));
  if (use.isNumber) // NaN is not zero.
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, element,
                                 zero);
  if (use.needed)
    return element;
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, element, zero);
}

/// Whether no row has both: one number that is compared with two constants.
bool DispatchBuilder::exclude(const MaskUse &a, const MaskUse &b) {
  if (a.isNumber || b.isNumber || a.mask.labels != b.mask.labels)
    return false;
  auto mine = matchElementwise(a.mask.value.getDefiningOp());
  auto other = matchElementwise(b.mask.value.getDefiningOp());
  for (auto &op : {mine, other}) {
    auto compare = op ? dyn_cast<arith::CmpIOp>(op->scalar) : nullptr;
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq ||
        op->operands[0].constant || !op->operands[1].constant)
      return false;
  }
  const ScalarOperand &number = mine->operands[0];
  return number.tensor && number.tensor == other->operands[0].tensor &&
         number.map == other->operands[0].map &&
         mine->generic.getIndexingMapsArray().back() ==
             other->generic.getIndexingMapsArray().back() &&
         mine->operands[1].constant != other->operands[1].constant;
}

/// Whether a token is none of the numbers that a guard and all its parents
/// exclude, if that is what they do: as one operation on all of them.
Value DispatchBuilder::getNeither(const Guard *guard) {
  SmallVector<MaskUse> uses;
  for (const Guard *each = guard; each; each = each->parent) {
    if (each->use.needed || (each != guard && !exclude(guard->use, each->use)))
      return nullptr;
    uses.push_back(each->use);
  }
  if (uses.size() < 3)
    return nullptr;
  // As they are tested, so that the other columns are the same operation.
  SmallVector<Value> masks;
  for (const MaskUse &use : llvm::reverse(uses))
    masks.push_back(map(
        use.mask, terms.tokens, b.getI1Type(),
        [](OpBuilder &, Location, ValueRange args) { return args.front(); }));
  Value all = joinColumns(b, loc, masks, b.getI1Type());
  OpFoldResult size = tensor::getMixedSize(b, loc, masks.front(), 0);
  Value none = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Value empty = tensor::EmptyOp::create(b, loc, {size}, b.getI1Type());
  Value init = linalg::FillOp::create(b, loc, none, empty).getResult(0);
  AffineMap both = b.getMultiDimIdentityMap(2);
  auto neither = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, ValueRange{all}, ValueRange{init},
      ArrayRef{both, both.dropResult(1)},
      ArrayRef{utils::IteratorType::parallel, utils::IteratorType::reduction},
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value other = arith::XOrIOp::create(b, loc, args[0], none);
        Value next = arith::AndIOp::create(b, loc, args[1], other);
        linalg::YieldOp::create(b, loc, next);
      });
  return neither.getResult(0);
}

Value DispatchBuilder::getColumn(const Guard *guard) {
  Value &column = columns[guard];
  if (column)
    return column;
  if (terms.tokens.size() == 1)
    if (Value neither = getNeither(guard))
      return columns[guard] = neither;
  // What equals one number is no other.
  const Guard *parent = guard->parent;
  while (parent && guard->use.needed && !parent->use.needed &&
         exclude(guard->use, parent->use))
    parent = parent->parent;
  SmallVector<Read> reads{guard->use.mask};
  if (parent)
    reads.push_back({getColumn(parent), Labels(terms.tokens)});
  Value result = map(reads, terms.tokens, b.getI1Type(),
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       Value needed = isNeeded(b, loc, guard->use, args[0]);
                       if (parent)
                         needed =
                             arith::AndIOp::create(b, loc, needed, args[1]);
                       return needed;
                     });
  return columns[guard] = result;
}

/// Whether each token [tokens...] needs the term; with a loop over experts,
/// whether it needs each of them.
Value DispatchBuilder::getColumn(const Term &term) {
  SmallVector<Read> reads;
  for (const Guard *guard : term.guards)
    reads.push_back({getColumn(guard), Labels(terms.tokens)});
  for (const MaskUse &use : term.masks)
    reads.push_back(use.mask);
  SmallVector<int64_t> loops(terms.tokens);
  if (terms.expertLoop)
    loops.push_back(*terms.expertLoop);
  return map(reads, loops, b.getI1Type(),
             [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
               Value any, all;
               for (Value guard : args.take_front(term.guards.size()))
                 any = any ? arith::OrIOp::create(b, loc, any, guard) : guard;
               all = any;
               for (auto [use, arg] : llvm::zip(
                        term.masks, args.drop_front(term.guards.size()))) {
                 Value needed = isNeeded(b, loc, use, arg);
                 all =
                     all ? arith::AndIOp::create(b, loc, all, needed) : needed;
               }
               return all;
             });
}

Value DispatchBuilder::makeMask() {
  if (terms.expertLoop)
    return flatten(getColumn(*experts.front()));
  SmallVector<Value> columns;
  for (Term *term : experts)
    columns.push_back(flatten(getColumn(*term)));
  return joinColumns(b, loc, columns, b.getI1Type());
}

/// The factor that each row is multiplied by last: an operand of the term.
std::optional<unsigned> DispatchBuilder::findScale(const Term &term) {
  auto op = matchElementwise(term.value.getDefiningOp());
  if (!op || !isa<arith::MulFOp>(op->scalar) ||
      !term.cone->contains(op->generic))
    return std::nullopt;
  for (auto [number, operand] : llvm::enumerate(op->operands)) {
    Read read{operand.tensor, {}};
    if (!operand.tensor || !op->operands[1 - number].tensor ||
        !operand.map.isProjectedPermutation(true))
      continue;
    read.labels = term.cone->labelsBy(op->generic, operand.map);
    if (llvm::is_contained(term.cone->getInputs(), read) &&
        terms.isRowLevel(read))
      return number;
  }
  return std::nullopt;
}

/// A number for each row that only this expert reads.
std::optional<Read> DispatchBuilder::getScalar(const Term &term) {
  for (const Read &input : term.cone->getInputs()) {
    Type number = getElementTypeOrSelf(input.value.getType());
    bool others = llvm::any_of(experts, [&](Term *other) {
      return other != &term && other->cone->isInput(input.value);
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
  weighted = element.isF32() && llvm::all_of(experts, [&](Term *term) {
               return findScale(*term).has_value();
             });
  for (Term *term : experts) {
    if (weighted) {
      auto op = matchElementwise(term->value.getDefiningOp());
      const ScalarOperand &scale = op->operands[*findScale(*term)];
      scalars[term] = {scale.tensor,
                       term->cone->labelsBy(op->generic, scale.map)};
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
  for (Operation *op : term.cone->getOperations())
    for (OpOperand &operand : op->getOpOperands()) {
      if (operand.get() != input.value)
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      reads += !generic ||
               terms.getRowRead(
                   {input.value,
                    term.cone->labelsBy(
                        generic, generic.getMatchingIndexingMap(&operand))}) ==
                   terms.getRowRead(input);
    }
  return reads == 1;
}

void DispatchBuilder::collectTokens() {
  for (Term *term : experts)
    for (const Read &each : term->cone->getInputs()) {
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
  Value value = term.value;
  AffineMap map = term.map;
  if (weighted) {
    auto op = matchElementwise(value.getDefiningOp());
    AffineMap toLoops =
        inversePermutation(op->generic.getIndexingMapsArray().back())
            .compose(map);
    const ScalarOperand &rest = op->operands[1 - *findScale(term)];
    map = rest.map.compose(toLoops);
    value = rest.tensor;
  }
  YieldOp::create(b, loc, body.emitTerm(value, map));
}

//===----------------------------------------------------------------------===//
// What is left
//===----------------------------------------------------------------------===//

/// What the tree is without its experts; a read of no value is zero. Nothing
/// where an expert takes all rows, so that the rest is not looked at; one with
/// masks of its own leaves zeros.
std::optional<Read> DispatchBuilder::getRest(const Node *node) {
  switch (node->kind) {
  case Node::Zero:
    return Read{};
  case Node::Leaf: {
    const Term &term = terms.terms[node->term];
    if (!term.isExpert)
      return Read{term.value, getLabels(term.map)};
    if (term.masks.empty())
      return std::nullopt;
    return Read{};
  }
  case Node::Add:
  case Node::Select:
    break;
  }
  std::optional<Read> lhs = getRest(node->lhs), rhs = getRest(node->rhs);
  bool select = node->kind == Node::Select;
  auto isLeftOut = [&](const std::optional<Read> &side) {
    return !side || (!select && !side->value);
  };
  if (isLeftOut(lhs))
    return rhs;
  if (isLeftOut(rhs) || (!lhs->value && !rhs->value))
    return lhs;
  Labels all = getLabels(terms.out);
  SmallVector<Read> reads;
  if (select)
    reads.push_back(node->condition.mask);
  for (const auto &side : {lhs, rhs})
    if (side->value)
      reads.push_back(*side);
  Value result = map(reads, all, element,
                     [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                       if (!select)
                         return arith::AddFOp::create(b, loc, args[0], args[1]);
                       Value zero = arith::ConstantOp::create(
                           b, loc, b.getZeroAttr(element));
                       Value yes = lhs->value ? args[1] : zero;
                       Value no = rhs->value ? args[reads.size() - 1] : zero;
                       return arith::SelectOp::create(b, loc, args[0], yes, no);
                     });
  return Read{result, all};
}

void DispatchBuilder::run() {
  chooseWeights();
  Value mask = makeMask();
  Value weights = makeWeights();
  auto routingType = RoutingType::get(b.getContext(), numExperts);
  Value routing = RouteOp::create(b, loc, routingType, mask, weights);
  collectTokens();
  if (tokenOperands.empty()) // Experts that read no rows still have some.
    tokenOperands.push_back(mask);

  SmallVector<int64_t> shape{ShapedType::kDynamic};
  for (auto [dim, loop] : llvm::enumerate(getLabels(terms.out)))
    if (!terms.isToken(loop))
      shape.push_back(type.getDimSize(dim));
  auto packed = RankedTensorType::get(shape, element);
  auto dispatch = DispatchOp::create(
      b, loc, TypeRange{packed}, tokenOperands, routing,
      static_cast<unsigned>(terms.expertLoop ? 1 : experts.size()));
  for (auto [region, term] : llvm::zip_equal(dispatch.getExperts(), experts))
    fillRegion(region, *term);

  std::optional<Read> rest = getRest(terms.tree);
  if (rest && !rest->value)
    rest.reset();
  Value init;
  if (rest && terms.isSelect)
    init = toTokens(materialize(*rest));
  Value combined = CombineOp::create(b, loc, packed, dispatch.getResult(0),
                                     routing, init, !weighted);
  Value result = unflatten(combined);
  if (rest && !terms.isSelect) {
    Labels all = getLabels(terms.out);
    result = map({*rest, Read{result, all}}, all, element,
                 [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   return arith::AddFOp::create(b, loc, args[0], args[1]);
                 });
  }
  terms.result.replaceAllUsesWith(result);
}

void moe::replaceByDispatch(MaskedTerms &terms) {
  DispatchBuilder(terms).run();
}
