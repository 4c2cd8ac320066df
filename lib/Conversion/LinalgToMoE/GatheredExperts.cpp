//===- GatheredExperts.cpp - Results chosen by number as masked ones ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y[t, h] = all[number[t], t, h]
// ==> sum over e of select(number[t] == e, all[e, t, h], 0)
// ==> select(number[t] == 0, a[t, h], b[t, h]), if all is a concatenation
//
// A model may compute all experts, put their results side by side, and gather
// for each token those of the expert with its number. That is written as a sum
// over experts of what is zero but for that number, or as a nest of selects.
//
//===----------------------------------------------------------------------===//

#include "Where.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/RowLists.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// result[loops] = source[map(loops)], with `number` for dimension `experts`.
struct Gather {
  linalg::GenericOp op;
  Value source, number;
  int64_t experts;
  /// Without the dimension of experts.
  SmallVector<AffineExpr> map;
  /// What computes the number, and the loops it depends on.
  llvm::SetVector<Operation *> slice;
  SmallVector<unsigned> tokens;
};

class GatheredExperts {
public:
  bool rewrite(linalg::GenericOp op);

private:
  std::optional<Gather> match(linalg::GenericOp op);
  bool findTokens(Gather &gather);
  Value makeNumbers(OpBuilder &b, const Gather &gather);
  Value makeMask(OpBuilder &b, const Gather &gather, Value numbers,
                 std::optional<int64_t> expert);
  Value nest(OpBuilder &b, const Gather &gather, ValueRange parts);
  Value sum(OpBuilder &b, const Gather &gather);
  bool isWorkOfExperts(const Gather &gather, bool single);

  RowListAnalysis positions;
};

} // namespace

static Operation *getYielded(linalg::GenericOp op) {
  return op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
}

/// Whether `number` is cut to lie in [0, size).
static bool isInside(Value number, int64_t size) {
  auto upper = number.getDefiningOp<arith::MinSIOp>();
  auto last = upper ? getConstantIntValue(upper.getRhs()) : std::nullopt;
  auto lower = last && *last >= 0 && *last < size
                   ? upper.getLhs().getDefiningOp<arith::MaxSIOp>()
                   : nullptr;
  auto first = lower ? getConstantIntValue(lower.getRhs()) : std::nullopt;
  return first && *first >= 0;
}

/// Finds the loops that the number of an expert depends on.
bool GatheredExperts::findTokens(Gather &gather) {
  linalg::GenericOp op = gather.op;
  Operation *number = gather.number.getDefiningOp();
  if (!number || number->getBlock() != op.getBody())
    return false;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.filter = [&](Operation *each) {
    return each->getBlock() == op.getBody();
  };
  if (failed(getBackwardSlice(number, &gather.slice, options)))
    return false;
  // What is asserted of a number is asserted of it further on.
  for (auto assertion : op.getBody()->getOps<cf::AssertOp>())
    if (failed(
            getBackwardSlice(assertion.getOperation(), &gather.slice, options)))
      return false;
  llvm::SmallBitVector loops(op.getNumLoops());
  for (Operation *each : gather.slice) {
    if (each->getNumRegions() > 0)
      return false;
    if (auto index = dyn_cast<linalg::IndexOp>(each))
      loops.set(index.getDim());
    for (Value operand : each->getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || argument.getOwner() != op.getBody())
        continue;
      OpOperand *input = op.getMatchingOpOperand(argument);
      if (!op.isDpsInput(input))
        return false;
      for (AffineExpr index : op.getMatchingIndexingMap(input).getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(index);
        if (!dim && !isa<AffineConstantExpr>(index))
          return false;
        if (dim)
          loops.set(dim.getPosition());
      }
    }
  }
  for (unsigned loop : loops.set_bits())
    gather.tokens.push_back(loop);
  // A table that does not know the tokens is no result of experts, and neither
  // is one number for each token.
  bool ofTokens = false, ofFeatures = false;
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  for (AffineExpr index : gather.map)
    if (auto loop = dyn_cast<AffineDimExpr>(index)) {
      bool isToken = loops.test(loop.getPosition());
      ofTokens |= isToken;
      ofFeatures |= !isToken && type.getDimSize(loop.getPosition()) != 1;
    }
  return ofTokens && ofFeatures;
}

std::optional<Gather> GatheredExperts::match(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getIndexingMapsArray().back().isIdentity() ||
      !isa<FloatType>(getElementTypeOrSelf(op.getResult(0))))
    return std::nullopt;
  auto read = dyn_cast_or_null<tensor::ExtractOp>(getYielded(op));
  if (!read || read->getBlock() != op.getBody() ||
      op.getRegion().isAncestor(read.getTensor().getParentRegion()) ||
      !read.getTensor().getDefiningOp())
    return std::nullopt;
  Gather gather{op, read.getTensor(), Value(), -1, {}, {}, {}};
  for (auto [dim, index] : llvm::enumerate(read.getIndices())) {
    RankedTensorType type = read.getTensor().getType();
    if (auto loop = index.getDefiningOp<linalg::IndexOp>()) {
      gather.map.push_back(getAffineDimExpr(loop.getDim(), op.getContext()));
    } else if (getConstantIntValue(index) == 0 && type.getDimSize(dim) == 1) {
      gather.map.push_back(getAffineConstantExpr(0, op.getContext()));
    } else if (auto own = positions.getOwnLoop(
                   index, getExtent(read.getTensor(), dim))) {
      gather.map.push_back(getAffineDimExpr(*own, op.getContext()));
    } else if (gather.experts < 0 && !type.isDynamicDim(dim) &&
               type.getDimSize(dim) > 1) {
      gather.experts = dim;
      gather.number = index;
    } else {
      return std::nullopt;
    }
  }
  if (gather.experts < 0 || !findTokens(gather))
    return std::nullopt;
  return gather;
}

/// The number of the expert of each token, [tokens...], which is one of them.
Value GatheredExperts::makeNumbers(OpBuilder &b, const Gather &gather) {
  linalg::GenericOp op = gather.op;
  Location loc = op.getLoc();
  int64_t experts = cast<RankedTensorType>(gather.source.getType())
                        .getDimSize(gather.experts);
  unsigned rank = gather.tokens.size();
  SmallVector<AffineExpr> loops(op.getNumLoops(), b.getAffineConstantExpr(0));
  SmallVector<OpFoldResult> sizes;
  for (auto [place, loop] : llvm::enumerate(gather.tokens)) {
    loops[loop] = b.getAffineDimExpr(place);
    sizes.push_back(tensor::getMixedSize(b, loc, op.getDpsInits()[0], loop));
  }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<BlockArgument> arguments;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    bool isUsed = llvm::any_of(argument.getUsers(), [&](Operation *user) {
      return gather.slice.contains(user);
    });
    if (!isUsed)
      continue;
    inputs.push_back(input->get());
    arguments.push_back(argument);
    maps.push_back(op.getMatchingIndexingMap(input).replaceDimsAndSymbols(
        loops, {}, rank, 0));
  }
  return createElementwise(
      b, loc, sizes, b.getIndexType(), inputs, maps,
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        IRMapping mapping;
        for (auto [old, argument] : llvm::zip(arguments, args))
          mapping.map(old, argument);
        for (Operation &each : *op.getBody()) {
          if (!gather.slice.contains(&each))
            continue;
          Operation *copy = b.clone(each, mapping);
          if (auto index = dyn_cast<linalg::IndexOp>(copy))
            index.setDim(llvm::find(gather.tokens, index.getDim()) -
                         gather.tokens.begin());
        }
        Value number = mapping.lookup(gather.number);
        // The access that would have failed is gone.
        if (!isInside(number, experts)) {
          Value size = arith::ConstantIndexOp::create(b, loc, experts);
          Value inside = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::ult, number, size);
          cf::AssertOp::create(b, loc, inside,
                               "index out of bounds of tensor dimension " +
                                   std::to_string(gather.experts));
        }
        return number;
      });
}

/// Whether the number of a token is `expert`, [tokens...], or that of each,
/// [tokens..., experts].
Value GatheredExperts::makeMask(OpBuilder &b, const Gather &gather,
                                Value numbers, std::optional<int64_t> expert) {
  Location loc = numbers.getLoc();
  unsigned tokens = gather.tokens.size(), rank = tokens + !expert.has_value();
  auto sizes = tensor::getMixedSizes(b, loc, numbers);
  auto type = cast<RankedTensorType>(gather.source.getType());
  if (!expert)
    sizes.push_back(b.getIndexAttr(type.getDimSize(gather.experts)));
  Value own;
  if (expert)
    own = arith::ConstantIndexOp::create(b, loc, *expert);
  return createElementwise(
      b, loc, sizes, b.getI1Type(), numbers,
      b.getMultiDimIdentityMap(rank).getMajorSubMap(tokens),
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        Value each = own ? own : linalg::IndexOp::create(b, loc, tokens);
        return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, args[0],
                                     each);
      });
}

/// A nest of selects between parts of one expert each, which are read as the
/// source is. Numbers lie inside: the last expert is what is left.
Value GatheredExperts::nest(OpBuilder &b, const Gather &gather,
                            ValueRange parts) {
  linalg::GenericOp op = gather.op;
  unsigned rank = op.getNumLoops();
  SmallVector<AffineExpr> tokens, part(gather.map);
  for (unsigned loop : gather.tokens)
    tokens.push_back(b.getAffineDimExpr(loop));
  part.insert(part.begin() + gather.experts, b.getAffineConstantExpr(0));
  auto mapOf = [&](ArrayRef<AffineExpr> indices) {
    return AffineMap::get(rank, 0, indices, b.getContext());
  };
  AffineMap all = b.getMultiDimIdentityMap(rank);
  Value numbers = makeNumbers(b, gather);
  Value otherwise = parts.back();
  for (int64_t expert = parts.size() - 2; expert >= 0; --expert) {
    bool isLast = otherwise == parts.back();
    otherwise = linalg::GenericOp::create(
                    b, op.getLoc(), TypeRange{op.getResult(0).getType()},
                    ValueRange{makeMask(b, gather, numbers, expert),
                               parts[expert], otherwise},
                    op.getDpsInits(),
                    ArrayRef{mapOf(tokens), mapOf(part),
                             isLast ? mapOf(part) : all, all},
                    op.getIteratorTypesArray(),
                    [](OpBuilder &b, Location loc, ValueRange args) {
                      Value value = arith::SelectOp::create(b, loc, args[0],
                                                            args[1], args[2]);
                      linalg::YieldOp::create(b, loc, value);
                    })
                    .getResult(0);
  }
  return otherwise;
}

/// Whether the experts compute rows worth choosing.
bool GatheredExperts::isWorkOfExperts(const Gather &gather, bool single) {
  linalg::GenericOp op = gather.op;
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  SmallVector<int64_t> tokens(gather.tokens.begin(), gather.tokens.end());
  // The stack is one dimension more.
  int64_t stack = type.getRank();
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(cast<RankedTensorType>(gather.source.getType())
                      .getDimSize(gather.experts));
  auto wide = RankedTensorType::get(shape, type.getElementType());
  Labels labels =
      getLabels(AffineMap::get(type.getRank(), 0, gather.map, op.getContext()));
  labels.insert(labels.begin() + gather.experts, single ? kInner : stack);
  auto check = [&](Operation *reader, Value value) {
    return moe::isWorkOfExperts(reader, {value, labels}, wide, tokens,
                                single ? std::nullopt
                                       : std::optional<int64_t>(stack));
  };
  if (!single)
    return check(op, gather.source);
  auto concat = gather.source.getDefiningOp<tensor::ConcatOp>();
  Operation *reader = getOnlyReader(concat);
  return reader && op->isAncestor(reader) &&
         llvm::any_of(concat.getInputs(),
                      [&](Value part) { return check(concat, part); });
}

Value GatheredExperts::sum(OpBuilder &b, const Gather &gather) {
  linalg::GenericOp op = gather.op;
  Location loc = op.getLoc();
  unsigned rank = op.getNumLoops();
  Type element = getElementTypeOrSelf(op.getResult(0));
  Value mask = makeMask(b, gather, makeNumbers(b, gather), std::nullopt);
  SmallVector<AffineExpr> tokens, source(gather.map);
  for (unsigned loop : gather.tokens)
    tokens.push_back(b.getAffineDimExpr(loop));
  tokens.push_back(b.getAffineDimExpr(rank));
  source.insert(source.begin() + gather.experts, b.getAffineDimExpr(rank));
  auto sizes = tensor::getMixedSizes(b, loc, op.getDpsInits()[0]);
  auto type = cast<RankedTensorType>(gather.source.getType());
  sizes.push_back(b.getIndexAttr(type.getDimSize(gather.experts)));
  auto mapOf = [&](ArrayRef<AffineExpr> indices) {
    return AffineMap::get(rank + 1, 0, indices, b.getContext());
  };
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  Value masked = createElementwise(
      b, loc, sizes, element, {mask, gather.source},
      {mapOf(tokens), mapOf(source)},
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return arith::SelectOp::create(b, loc, args[0], args[1], zero);
      });
  return createReduction(
      b, loc, masked, llvm::to_vector(llvm::seq<int64_t>(0, rank)),
      b.getZeroAttr(element),
      [](OpBuilder &b, Location loc, Value total, Value term) -> Value {
        return arith::AddFOp::create(b, loc, total, term);
      });
}

bool GatheredExperts::rewrite(linalg::GenericOp op) {
  auto gather = match(op);
  if (!gather)
    return false;
  OpBuilder b(op);
  auto concat = gather->source.getDefiningOp<tensor::ConcatOp>();
  bool single = concat && int64_t(concat.getDim()) == gather->experts &&
                llvm::all_of(concat.getInputs(), [&](Value part) {
                  return cast<RankedTensorType>(part.getType())
                             .getDimSize(gather->experts) == 1;
                });
  if (!isWorkOfExperts(*gather, single))
    return false;
  Value value = single ? nest(b, *gather, concat.getInputs()) : sum(b, *gather);
  op->replaceAllUsesWith(ValueRange{value});
  // It may assert what is asserted of the numbers now.
  op.erase();
  return true;
}

unsigned moe::maskGatheredExperts(func::FuncOp function) {
  SmallVector<linalg::GenericOp> generics;
  function.walk([&](linalg::GenericOp op) { generics.push_back(op); });
  return llvm::count_if(generics, [](linalg::GenericOp op) {
    return GatheredExperts().rewrite(op);
  });
}
