//===- ParallelRouting.cpp - Routings made by many threads -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counting without atomics, so that the order of assignments does not depend on
// threads. Tokens are cut into chunks; each chunk counts its assignments to
// each expert, sums over chunks and experts tell where a chunk begins among the
// assignments of an expert, and within a chunk one counts. Each number is
// computed by a thread of its own from what was computed before.
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Assignments.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"

using namespace mlir;
using namespace mlir::moe;

/// Tokens that are counted one after another.
static constexpr int64_t chunkTokens = 64;

//===----------------------------------------------------------------------===//
// moe.route
//===----------------------------------------------------------------------===//

namespace {

/// Builds the tensors of one routing.
class RoutingBuilder {
public:
  RoutingBuilder(ImplicitLocOpBuilder &b, const Assignments &assignments)
      : b(b), assignments(assignments), index(b.getIndexType()),
        experts(constantIndex(b, assignments.numExperts())),
        columns(constantIndex(b, assignments.numColumns())),
        tokens(assignments.numTokens(b)),
        mostPerToken(constantIndex(b, assignments.mostPerToken())),
        chunks(arith::CeilDivUIOp::create(b, tokens,
                                          constantIndex(b, chunkTokens))) {}

  SmallVector<Value> build();

private:
  Value countChunks();
  Value sumChunks();
  Value sumExperts();
  Value placeInOrder();
  Value sortSlots(Value slotOf);
  Value findPlaces();

  /// Adds to `count` the assignments of `token` to `expert` in the columns
  /// below `bound`.
  Value countToken(ImplicitLocOpBuilder &b, Value token, Value expert,
                   Value bound, Value count);
  /// Whether (token, column) is an assignment to `expert`.
  Value goesTo(ImplicitLocOpBuilder &b, Value token, Value column,
               Value expert) {
    auto [chosen, valid] = assignments.expertAt(b, token, column);
    return both(b, valid, compare(b, arith::CmpIPredicate::eq, chosen, expert));
  }
  Value firstOf(ImplicitLocOpBuilder &b, Value chunk) {
    return arith::MulIOp::create(b, chunk, constantIndex(b, chunkTokens));
  }
  Value endOf(ImplicitLocOpBuilder &b, Value chunk) {
    Value next = add(b, firstOf(b, chunk), constantIndex(b, chunkTokens));
    return arith::MinUIOp::create(b, next, tokens);
  }
  Value none(ImplicitLocOpBuilder &b) { return constantIndex(b, -1); }
  OpFoldResult fixed(int64_t size) { return b.getIndexAttr(size); }

  ImplicitLocOpBuilder &b;
  const Assignments &assignments;
  Type index;
  Value experts, columns, tokens, mostPerToken, chunks;
  /// [E, chunks], [E], [E + 1]
  Value chunkCounts, counts, offsets;
};

} // namespace

Value RoutingBuilder::countToken(ImplicitLocOpBuilder &b, Value token,
                                 Value expert, Value bound, Value count) {
  if (assignments.isMask()) {
    // The column is the expert.
    Value mine = both(b, assignments.expertAt(b, token, expert).second,
                      compare(b, arith::CmpIPredicate::ult, expert, bound));
    return countIf(b, mine, count);
  }
  return forEach(
      b, constantIndex(b, 0), bound, count,
      [&](ImplicitLocOpBuilder &b, Value column, ValueRange carried) {
        return SmallVector<Value>{
            countIf(b, goesTo(b, token, column, expert), carried[0])};
      })[0];
}

Value RoutingBuilder::countChunks() {
  return generate(b, {fixed(assignments.numExperts()), chunks}, index,
                  [&](ImplicitLocOpBuilder &b, ValueRange at) {
                    return forEach(b, firstOf(b, at[1]), endOf(b, at[1]),
                                   constantIndex(b, 0),
                                   [&](ImplicitLocOpBuilder &b, Value token,
                                       ValueRange carried) {
                                     return SmallVector<Value>{countToken(
                                         b, token, at[0], columns, carried[0])};
                                   })[0];
                  });
}

Value RoutingBuilder::sumChunks() {
  return generate(
      b, {fixed(assignments.numExperts())}, index,
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value zero = constantIndex(b, 0);
        return forEach(
            b, zero, chunks, zero,
            [&](ImplicitLocOpBuilder &b, Value chunk, ValueRange carried) {
              return SmallVector<Value>{add(
                  b, carried[0], extractAt(b, chunkCounts, {at[0], chunk}))};
            })[0];
      });
}

Value RoutingBuilder::sumExperts() {
  return generate(
      b, {fixed(assignments.numExperts() + 1)}, index,
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value zero = constantIndex(b, 0);
        return forEach(
            b, zero, at[0], zero,
            [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
              return SmallVector<Value>{
                  add(b, carried[0], extractAt(b, counts, expert))};
            })[0];
      });
}

/// [N, columns]: the number of the assignment at (token, column), or -1.
Value RoutingBuilder::placeInOrder() {
  auto place = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                   Value expert) {
    Value chunk =
        arith::DivUIOp::create(b, token, constantIndex(b, chunkTokens));
    Value before = forEach(
        b, constantIndex(b, 0), chunk, extractAt(b, offsets, expert),
        [&](ImplicitLocOpBuilder &b, Value earlier, ValueRange carried) {
          return SmallVector<Value>{
              add(b, carried[0], extractAt(b, chunkCounts, {expert, earlier}))};
        })[0];
    before = forEach(
        b, firstOf(b, chunk), token, before,
        [&](ImplicitLocOpBuilder &b, Value earlier, ValueRange carried) {
          return SmallVector<Value>{
              countToken(b, earlier, expert, columns, carried[0])};
        })[0];
    return countToken(b, token, expert, column, before);
  };
  return generate(b, {tokens, fixed(assignments.numColumns())}, index,
                  [&](ImplicitLocOpBuilder &b, ValueRange at) {
                    auto [expert, valid] =
                        assignments.expertAt(b, at[0], at[1]);
                    Value mine = expert;
                    return choose(
                        b, valid,
                        [&](ImplicitLocOpBuilder &b) {
                          return place(b, at[0], at[1], mine);
                        },
                        none(b));
                  });
}

/// [N, most per token]: the assignments of a token in ascending order, then -1.
Value RoutingBuilder::sortSlots(Value slotOf) {
  // The number of assignments of the token below `slot`.
  auto rank = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                  Value slot) {
    Value zero = constantIndex(b, 0);
    // Columns of a mask ascend as assignments do.
    Value end = assignments.isMask() ? column : columns;
    return forEach(
        b, zero, end, zero,
        [&](ImplicitLocOpBuilder &b, Value other, ValueRange carried) {
          Value theirs = extractAt(b, slotOf, {token, other});
          return SmallVector<Value>{countIf(
              b, within(b, theirs, constantIndex(b, 0), slot), carried[0])};
        })[0];
  };
  return generate(
      b, {tokens, mostPerToken}, index,
      [&](ImplicitLocOpBuilder &b, ValueRange at) {
        return forEach(
            b, constantIndex(b, 0), columns, none(b),
            [&](ImplicitLocOpBuilder &b, Value column, ValueRange carried) {
              Value slot = extractAt(b, slotOf, {at[0], column});
              Value some = compare(b, arith::CmpIPredicate::sge, slot,
                                   constantIndex(b, 0));
              return SmallVector<Value>{choose(
                  b, some,
                  [&](ImplicitLocOpBuilder &b) -> Value {
                    Value before = rank(b, at[0], column, slot);
                    if (assignments.isBounded())
                      assignments.checkMost(
                          b, add(b, before, constantIndex(b, 1)));
                    Value mine =
                        compare(b, arith::CmpIPredicate::eq, before, at[1]);
                    return arith::SelectOp::create(b, mine, slot, carried[0]);
                  },
                  carried[0])};
            })[0];
      });
}

/// [N * most per token]: token * columns + column of each assignment, -1 beyond
/// the last one.
Value RoutingBuilder::findPlaces() {
  auto findInChunk = [&](ImplicitLocOpBuilder &b, Value expert, Value chunk,
                         Value before, Value number) {
    auto visit = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                     ValueRange carried) {
      Value mine = goesTo(b, token, column, expert);
      Value here = both(
          b, mine, compare(b, arith::CmpIPredicate::eq, carried[0], number));
      Value place = add(b, arith::MulIOp::create(b, token, columns), column);
      return SmallVector<Value>{
          countIf(b, mine, carried[0]),
          arith::SelectOp::create(b, here, place, carried[1])};
    };
    return forEach(
        b, firstOf(b, chunk), endOf(b, chunk), {before, none(b)},
        [&](ImplicitLocOpBuilder &b, Value token, ValueRange carried) {
          if (assignments.isMask())
            return visit(b, token, expert, carried);
          return forEach(
              b, constantIndex(b, 0), columns, carried,
              [&](ImplicitLocOpBuilder &b, Value column, ValueRange carried) {
                return visit(b, token, column, carried);
              });
        })[1];
  };
  auto find = [&](ImplicitLocOpBuilder &b, Value expert, Value number) {
    // The chunk that has it, and the number of the first one there.
    Value start = extractAt(b, offsets, expert);
    SmallVector<Value> found = forEach(
        b, constantIndex(b, 0), chunks, {start, constantIndex(b, 0), start},
        [&](ImplicitLocOpBuilder &b, Value chunk, ValueRange carried) {
          Value next =
              add(b, carried[0], extractAt(b, chunkCounts, {expert, chunk}));
          Value here = within(b, number, carried[0], next);
          return SmallVector<Value>{
              next, arith::SelectOp::create(b, here, chunk, carried[1]),
              arith::SelectOp::create(b, here, carried[0], carried[2])};
        });
    return findInChunk(b, expert, found[1], found[2], number);
  };
  Value most = arith::MulIOp::create(b, tokens, mostPerToken);
  return generate(
      b, {most}, index, [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Value expert = forEach(
            b, constantIndex(b, 0), experts, none(b),
            [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
              Value next = add(b, expert, constantIndex(b, 1));
              Value here = within(b, at[0], extractAt(b, offsets, expert),
                                  extractAt(b, offsets, next));
              return SmallVector<Value>{
                  arith::SelectOp::create(b, here, expert, carried[0])};
            })[0];
        Value some =
            compare(b, arith::CmpIPredicate::sge, expert, constantIndex(b, 0));
        return choose(
            b, some,
            [&](ImplicitLocOpBuilder &b) { return find(b, expert, at[0]); },
            none(b));
      });
}

SmallVector<Value> RoutingBuilder::build() {
  chunkCounts = countChunks();
  counts = sumChunks();
  offsets = sumExperts();
  Value slots = sortSlots(placeInOrder());
  Value places = findPlaces();
  Value most = arith::MulIOp::create(b, tokens, mostPerToken);
  auto ofPlace =
      [&](Type type, Value otherwise,
          function_ref<Value(ImplicitLocOpBuilder &, Value, Value)> element) {
        return generate(
            b, {most}, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
              Value place = extractAt(b, places, at);
              Value some = compare(b, arith::CmpIPredicate::sge, place,
                                   constantIndex(b, 0));
              return choose(
                  b, some,
                  [&](ImplicitLocOpBuilder &b) {
                    return element(b, arith::DivUIOp::create(b, place, columns),
                                   arith::RemUIOp::create(b, place, columns));
                  },
                  otherwise);
            });
      };
  Value ids =
      ofPlace(index, constantIndex(b, 0),
              [](ImplicitLocOpBuilder &, Value token, Value) { return token; });
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  Value weights =
      ofPlace(b.getF32Type(), zero,
              [&](ImplicitLocOpBuilder &b, Value token, Value column) {
                return assignments.weightAt(b, token, column);
              });
  return {tokens, offsets, ids, weights, slots};
}

namespace {

struct ConvertRoute : OpConversionPattern<RouteOp> {
  using Base::Base;

  LogicalResult
  matchAndRewrite(RouteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Assignments assignments(op, adaptor.getChoice(), adaptor.getWeights());
    assignments.checkWeights(b);
    SmallVector<Value> values = RoutingBuilder(b, assignments).build();
    rewriter.replaceOpWithMultiple(op, {values});
    return success();
  }
};

} // namespace

void mlir::moe::populateRouteToParallelPatterns(const TypeConverter &converter,
                                                RewritePatternSet &patterns) {
  patterns.add<ConvertRoute>(converter, patterns.getContext());
}
