//===- Dispatch.cpp - Dispatch to conditional regions -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A family becomes one scf.forall over a table of tiles (expert, row block),
// which has no row for an expert without tokens. Unlike experts become one
// scf.if each, and inside it an scf.forall over the row blocks. In the dense
// form every body sees the blocks of all tokens, and its tile keeps the rows of
// the tokens that chose it.
//
// The body of an unlike expert stands in an scf.execute_region that is not to
// be inlined; it is outlined into a function once it is in buffers, and takes
// the function's name from its location.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/BodyNames.h"
#include "moe/Conversion/MoEToSCF/InlineExpert.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Some rows of one expert: of its assignments, or in the dense form of all
/// tokens.
struct Tile {
  Value expert, first, count;
};

/// Lowers one dispatch.
class DispatchLowering {
public:
  DispatchLowering(DispatchOp op,
                   DispatchOp::GenericAdaptor<ArrayRef<ValueRange>> adaptor,
                   const DispatchLoweringOptions &options,
                   ConversionPatternRewriter &rewriter)
      : op(op), options(options), rewriter(rewriter), b(op.getLoc(), rewriter),
        routing(adaptor.getRouting()), counting(op) {
    for (ValueRange token : adaptor.getTokens())
      tokens.push_back(token.front());
  }

  SmallVector<Value> lower();

private:
  SmallVector<Value> lowerFamily(ValueRange packed);
  SmallVector<Value> lowerUnlike(ValueRange packed);

  /// The tiles of `expert`: number of rows to cover and of tiles to cover it.
  std::pair<Value, Value> tilesOf(ImplicitLocOpBuilder &b, Value expert,
                                  Region &region);
  Value rowBlock(ImplicitLocOpBuilder &b, Region &region, Value rows);
  /// Rows [first, first + count) of the expert, `tile` counted from 0.
  Tile tileAt(ImplicitLocOpBuilder &b, Value expert, Value tile, Value rows,
              Region &region);

  /// Runs the body on a tile inside the scf.forall that carries `outs`.
  void runTile(ImplicitLocOpBuilder &b, Tile tile, Region &region,
               ValueRange outs);
  SmallVector<Value> inlineBody(ImplicitLocOpBuilder &b, Tile tile,
                                Region &region);
  Value gather(ImplicitLocOpBuilder &b, Value tensor, Value first, Value count);
  Value weightsOfTile(ImplicitLocOpBuilder &b, Tile tile, Region &region);
  void keepChosen(ImplicitLocOpBuilder &b, Tile tile, ValueRange rows,
                  ValueRange outs);

  bool isDense(Region &region) {
    return options.allExperts && runsOnAllTokens(op, region);
  }
  Value offsetAt(ImplicitLocOpBuilder &b, Value expert, int64_t plus = 0) {
    if (plus)
      expert = arith::AddIOp::create(b, expert, constantIndex(b, plus));
    return extractAt(b, routing.offsets, expert);
  }

  DispatchOp op;
  const DispatchLoweringOptions &options;
  ConversionPatternRewriter &rewriter;
  ImplicitLocOpBuilder b;
  PlainRouting routing;
  SmallVector<Value> tokens;
  Value threads;
  Counting counting;
};

} // namespace

/// Whether the body can end the run, which it must not do for rows that are
/// none of its expert's.
static bool mayFail(Region &region) {
  return region
      .walk([](Operation *op) {
        // The number of a weight is checked by an assertion.
        bool checked = isa<PickOp, ParameterOp>(op);
        bool ofDialect = isa<MoEDialect>(op->getDialect()) && !checked &&
                         !op->hasTrait<OpTrait::IsTerminator>();
        return isa<cf::AssertOp>(op) || (ofDialect && !isSpeculatable(op))
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

bool mlir::moe::runsOnAllTokens(DispatchOp op, Region &region) {
  if (!isRowWise(op, region) || mayFail(region))
    return false;
  if (!op.getWeightsArgument(region))
    return true;
  auto route = op.getRouting().getDefiningOp<RouteOp>();
  return route && route.isMask();
}

SmallVector<Value> mlir::moe::inlineExpert(ImplicitLocOpBuilder &b,
                                           ConversionPatternRewriter &rewriter,
                                           Region &region,
                                           ValueRange arguments) {
  Block *block = &region.front();
  auto yield = cast<YieldOp>(block->getTerminator());
  SmallVector<Value> results = SmallVector<Value>(yield.getResults());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(block, b.getInsertionBlock(),
                             b.getInsertionPoint(), arguments);
  // Results that are arguments of the region are the values put in their place.
  for (Value &result : results)
    if (Value mapped = rewriter.getRemappedValue(result))
      result = mapped;
  return results;
}

SmallVector<Value> DispatchLowering::lower() {
  Value zero = constantIndex(b, 0);
  for (Value token : tokens)
    assertEqual(b, tensor::DimOp::create(b, token, zero), routing.numTokens,
                "moe.dispatch: the number of rows of a token operand differs "
                "from the number of tokens of the routing");
  counting.run(b, routing.numTokens, routing.offsets);
  threads = numThreads(b);
  Value total = offsetAt(b, constantIndex(b, op.getNumExperts()));
  SmallVector<Value> packed;
  for (Type type : op.getResultTypes())
    packed.push_back(emptyRows(b, total, cast<RankedTensorType>(type)));
  packed = op.isFamily() ? lowerFamily(packed) : lowerUnlike(packed);
  counting.endRun(b);
  return packed;
}

Value DispatchLowering::rowBlock(ImplicitLocOpBuilder &b, Region &region,
                                 Value rows) {
  // A body that is not row-wise sees all of its rows at once.
  if (!isRowWise(op, region))
    return arith::MaxUIOp::create(b, rows, constantIndex(b, 1));
  // Enough tiles for all threads, but not so small that packing weights into
  // panels costs more than using them.
  Value total =
      isDense(region)
          ? Value(arith::MulIOp::create(b, routing.numTokens,
                                        constantIndex(b, op.getNumExperts())))
          : offsetAt(b, constantIndex(b, op.getNumExperts()));
  Value tiles = arith::MulIOp::create(b, threads,
                                      constantIndex(b, options.tilesPerThread));
  Value share = arith::CeilDivUIOp::create(b, total, tiles);
  Value least =
      arith::MaxUIOp::create(b, share, constantIndex(b, options.minRowBlock));
  return arith::MinUIOp::create(b, least,
                                constantIndex(b, options.maxRowBlock));
}

std::pair<Value, Value> DispatchLowering::tilesOf(ImplicitLocOpBuilder &b,
                                                  Value expert,
                                                  Region &region) {
  Value rows = routing.numTokens;
  if (!isDense(region))
    rows =
        arith::SubIOp::create(b, offsetAt(b, expert, 1), offsetAt(b, expert));
  return {rows, arith::CeilDivUIOp::create(b, rows, rowBlock(b, region, rows))};
}

Tile DispatchLowering::tileAt(ImplicitLocOpBuilder &b, Value expert, Value tile,
                              Value rows, Region &region) {
  Value block = rowBlock(b, region, rows);
  Value first = arith::MulIOp::create(b, tile, block);
  Value rest = arith::SubIOp::create(b, rows, first);
  Value count = arith::MinUIOp::create(b, rest, block);
  if (!isDense(region))
    first = arith::AddIOp::create(b, offsetAt(b, expert), first);
  return {expert, first, count};
}

SmallVector<Value> DispatchLowering::lowerFamily(ValueRange packed) {
  Region &region = op.getExperts().front();
  Value zero = constantIndex(b, 0);
  Value experts = constantIndex(b, op.getNumExperts());
  Value numTiles = forEach(
      b, zero, experts, zero,
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        Value rows, tiles;
        std::tie(rows, tiles) = tilesOf(b, expert, region);
        return SmallVector<Value>{arith::AddIOp::create(b, carried[0], tiles)};
      })[0];
  // The table: expert, first row and number of rows of each tile.
  auto column = [&] {
    return tensor::EmptyOp::create(b, ArrayRef<int64_t>{ShapedType::kDynamic},
                                   b.getIndexType(), numTiles)
        .getResult();
  };
  auto addTile = [&](ImplicitLocOpBuilder &b, Tile tile, ValueRange carried) {
    Value next = arith::AddIOp::create(b, carried[3], constantIndex(b, 1));
    auto put = [&](Value scalar, Value table) {
      return tensor::InsertOp::create(b, scalar, table, carried[3]).getResult();
    };
    return SmallVector<Value>{put(tile.expert, carried[0]),
                              put(tile.first, carried[1]),
                              put(tile.count, carried[2]), next};
  };
  SmallVector<Value> table = forEach(
      b, zero, experts, {column(), column(), column(), zero},
      [&](ImplicitLocOpBuilder &b, Value expert, ValueRange carried) {
        Value rows, tiles;
        std::tie(rows, tiles) = tilesOf(b, expert, region);
        return forEach(
            b, constantIndex(b, 0), tiles, carried,
            [&](ImplicitLocOpBuilder &b, Value tile, ValueRange carried) {
              return addTile(b, tileAt(b, expert, tile, rows, region), carried);
            });
      });

  auto forall = scf::ForallOp::create(
      b, SmallVector<OpFoldResult>{numTiles}, packed, std::nullopt,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder b(loc, nested);
        Tile tile{extractAt(b, table[0], args[0]),
                  extractAt(b, table[1], args[0]),
                  extractAt(b, table[2], args[0])};
        runTile(b, tile, region, args.drop_front());
      });
  return SmallVector<Value>(forall.getResults());
}

SmallVector<Value> DispatchLowering::lowerUnlike(ValueRange packed) {
  SmallVector<Value> outs = llvm::to_vector(packed);
  for (Region &body : op.getExperts()) {
    int64_t index = body.getRegionNumber();
    Value expert = constantIndex(b, index);
    Value rows, tiles;
    std::tie(rows, tiles) = tilesOf(b, expert, body);
    auto tiled = [&](ImplicitLocOpBuilder &b) {
      auto forall = scf::ForallOp::create(
          b, SmallVector<OpFoldResult>{tiles}, outs, std::nullopt,
          [&](OpBuilder &nested, Location loc, ValueRange args) {
            ImplicitLocOpBuilder b(loc, nested);
            runTile(b, tileAt(b, expert, args[0], rows, body), body,
                    args.drop_front());
          });
      return forall.getResults();
    };
    auto outlined = [&](OpBuilder &nested, Location loc) {
      std::string name =
          ("moe_expert_" + Twine(getDispatchNumber(op)) + "_" + Twine(index))
              .str();
      auto execute = scf::ExecuteRegionOp::create(
          nested, loc, TypeRange(packed), /*no_inline=*/true);
      execute->setDiscardableAttr(bodyNameAttr, nested.getStringAttr(name));
      OpBuilder::InsertionGuard guard(nested);
      nested.createBlock(&execute.getRegion());
      ImplicitLocOpBuilder b(loc, nested);
      scf::YieldOp::create(b, putInto(b, tiled(b), outs));
      nested.setInsertionPointAfter(execute);
      scf::YieldOp::create(nested, loc, execute.getResults());
    };
    Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, tiles,
                                       constantIndex(b, 0));
    auto guarded = scf::IfOp::create(b, some, outlined,
                                     [&](OpBuilder &nested, Location loc) {
                                       scf::YieldOp::create(nested, loc, outs);
                                     });
    outs = SmallVector<Value>(guarded.getResults());
  }
  return outs;
}

void DispatchLowering::runTile(ImplicitLocOpBuilder &b, Tile tile,
                               Region &region, ValueRange outs) {
  counting.evaluate(b, tile.expert);
  bool dense = isDense(region); // inlining takes the region's arguments
  SmallVector<Value> rows = inlineBody(b, tile, region);
  if (!isRowWise(op, region))
    for (Value result : rows)
      assertEqual(b, tensor::DimOp::create(b, result, constantIndex(b, 0)),
                  tile.count,
                  "moe.dispatch: an expert yields another number of rows than "
                  "it was given");
  counting.endEvaluate(b, tile.expert);
  if (dense)
    return keepChosen(b, tile, rows, outs);
  auto parallel = scf::InParallelOp::create(b);
  b.setInsertionPointToStart(parallel.getBody());
  for (auto [result, out] : llvm::zip(rows, outs))
    insertRowsInParallel(b, result, out, tile.first, tile.count);
}

/// The body of `region` on the rows of `tile`, at the insertion point of `b`.
SmallVector<Value> DispatchLowering::inlineBody(ImplicitLocOpBuilder &b,
                                                Tile tile, Region &region) {
  SmallVector<Value> arguments;
  if (op.isFamily())
    arguments.push_back(tile.expert);
  for (Value token : tokens)
    arguments.push_back(isDense(region)
                            ? sliceRows(b, token, tile.first, tile.count)
                            : gather(b, token, tile.first, tile.count));
  if (op.getWeightsArgument(region))
    arguments.push_back(weightsOfTile(b, tile, region));
  return inlineExpert(b, rewriter, region, arguments);
}

/// Rows of `tensor` at the tokens of assignments [first, first + count).
Value DispatchLowering::gather(ImplicitLocOpBuilder &b, Value tensor,
                               Value first, Value count) {
  return forEach(b, constantIndex(b, 0), count, emptyRowsLike(b, count, tensor),
                 [&](ImplicitLocOpBuilder &b, Value row, ValueRange carried) {
                   Value one = constantIndex(b, 1);
                   Value place = arith::AddIOp::create(b, first, row);
                   Value token = extractAt(b, routing.ids, place);
                   Value slice = sliceRows(b, tensor, token, one);
                   return SmallVector<Value>{
                       insertRows(b, slice, carried[0], row, one)};
                 })[0];
}

Value DispatchLowering::weightsOfTile(ImplicitLocOpBuilder &b, Tile tile,
                                      Region &region) {
  if (!isDense(region))
    return sliceRows(b, routing.weights, tile.first, tile.count);
  // By token: 0 for the tokens whose rows are not kept.
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  Value none = tensor::EmptyOp::create(
      b, ArrayRef<int64_t>{ShapedType::kDynamic}, b.getF32Type(), tile.count);
  Value end = arith::AddIOp::create(b, tile.first, tile.count);
  return forEach(
      b, offsetAt(b, tile.expert), offsetAt(b, tile.expert, 1),
      fill(b, none, zero),
      [&](ImplicitLocOpBuilder &b, Value assignment, ValueRange carried) {
        Value token = extractAt(b, routing.ids, assignment);
        Value from = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, token,
                                           tile.first);
        Value to =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, token, end);
        Value inside = arith::AndIOp::create(b, from, to);
        auto put = scf::IfOp::create(
            b, inside,
            [&](OpBuilder &nested, Location loc) {
              ImplicitLocOpBuilder b(loc, nested);
              Value row = arith::SubIOp::create(b, token, tile.first);
              Value weight = extractAt(b, routing.weights, assignment);
              Value next = tensor::InsertOp::create(b, weight, carried[0], row);
              scf::YieldOp::create(b, next);
            },
            [&](OpBuilder &nested, Location loc) {
              scf::YieldOp::create(nested, loc, carried);
            });
        return SmallVector<Value>(put.getResults());
      })[0];
}

/// Of the rows of a dense tile, keeps those of the tokens that chose the
/// expert. They are consecutive among its assignments.
void DispatchLowering::keepChosen(ImplicitLocOpBuilder &b, Tile tile,
                                  ValueRange rows, ValueRange outs) {
  Value zero = constantIndex(b, 0);
  Value begin = offsetAt(b, tile.expert);
  Value end = offsetAt(b, tile.expert, 1);
  Value last = arith::AddIOp::create(b, tile.first, tile.count);
  auto countBelow = [&](Value bound) {
    return forEach(
        b, begin, end, zero,
        [&](ImplicitLocOpBuilder &b, Value assignment, ValueRange carried) {
          Value token = extractAt(b, routing.ids, assignment);
          Value below =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, token, bound);
          Value more =
              arith::AddIOp::create(b, carried[0], constantIndex(b, 1));
          return SmallVector<Value>{
              arith::SelectOp::create(b, below, more, carried[0])};
        })[0];
  };
  Value before = countBelow(tile.first);
  Value first = arith::AddIOp::create(b, begin, before);
  Value count = arith::SubIOp::create(b, countBelow(last), before);
  SmallVector<Value> kept;
  for (Value result : rows)
    kept.push_back(forEach(
        b, zero, count, emptyRowsLike(b, count, result),
        [&](ImplicitLocOpBuilder &b, Value row, ValueRange carried) {
          Value one = constantIndex(b, 1);
          Value place = arith::AddIOp::create(b, first, row);
          Value token = extractAt(b, routing.ids, place);
          Value local = arith::SubIOp::create(b, token, tile.first);
          Value slice = sliceRows(b, result, local, one);
          return SmallVector<Value>{insertRows(b, slice, carried[0], row, one)};
        })[0]);
  auto parallel = scf::InParallelOp::create(b);
  b.setInsertionPointToStart(parallel.getBody());
  for (auto [result, out] : llvm::zip(kept, outs))
    insertRowsInParallel(b, result, out, first, count);
}

namespace {
struct ConvertDispatch : OpConversionPattern<DispatchOp> {
  ConvertDispatch(const TypeConverter &converter, MLIRContext *context,
                  const DispatchLoweringOptions &options)
      : OpConversionPattern(converter, context), options(options) {}

  LogicalResult
  matchAndRewrite(DispatchOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    rewriter.replaceOp(
        op, DispatchLowering(op, adaptor, options, rewriter).lower());
    return success();
  }

  DispatchLoweringOptions options;
};
} // namespace

void mlir::moe::populateDispatchToSCFPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    const DispatchLoweringOptions &options) {
  patterns.add<ConvertDispatch>(converter, patterns.getContext(), options);
}
