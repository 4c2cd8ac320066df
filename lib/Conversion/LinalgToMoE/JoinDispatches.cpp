//===- JoinDispatches.cpp - One dispatch for layers of the same groups -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows that the first dispatch yields for an expert are those that the
// second is given, once what lies between has been computed for them.
//
//===----------------------------------------------------------------------===//

#include "JoinDispatches.h"
#include "ExpertBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// %1 = dispatch; %2 = combine %1; chain of %2; dispatch of that; combine.
struct Layers {
  DispatchOp first, second;
  CombineOp inner, outer;
  /// The operand of the second dispatch that comes from the first.
  unsigned operand;
  std::unique_ptr<RowSlice> between;
};

class LayerJoiner {
public:
  explicit LayerJoiner(Layers &layers)
      : layers(layers), b(layers.outer), loc(layers.outer.getLoc()),
        mask(layers.second.getRouting().getDefiningOp<RouteOp>().getChoice()) {}
  void run();

private:
  Value isExclusive();
  Value join();
  Value computeForAll();
  Value computeForAll(DispatchOp dispatch, ValueRange tokens);
  void inlineBody(Region &region, Value number, ValueRange tokens,
                  SmallVectorImpl<Value> &results);

  Layers &layers;
  OpBuilder b;
  Location loc;
  Value mask;
};

} // namespace

/// Whether a mask is `begin <= position < end`, put together from columns.
static bool isOfIntervals(Value mask) {
  SmallVector<Value> todo{mask};
  llvm::SmallPtrSet<Operation *, 16> seen;
  bool position = false, both = false;
  while (!todo.empty()) {
    Operation *op = todo.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second || seen.size() > 4096)
      continue;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      generic.getBody()->walk([&](Operation *nested) {
        position |= isa<linalg::IndexOp>(nested);
        both |= isa<arith::AndIOp>(nested);
      });
      if (!isa<IntegerType>(
              getElementTypeOrSelf(generic.getResult(0).getType())))
        return false;
      llvm::append_range(todo, generic.getInputs());
    } else if (isa<tensor::InsertSliceOp>(op)) {
      todo.push_back(op->getOperand(0));
      todo.push_back(op->getOperand(1));
    } else if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                   tensor::CastOp>(op)) {
      todo.push_back(op->getOperand(0));
    }
  }
  return position && both;
}

static Value skipCasts(Value value) {
  while (auto cast = value.getDefiningOp<tensor::CastOp>())
    value = cast.getSource();
  return value;
}

static std::optional<Layers> findLayers(DispatchOp second) {
  auto route = second.getRouting().getDefiningOp<RouteOp>();
  if (!route || route.getWeights() || !route.isMask() ||
      second.getNumResults() != 1 || !second.getResult(0).hasOneUse())
    return std::nullopt;
  auto outer = dyn_cast<CombineOp>(*second.getResult(0).user_begin());
  if (!outer || outer.getInit() || !isOfIntervals(route.getChoice()))
    return std::nullopt;
  for (auto [number, operand] : llvm::enumerate(second.getTokens())) {
    Labels labels = llvm::to_vector(llvm::seq<int64_t>(
        0, cast<RankedTensorType>(operand.getType()).getRank()));
    auto between = std::make_unique<RowSlice>(
        Read{operand, labels}, second->getBlock(),
        [&](const RowSlice &slice, Operation *op, const RowFlow &flow) {
          return flow.isKnown && llvm::all_of(op->getUsers(), [&](auto *user) {
                   Operation *own =
                       second->getBlock()->findAncestorOpInBlock(*user);
                   return own == second || isa<tensor::DimOp>(user) ||
                          (own && slice.contains(own));
                 });
        });
    for (const Read &read : between->getInputs()) {
      Value input = read.value;
      auto inner = skipCasts(input).getDefiningOp<CombineOp>();
      if (!inner || inner.getInit() || inner.getRouting() != route)
        continue;
      auto first = inner.getPacked().getDefiningOp<DispatchOp>();
      // Row by row, from that alone.
      bool alone = llvm::all_of(between->getInputs(), [&](const Read &other) {
        bool rows = llvm::is_contained(other.labels, 0);
        return (other.value == input) == rows &&
               !llvm::is_contained(ArrayRef(other.labels).drop_front(rows), 0);
      });
      bool rowWise =
          llvm::none_of(between->getObstacles(), [&](auto &obstacle) {
            return obstacle.op != inner &&
                   llvm::is_contained(obstacle.labels, 0);
          });
      bool inside = llvm::all_of(input.getUsers(), [&](Operation *user) {
        return between->contains(user) || isa<tensor::DimOp>(user);
      });
      if (first && alone && rowWise && inside && first.getNumResults() == 1 &&
          first.isFamily() == second.isFamily() &&
          first.getRouting() == route &&
          first.getExperts().size() == second.getExperts().size())
        return Layers{first,
                      second,
                      inner,
                      outer,
                      static_cast<unsigned>(number),
                      std::move(between)};
    }
  }
  return std::nullopt;
}

/// Whether no token has two experts.
Value LayerJoiner::isExclusive() {
  Type i32 = b.getI32Type();
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  Value one = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
  auto reduce = [&](Value source, OpFoldResult size, bool count) {
    int64_t rank = cast<RankedTensorType>(source.getType()).getRank();
    SmallVector<OpFoldResult> sizes;
    if (count)
      sizes.push_back(size);
    Value init = tensor::EmptyOp::create(b, loc, sizes, i32);
    init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    loops.back() = utils::IteratorType::reduction;
    AffineMap all = b.getMultiDimIdentityMap(rank);
    return linalg::GenericOp::create(
               b, loc, TypeRange{init.getType()}, ValueRange{source},
               ValueRange{init}, ArrayRef{all, all.dropResult(rank - 1)}, loops,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value next;
                 if (count) {
                   Value number = arith::ExtUIOp::create(b, loc, i32, args[0]);
                   next = arith::AddIOp::create(b, loc, args[1], number);
                 } else {
                   next = arith::MaxSIOp::create(b, loc, args[1], args[0]);
                 }
                 linalg::YieldOp::create(b, loc, next);
               })
        .getResult(0);
  };
  Value counts =
      reduce(mask, tensor::getMixedSize(b, loc, mask, 0), /*count=*/true);
  Value most = reduce(counts, {}, /*count=*/false);
  Value number = tensor::ExtractOp::create(b, loc, most, ValueRange{});
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, number, one);
}

void LayerJoiner::inlineBody(Region &region, Value number, ValueRange tokens,
                             SmallVectorImpl<Value> &results) {
  IRMapping mapping;
  Block &body = region.front();
  ArrayRef<BlockArgument> arguments = body.getArguments();
  if (number) {
    mapping.map(arguments.front(), number);
    arguments = arguments.drop_front();
  }
  for (auto [argument, token] : llvm::zip_equal(arguments, tokens))
    mapping.map(argument, token);
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
}

Value LayerJoiner::join() {
  DispatchOp first = layers.first, second = layers.second;
  SmallVector<Value> tokens(first.getTokens());
  for (auto [number, operand] : llvm::enumerate(second.getTokens()))
    if (number != layers.operand)
      tokens.push_back(operand);
  auto joined = DispatchOp::create(
      b, loc, second.getResultTypes(), tokens, second.getRouting(),
      static_cast<unsigned>(second.getExperts().size()));
  // What lies between, as the term of one token dimension.
  ExpertTerms terms;
  Value value = second.getTokens()[layers.operand];
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  Read root{value, llvm::to_vector(llvm::seq<int64_t>(0, rank))};
  terms.results.push_back(root);
  terms.numLoops = rank;
  terms.tokens = {0};
  Term term;
  term.values.push_back(root);
  term.slice = std::move(layers.between);
  Read carried;
  for (const Read &input : term.slice->getInputs())
    if (skipCasts(input.value) == layers.inner.getResult())
      carried = input;
  for (auto [region, before, after] : llvm::zip_equal(
           joined.getExperts(), first.getExperts(), second.getExperts())) {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> types(before.getArgumentTypes());
    bool family = second.isFamily();
    auto rest = llvm::drop_begin(after.getArguments(), family);
    for (auto [number, argument] : llvm::enumerate(rest))
      if (number != layers.operand)
        types.push_back(argument.getType());
    SmallVector<Location> locations(types.size(), loc);
    Block *block = b.createBlock(&region, {}, types, locations);
    ValueRange arguments = block->getArguments();
    Value number = family ? arguments.front() : Value();
    ValueRange firstRows = arguments.slice(family, first.getTokens().size());
    ValueRange secondRows =
        arguments.drop_front(family + first.getTokens().size());
    SmallVector<Value> rows, results;
    inlineBody(before, number, firstRows, rows);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value count = tensor::DimOp::create(b, loc, rows.front(), zero);
    ExpertBody body(b, terms, term, number, count);
    body.setRows(carried, rows.front(), false);
    SmallVector<Value> given(secondRows);
    given.insert(given.begin() + layers.operand, body.emitTerm(root, root));
    inlineBody(after, number, given, results);
    YieldOp::create(b, loc, results);
  }
  return CombineOp::create(b, loc, layers.outer.getType(), joined.getResult(0),
                           second.getRouting(), Value(),
                           /*unweighted=*/true);
}

/// The sum of all experts on all tokens, each where it is chosen.
Value LayerJoiner::computeForAll(DispatchOp dispatch, ValueRange operands) {
  SmallVector<Value> tokens;
  for (Value operand : operands) {
    auto type = cast<RankedTensorType>(operand.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.front() = ShapedType::kDynamic;
    auto dynamic = RankedTensorType::get(shape, type.getElementType());
    tokens.push_back(
        dynamic == type
            ? operand
            : tensor::CastOp::create(b, loc, dynamic, operand).getResult());
  }
  auto type = cast<RankedTensorType>(dispatch.getResult(0).getType());
  SmallVector<OpFoldResult> sizes{tensor::getMixedSize(b, loc, mask, 0)};
  for (int64_t size : type.getShape().drop_front())
    sizes.push_back(b.getIndexAttr(size));
  if (auto tokensAttr = dyn_cast<Attribute>(sizes.front()))
    sizes.front() =
        arith::ConstantOp::create(b, loc, cast<IntegerAttr>(tokensAttr))
            .getResult();
  Type element = type.getElementType();
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  Value total = tensor::EmptyOp::create(b, loc, sizes, element);
  total = linalg::FillOp::create(b, loc, zero, total).getResult(0);
  auto add = [&](Region &region, OpFoldResult number, Value index,
                 Value total) -> Value {
    SmallVector<Value> rows;
    inlineBody(region, dispatch.isFamily() ? index : Value(), tokens, rows);
    OpFoldResult one = b.getIndexAttr(1);
    OpFoldResult count = tensor::getMixedSize(b, loc, mask, 0);
    auto maskType = cast<RankedTensorType>(mask.getType());
    Value column = tensor::ExtractSliceOp::create(
        b, loc,
        RankedTensorType::get(maskType.getShape().take_front(),
                              maskType.getElementType()),
        mask, ArrayRef<OpFoldResult>{b.getIndexAttr(0), number},
        ArrayRef<OpFoldResult>{count, one}, ArrayRef<OpFoldResult>{one, one});
    int64_t rank = type.getRank();
    AffineMap all = b.getMultiDimIdentityMap(rank);
    AffineMap perRow = AffineMap::get(rank, 0, b.getAffineDimExpr(0));
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               b, loc, TypeRange{total.getType()},
               ValueRange{column, rows.front()}, ValueRange{total},
               ArrayRef{perRow, all, all}, loops,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value own =
                     arith::SelectOp::create(b, loc, args[0], args[1], zero);
                 Value next = arith::AddFOp::create(b, loc, args[2], own);
                 linalg::YieldOp::create(b, loc, next);
               })
        .getResult(0);
  };
  if (!dispatch.isFamily()) {
    for (auto [number, region] : llvm::enumerate(dispatch.getExperts()))
      total = add(region, b.getIndexAttr(number), Value(), total);
    return total;
  }
  Value low = arith::ConstantIndexOp::create(b, loc, 0);
  Value high = arith::ConstantIndexOp::create(b, loc, dispatch.getNumExperts());
  Value step = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, low, high, step, ValueRange{total});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = add(dispatch.getExperts().front(), loop.getInductionVar(),
                   loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

Value LayerJoiner::computeForAll() {
  Value hidden = computeForAll(layers.first, layers.first.getTokens());
  IRMapping mapping;
  mapping.map(layers.inner.getResult(), hidden);
  // From the first to the last.
  for (Operation *op : llvm::reverse(layers.between->getOperations()))
    b.clone(*op, mapping);
  SmallVector<Value> tokens(layers.second.getTokens());
  tokens[layers.operand] = mapping.lookupOrDefault(tokens[layers.operand]);
  return computeForAll(layers.second, tokens);
}

void LayerJoiner::run() {
  Value exclusive = isExclusive();
  auto choice = scf::IfOp::create(b, loc, TypeRange{layers.outer.getType()},
                                  exclusive, /*withElseRegion=*/true);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, loc, computeForAll());
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, loc, join());
  layers.outer.replaceAllUsesWith(choice.getResult(0));
  layers.outer.erase();
  layers.second.erase();
}

void moe::joinDispatches(func::FuncOp function) {
  SmallVector<DispatchOp> dispatches;
  function.walk([&](DispatchOp op) { dispatches.push_back(op); });
  for (DispatchOp dispatch : llvm::reverse(dispatches))
    if (auto layers = findLayers(dispatch))
      LayerJoiner(*layers).run();
}
