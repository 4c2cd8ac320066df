//===- JoinDispatches.cpp - One dispatch for layers of the same groups ----===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows that the first dispatch yields for an expert are those that the
// second is given, once what lies between has been computed for them.
//
// Layers that send the same rows to the same experts one after the other, as
// ragged products do, are one expert each, if no row has two experts.
//
//===----------------------------------------------------------------------===//

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
/// Several dispatches may come first, such as that of a gate and of what it
/// scales.
struct Layers {
  SmallVector<CombineOp> inner;
  DispatchOp second;
  CombineOp outer;
  /// From what `inner` puts back to what the second dispatch is given.
  std::unique_ptr<RowSlice> between;
  SmallVector<Read> roots;
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

static DispatchOp getDispatch(CombineOp combine) {
  return combine.getPacked().getDefiningOp<DispatchOp>();
}

/// Whether experts are given their rows alone.
static bool takesRowsOnly(DispatchOp dispatch) {
  return llvm::none_of(dispatch.getExperts(), [&](Region &region) {
    return dispatch.getWeightsArgument(region);
  });
}

/// Whether what `combine` puts back are experts of the rows of `second`.
static bool isFirst(CombineOp combine, DispatchOp second) {
  DispatchOp first = combine ? getDispatch(combine) : DispatchOp();
  return first && !combine.getInit() &&
         combine.getRouting() == second.getRouting() &&
         first.getRouting() == second.getRouting() &&
         first.getNumResults() == 1 && takesRowsOnly(first) &&
         first.isFamily() == second.isFamily() &&
         first.getExperts().size() == second.getExperts().size();
}

/// What is computed from experts of the rows of `second`.
static llvm::SmallSetVector<Operation *, 16> getFollowers(DispatchOp second) {
  llvm::SmallSetVector<Operation *, 16> followers;
  for (Operation *user : second.getRouting().getUsers())
    if (isFirst(dyn_cast<CombineOp>(user), second))
      followers.insert(user);
  for (size_t i = 0; i < followers.size(); ++i)
    for (Operation *user : followers[i]->getUsers())
      if (user->getBlock() == second->getBlock() &&
          user->isBeforeInBlock(second))
        followers.insert(user);
  return followers;
}

static std::optional<Layers> findLayers(DispatchOp second) {
  auto route = second.getRouting().getDefiningOp<RouteOp>();
  if (!route || route.getWeights() || !route.isMask() ||
      second.getNumResults() != 1 || !second.getResult(0).hasOneUse() ||
      !takesRowsOnly(second))
    return std::nullopt;
  auto outer = dyn_cast<CombineOp>(*second.getResult(0).user_begin());
  if (!outer || outer.getInit() || !isOfIntervals(route.getChoice()))
    return std::nullopt;
  Layers layers{{}, second, outer, nullptr, {}};
  int64_t next = 1;
  for (Value operand : second.getTokens()) {
    Labels labels{0};
    int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
    for (int64_t dim = 1; dim < rank; ++dim)
      labels.push_back(next++);
    layers.roots.push_back({operand, labels});
  }
  auto followers = getFollowers(second);
  auto isReadHere = [&](const RowSlice &slice, Value value) {
    return llvm::all_of(value.getUsers(), [&](Operation *user) {
      Operation *own = second->getBlock()->findAncestorOpInBlock(*user);
      return own == second || isa<tensor::DimOp>(user) ||
             (own && slice.contains(own));
    });
  };
  layers.between = std::make_unique<RowSlice>(
      layers.roots, second->getBlock(),
      [&](const RowSlice &slice, Operation *op, const RowFlow &flow) {
        return flow.isKnown && followers.contains(op) &&
               llvm::all_of(op->getResults(), [&](Value result) {
                 return isReadHere(slice, result);
               });
      });
  for (const Read &input : layers.between->getInputs()) {
    bool rows = !input.labels.empty() && input.labels.front() == 0;
    // Row by row.
    if (llvm::is_contained(ArrayRef(input.labels).drop_front(rows), 0))
      return std::nullopt;
    auto combine = skipCasts(input.value).getDefiningOp<CombineOp>();
    if (rows && isFirst(combine, second) &&
        isReadHere(*layers.between, input.value))
      layers.inner.push_back(combine);
  }
  for (const Obstacle &obstacle : layers.between->getObstacles())
    if (!llvm::is_contained(layers.inner, obstacle.op) &&
        llvm::is_contained(obstacle.labels, 0))
      return std::nullopt;
  if (layers.inner.empty())
    return std::nullopt;
  return layers;
}

/// Whether no token has two experts.
Value LayerJoiner::isExclusive() {
  Type i32 = b.getI32Type();
  TypedAttr zero = b.getI32IntegerAttr(0);
  Value counts = createReduction(
      b, loc, mask, /*kept=*/{0}, zero,
      [&](OpBuilder &b, Location loc, Value count, Value one) -> Value {
        Value number = arith::ExtUIOp::create(b, loc, i32, one);
        return arith::AddIOp::create(b, loc, count, number);
      });
  Value most = createReduction(
      b, loc, counts, /*kept=*/{}, zero,
      [](OpBuilder &b, Location loc, Value most, Value count) -> Value {
        return arith::MaxSIOp::create(b, loc, most, count);
      });
  Value number = tensor::ExtractOp::create(b, loc, most, ValueRange{});
  Value one = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
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
  DispatchOp second = layers.second;
  // What lies between, as a term of one token dimension.
  ExpertTerms terms;
  terms.results.append(layers.roots.begin(), layers.roots.end());
  terms.tokens = {0};
  for (const Read &root : layers.roots)
    for (int64_t label : root.labels)
      terms.numLoops = std::max(terms.numLoops, label + 1);
  Term term;
  term.values.append(layers.roots.begin(), layers.roots.end());
  term.slice = std::move(layers.between);
  // What several experts read is gathered once.
  llvm::SmallSetVector<Value, 4> tokens;
  auto isCarried = [&](const Read &input) {
    return llvm::is_contained(
        layers.inner, skipCasts(input.value).getDefiningOp<CombineOp>());
  };
  for (CombineOp combine : layers.inner)
    tokens.insert_range(getDispatch(combine).getTokens());
  for (const Read &input : term.slice->getInputs())
    if (terms.hasRows(input.labels) && !isCarried(input))
      tokens.insert(input.value);
  auto joined = DispatchOp::create(
      b, loc, second.getResultTypes(), tokens.getArrayRef(),
      second.getRouting(), static_cast<unsigned>(second.getExperts().size()));
  for (size_t number = 0; number < joined.getExperts().size(); ++number) {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> types;
    bool family = second.isFamily();
    if (family)
      types.push_back(b.getIndexType());
    for (Value operand : tokens) {
      auto type = cast<RankedTensorType>(operand.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape.front() = ShapedType::kDynamic;
      types.push_back(RankedTensorType::get(shape, type.getElementType()));
    }
    SmallVector<Location> locations(types.size(), loc);
    Block *block =
        b.createBlock(&joined.getExperts()[number], {}, types, locations);
    ValueRange arguments = block->getArguments();
    Value expert = family ? arguments.front() : Value();
    IRMapping rowsOf;
    rowsOf.map(tokens.getArrayRef(), arguments.drop_front(family));
    for (CombineOp combine : layers.inner) {
      SmallVector<Value> given, results;
      for (Value operand : getDispatch(combine).getTokens())
        given.push_back(rowsOf.lookup(operand));
      inlineBody(getDispatch(combine).getExperts()[number], expert, given,
                 results);
      rowsOf.map(combine.getResult(), results.front());
    }
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value count = tensor::DimOp::create(
        b, loc, rowsOf.lookup(layers.inner.front().getResult()), zero);
    ExpertBody body(b, terms, term, expert, count);
    for (const Read &input : term.slice->getInputs())
      if (terms.hasRows(input.labels))
        body.setRows(terms.getRowRead(input),
                     rowsOf.lookup(isCarried(input) ? skipCasts(input.value)
                                                    : input.value),
                     false);
    SmallVector<Value> given, results;
    for (const Read &root : layers.roots)
      given.push_back(body.emitTerm(root, root));
    inlineBody(second.getExperts()[number], expert, given, results);
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
  Value total = createSplat(b, loc, sizes, b.getZeroAttr(element));
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
  IRMapping mapping;
  for (CombineOp combine : layers.inner) {
    DispatchOp first = getDispatch(combine);
    mapping.map(combine.getResult(), computeForAll(first, first.getTokens()));
  }
  // From the first to the last.
  for (Operation *op : llvm::reverse(layers.between->getOperations()))
    b.clone(*op, mapping);
  SmallVector<Value> tokens;
  for (const Read &root : layers.roots)
    tokens.push_back(mapping.lookupOrDefault(root.value));
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
