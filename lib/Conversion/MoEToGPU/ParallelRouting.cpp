//===- ParallelRouting.cpp - Routings made by many threads -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A counting sort of assignments by expert in three kernels, none of which uses
// atomics, so that their order does not depend on threads. Tokens are cut into
// chunks; a bucket is what a chunk gives to an expert, and buckets are ordered
// by expert, then by chunk.
//
//   count  a thread for each bucket: its assignments
//   scan   one block: where each bucket starts, where each expert starts
//   place  a thread for each bucket: its assignments, in order, where they go
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Parallel.h"
#include "Scalars.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "moe/Conversion/MoEToSCF/Assignments.h"
#include "moe/Conversion/MoEToSCF/Loops.h"

using namespace mlir;
using namespace mlir::moe;

/// A thread goes over a chunk on its own, and one block over all buckets:
/// neither should be long.
static constexpr int64_t fewestTokensInChunk = 16;
static constexpr int64_t mostBuckets = 1 << 16;

static constexpr int64_t threadsOfBlock = 256;
static constexpr int64_t logThreadsOfScan = 10;
static constexpr int64_t threadsOfScan = 1 << logThreadsOfScan;
static constexpr int64_t bytesOfScan = threadsOfScan * sizeof(int64_t);

static Value multiply(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::MulIOp::create(b, x, y);
}

static Value load(ImplicitLocOpBuilder &b, Value buffer, Value at) {
  return memref::LoadOp::create(b, buffer, at);
}

static void store(ImplicitLocOpBuilder &b, Value value, Value buffer,
                  ValueRange at) {
  memref::StoreOp::create(b, value, buffer, at);
}

namespace {

/// Launches the kernels of one routing.
class RoutingKernels {
public:
  RoutingKernels(ImplicitLocOpBuilder &b, const Assignments &assignments);

  void count(ImplicitLocOpBuilder &b);
  void scan(ImplicitLocOpBuilder &b);
  void place(ImplicitLocOpBuilder &b);
  SmallVector<Value> results(ImplicitLocOpBuilder &b);

private:
  /// The assignments of a chunk to an expert.
  struct Bucket {
    Value expert, chunk, number;
  };
  using Visit = function_ref<void(ImplicitLocOpBuilder &, Value token,
                                  Value column, Value number)>;

  void launchBuckets(
      ImplicitLocOpBuilder &b, StringRef name,
      function_ref<void(ImplicitLocOpBuilder &, Value thread, Bucket bucket)>
          body);
  /// Numbers the assignments of `bucket` from `first` on; the number after the
  /// last one.
  Value number(ImplicitLocOpBuilder &b, Bucket bucket, Value first,
               Visit visit = {});
  void checkTokens(ImplicitLocOpBuilder &b, Value thread);
  void fillUp(ImplicitLocOpBuilder &b, Value thread);
  Value rank(ImplicitLocOpBuilder &b, Value token, Value column, Value expert);

  const Assignments &assignments;
  Value experts, columns, tokens, mostPerToken, most;
  Value chunkTokens, chunks, buckets;
  /// Of each bucket: how many assignments it has, then where it starts.
  Value starts;
  Value offsets, ids, weights, slots;
};

} // namespace

RoutingKernels::RoutingKernels(ImplicitLocOpBuilder &b,
                               const Assignments &assignments)
    : assignments(assignments) {
  experts = constantIndex(b, assignments.numExperts());
  columns = constantIndex(b, assignments.numColumns());
  tokens = assignments.numTokens(b);
  mostPerToken = constantIndex(b, assignments.mostPerToken());
  most = multiply(b, tokens, mostPerToken);
  chunkTokens = arith::MaxUIOp::create(
      b, constantIndex(b, fewestTokensInChunk),
      arith::CeilDivUIOp::create(b, multiply(b, tokens, experts),
                                 constantIndex(b, mostBuckets)));
  // Also of no token: somebody has to say that experts have no row.
  chunks = arith::MaxUIOp::create(
      b, constantIndex(b, 1),
      arith::CeilDivUIOp::create(b, tokens, chunkTokens));
  buckets = multiply(b, experts, chunks);

  int64_t any = ShapedType::kDynamic;
  auto allocate = [&](ArrayRef<int64_t> shape, Type type, ValueRange sizes) {
    return memref::AllocOp::create(b, MemRefType::get(shape, type), sizes)
        .getResult();
  };
  Type index = b.getIndexType();
  starts = allocate(any, index, buckets);
  offsets = allocate(assignments.numExperts() + 1, index, {});
  ids = allocate(any, index, most);
  weights = allocate(any, b.getF32Type(), most);
  slots = allocate({any, any}, index, {tokens, mostPerToken});
}

void RoutingKernels::launchBuckets(
    ImplicitLocOpBuilder &b, StringRef name,
    function_ref<void(ImplicitLocOpBuilder &, Value, Bucket)> body) {
  Value block = constantIndex(b, threadsOfBlock);
  Value blocks = arith::CeilDivUIOp::create(b, buckets, block);
  launchKernel(
      b, name, blocks, threadsOfBlock, /*sharedBytes=*/0,
      [&](ImplicitLocOpBuilder &b, gpu::LaunchOp kernel) {
        Value thread = add(b, multiply(b, kernel.getBlockIds().x, block),
                           kernel.getThreadIds().x);
        doIf(b, compare(b, arith::CmpIPredicate::ult, thread, buckets),
             [&](ImplicitLocOpBuilder &b) {
               // Neighbours have the same tokens: they read the same
               // numbers, or neighbours in a row of a mask.
               Value expert = arith::RemUIOp::create(b, thread, experts);
               Value chunk = arith::DivUIOp::create(b, thread, experts);
               Value number = add(b, multiply(b, expert, chunks), chunk);
               body(b, thread, {expert, chunk, number});
             });
      });
}

Value RoutingKernels::number(ImplicitLocOpBuilder &b, Bucket bucket,
                             Value first, Visit visit) {
  auto at = [&](ImplicitLocOpBuilder &b, Value token, Value column,
                Value number) {
    auto [expert, valid] = assignments.expertAt(b, token, column);
    Value mine = both(
        b, valid, compare(b, arith::CmpIPredicate::eq, expert, bucket.expert));
    if (visit)
      doIf(b, mine,
           [&](ImplicitLocOpBuilder &b) { visit(b, token, column, number); });
    return SmallVector<Value>{countIf(b, mine, number)};
  };
  Value begin = multiply(b, bucket.chunk, chunkTokens);
  Value end = arith::MinUIOp::create(b, add(b, begin, chunkTokens), tokens);
  return forEach(b, begin, end, first,
                 [&](ImplicitLocOpBuilder &b, Value token, ValueRange carried) {
                   // The column of a mask is the expert.
                   if (assignments.isMask())
                     return at(b, token, bucket.expert, carried[0]);
                   return forEach(b, constantIndex(b, 0), columns, carried,
                                  [&](ImplicitLocOpBuilder &b, Value column,
                                      ValueRange carried) {
                                    return at(b, token, column, carried[0]);
                                  });
                 })[0];
}

void RoutingKernels::count(ImplicitLocOpBuilder &b) {
  launchBuckets(b, "count_assignments",
                [&](ImplicitLocOpBuilder &b, Value thread, Bucket bucket) {
                  Value size = number(b, bucket, constantIndex(b, 0));
                  store(b, size, starts, bucket.number);
                  fillUp(b, thread);
                  if (assignments.isBounded())
                    checkTokens(b, thread);
                });
}

/// Whatever has no assignment: token 0 of weight 0, slot -1.
void RoutingKernels::fillUp(ImplicitLocOpBuilder &b, Value thread) {
  Value zero = constantIndex(b, 0);
  Value noWeight = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  Value noSlot = constantIndex(b, -1);
  if (assignments.mostPerToken() == 0)
    return;
  forEvery(b, thread, most, buckets, [&](ImplicitLocOpBuilder &b, Value at) {
    store(b, zero, ids, at);
    store(b, noWeight, weights, at);
    Value token = arith::DivUIOp::create(b, at, mostPerToken);
    Value slot = arith::RemUIOp::create(b, at, mostPerToken);
    store(b, noSlot, slots, {token, slot});
  });
}

/// Ends the run, before anything is placed, if a token has too many.
void RoutingKernels::checkTokens(ImplicitLocOpBuilder &b, Value thread) {
  forEvery(
      b, thread, tokens, buckets, [&](ImplicitLocOpBuilder &b, Value token) {
        Value zero = constantIndex(b, 0);
        Value count = forEach(
            b, zero, columns, zero,
            [&](ImplicitLocOpBuilder &b, Value column, ValueRange carried) {
              Value valid = assignments.expertAt(b, token, column).second;
              return SmallVector<Value>{countIf(b, valid, carried[0])};
            })[0];
        assignments.checkMost(b, count);
      });
}

void RoutingKernels::scan(ImplicitLocOpBuilder &b) {
  launchKernel(
      b, "scan_assignments", constantIndex(b, 1), threadsOfScan, bytesOfScan,
      [&](ImplicitLocOpBuilder &b, gpu::LaunchOp kernel) {
        Value thread = kernel.getThreadIds().x;
        Value sums = sharedIndices(b, threadsOfScan);
        Value zero = constantIndex(b, 0);
        Value threads = constantIndex(b, threadsOfScan);

        // Each thread sums up a part of the buckets.
        Value share = arith::CeilDivUIOp::create(b, buckets, threads);
        Value begin =
            arith::MinUIOp::create(b, multiply(b, thread, share), buckets);
        Value end = arith::MinUIOp::create(b, add(b, begin, share), buckets);
        Value mine =
            forEach(b, begin, end, zero,
                    [&](ImplicitLocOpBuilder &b, Value at, ValueRange carried) {
                      return SmallVector<Value>{
                          add(b, carried[0], load(b, starts, at))};
                    })[0];
        store(b, mine, sums, thread);
        gpu::BarrierOp::create(b);

        // Then the parts up to its own: of 2, of 4, ... of all threads.
        Value upToMine = forEach(
            b, zero, constantIndex(b, logThreadsOfScan), mine,
            [&](ImplicitLocOpBuilder &b, Value step, ValueRange carried) {
              Value distance =
                  arith::ShLIOp::create(b, constantIndex(b, 1), step);
              Value has =
                  compare(b, arith::CmpIPredicate::uge, thread, distance);
              Value before = choose(
                  b, has,
                  [&](ImplicitLocOpBuilder &b) {
                    return load(b, sums,
                                arith::SubIOp::create(b, thread, distance));
                  },
                  zero);
              gpu::BarrierOp::create(b);
              Value sum = add(b, carried[0], before);
              store(b, sum, sums, thread);
              gpu::BarrierOp::create(b);
              return SmallVector<Value>{sum};
            })[0];

        Value before = arith::SubIOp::create(b, upToMine, mine);
        forEach(b, begin, end, before,
                [&](ImplicitLocOpBuilder &b, Value at, ValueRange carried) {
                  Value size = load(b, starts, at);
                  store(b, carried[0], starts, at);
                  return SmallVector<Value>{add(b, carried[0], size)};
                });
        gpu::BarrierOp::create(b);
        forEvery(b, thread, experts, threads,
                 [&](ImplicitLocOpBuilder &b, Value expert) {
                   Value first = multiply(b, expert, chunks);
                   store(b, load(b, starts, first), offsets, expert);
                 });
        Value last = compare(b, arith::CmpIPredicate::eq, thread,
                             constantIndex(b, threadsOfScan - 1));
        doIf(b, last, [&](ImplicitLocOpBuilder &b) {
          store(b, upToMine, offsets, experts);
        });
      });
}

/// How many assignments of `token` come before the one at `column`.
Value RoutingKernels::rank(ImplicitLocOpBuilder &b, Value token, Value column,
                           Value expert) {
  using Predicate = arith::CmpIPredicate;
  Value zero = constantIndex(b, 0);
  auto isBefore = [&](ImplicitLocOpBuilder &b, Value other) -> Value {
    auto [theirs, valid] = assignments.expertAt(b, token, other);
    if (assignments.isMask())
      return valid;
    Value same = both(b, compare(b, Predicate::eq, theirs, expert),
                      compare(b, Predicate::ult, other, column));
    Value less = compare(b, Predicate::ult, theirs, expert);
    return both(b, valid, arith::OrIOp::create(b, less, same));
  };
  // Columns of a mask ascend as assignments do.
  Value end = assignments.isMask() ? column : columns;
  return forEach(b, zero, end, zero,
                 [&](ImplicitLocOpBuilder &b, Value other, ValueRange carried) {
                   return SmallVector<Value>{
                       countIf(b, isBefore(b, other), carried[0])};
                 })[0];
}

void RoutingKernels::place(ImplicitLocOpBuilder &b) {
  launchBuckets(b, "place_assignments",
                [&](ImplicitLocOpBuilder &b, Value, Bucket bucket) {
                  number(b, bucket, load(b, starts, bucket.number),
                         [&](ImplicitLocOpBuilder &b, Value token, Value column,
                             Value number) {
                           store(b, token, ids, number);
                           store(b, assignments.weightAt(b, token, column),
                                 weights, number);
                           Value slot = rank(b, token, column, bucket.expert);
                           store(b, number, slots, {token, slot});
                         });
                });
}

SmallVector<Value> RoutingKernels::results(ImplicitLocOpBuilder &b) {
  SmallVector<Value> values{tokens, Value()};
  for (Value buffer : {offsets, ids, weights, slots})
    values.push_back(bufferization::ToTensorOp::create(
        b, memref::getTensorTypeFromMemRefType(buffer.getType()), buffer,
        /*restrict=*/true, /*writable=*/true));
  // Who does not ask for it does not wait for it.
  values[1] = extractAt(b, values[2], experts);
  return values;
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
    RoutingKernels kernels(b, assignments);
    kernels.count(b);
    kernels.scan(b);
    kernels.place(b);
    rewriter.replaceOpWithMultiple(op, {kernels.results(b)});
    return success();
  }
};

} // namespace

void mlir::moe::populateRouteToParallelPatterns(const TypeConverter &converter,
                                                RewritePatternSet &patterns) {
  patterns.add<ConvertRoute>(converter, patterns.getContext());
}
