//===- ParallelizeLinalg.cpp - Work outside of experts in parallel --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Projections, attention, norms and functions on elements are divided as the
// bodies of experts are: into blocks of rows, each computed as if it were
// alone. What is parallel already stays as it is.
//
//===----------------------------------------------------------------------===//

#include "AbsorbMoves.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "moe/Conversion/Passes.h"
#include "moe/Conversion/RuntimeSymbols.h"

namespace mlir::moe {
#define GEN_PASS_DEF_PARALLELIZELINALGPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// Points of loops that are worth a thread: some ten microseconds.
static constexpr int64_t leastElements = 1 << 14, leastProducts = 1 << 17;
/// What a dynamic size is taken to be when it is asked whether an operation
/// can ever be worth several threads.
static constexpr int64_t usualSize = 64;
/// Blocks that each thread has, so that all end at about the same time.
static constexpr int64_t blocksPerThread = 4;
/// Rows of a product that are worth packing weights for, as in a dispatch, and
/// columns that fill whole vectors.
static constexpr int64_t leastRows = 64, leastColumns = 64;

namespace {
/// How an operation is divided.
struct Division {
  /// The loop that is divided.
  unsigned loop;
  /// Blocks have at least so many iterations of it, and a multiple of `step`.
  int64_t least = 1, step = 1;
};
} // namespace

static bool isProduct(linalg::LinalgOp op) {
  return op.getNumReductionLoops() > 0 && isMultiplyAdd(op);
}

/// The points of all loops, or of those but `loop`; dynamic ones as usual.
static double pointsOf(linalg::LinalgOp op, std::optional<unsigned> loop = {}) {
  double points = 1;
  for (auto [number, size] : llvm::enumerate(op.getStaticLoopRanges()))
    if (number != loop)
      points *= ShapedType::isDynamic(size) ? usualSize : size;
  return points;
}

/// The parallel loops in the order of the dimensions of the result.
static SmallVector<unsigned> parallelLoops(linalg::LinalgOp op) {
  SmallVector<unsigned> loops;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : result.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops.push_back(dim.getPosition());
  return loops;
}

/// Blocks of the first loop whose size is not 1.
static std::optional<Division> divideRows(linalg::LinalgOp op) {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  for (unsigned loop : parallelLoops(op)) {
    if (sizes[loop] == 1)
      continue;
    double rest = pointsOf(op, loop);
    double least = isProduct(op) ? leastProducts : leastElements;
    Division division{loop};
    division.least = std::max<int64_t>(1, std::ceil(least / rest));
    // The rows of one product; of several products each is one.
    bool last = parallelLoops(op).size() == 2;
    if (isProduct(op) && last)
      division.least = std::max(division.least, leastRows);
    return division;
  }
  return std::nullopt;
}

/// Blocks of the columns of a product.
static std::optional<Division> divideColumns(linalg::LinalgOp op) {
  SmallVector<unsigned> loops = parallelLoops(op);
  if (!isProduct(op) || loops.size() > 2 || loops.empty())
    return std::nullopt;
  double rest = pointsOf(op, loops.back());
  if (loops.size() == 2 &&
      ShapedType::isDynamic(op.getStaticLoopRanges()[loops[0]]))
    rest /= usualSize; // a single row
  Division division{loops.back()};
  int64_t least =
      std::max<int64_t>(leastColumns, std::ceil(leastProducts / rest));
  division.step = leastColumns;
  division.least = llvm::alignTo(least, leastColumns);
  return division;
}

/// Whether `loop` has more than one block, as far as is known.
static bool isWorthIt(linalg::LinalgOp op, const Division &division) {
  int64_t size = op.getStaticLoopRanges()[division.loop];
  return ShapedType::isDynamic(size) ? true : size >= 2 * division.least;
}

/// Whether each result is written at the points of the parallel loops alone.
static bool isDivisible(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() == 0 ||
      isa<linalg::FillOp>(op) || !isa<TilingInterface>(op.getOperation()))
    return false;
  AffineMap first = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    if (!map.isProjectedPermutation() || map != first)
      return false;
  }
  // Bodies that end the run or call do so once for each element, in order.
  return llvm::all_of(op.getBlock()->getOperations(), [](Operation &inner) {
    return isMemoryEffectFree(&inner);
  });
}

/// Is run by one thread of several, or is the body of an operation. Functions
/// of the compiler are bodies of experts, called in parallel loops.
static bool isInParallelCode(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return (function && function.isPrivate()) ||
         op->getParentOfType<scf::ForallOp>() ||
         op->getParentOfType<linalg::LinalgOp>();
}

namespace {
struct ParallelizeLinalgPass
    : moe::impl::ParallelizeLinalgPassBase<ParallelizeLinalgPass> {
  void runOnOperation() final {
    // Products first: what they read from where it is need not be moved.
    SmallVector<linalg::LinalgOp> products, others;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!isInParallelCode(op) && isDivisible(op))
        (isProduct(op) ? products : others).push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : products)
      divide(rewriter, op);
    for (linalg::LinalgOp op : others)
      if (!op->use_empty())
        divide(rewriter, op);
  }

private:
  void divide(IRRewriter &rewriter, linalg::LinalgOp op) {
    std::optional<Division> rows = divideRows(op), columns = divideColumns(op);
    bool byRows = rows && isWorthIt(op, *rows) &&
                  pointsOf(op, rows->loop) * usualSize >=
                      (isProduct(op) ? leastProducts : leastElements);
    bool byColumns = columns && isWorthIt(op, *columns);
    if (!byRows && !byColumns)
      return;
    if (isProduct(op))
      op = absorbMoves(rewriter, op);
    if (!byColumns || (byRows && columns->loop == rows->loop))
      return tile(rewriter, op, *rows);
    if (!byRows)
      return tile(rewriter, op, *columns);
    if (ShapedType::isStatic(op.getStaticLoopRanges()[rows->loop]))
      return tile(rewriter, op, *rows);
    // By columns if rows are not enough for two threads.
    rewriter.setInsertionPoint(op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value size = getValueOrCreateConstantIndexOp(b, b.getLoc(),
                                                 sizeOf(b, op, rows->loop));
    Value few = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ult, size,
        arith::ConstantIndexOp::create(b, 2 * rows->least));
    linalg::LinalgOp copy;
    auto choose = scf::IfOp::create(
        b, few,
        [&](OpBuilder &nested, Location loc) {
          copy = cast<linalg::LinalgOp>(nested.clone(*op));
          scf::YieldOp::create(nested, loc, copy->getResults());
        },
        [&](OpBuilder &nested, Location loc) {
          scf::YieldOp::create(nested, loc, op->getResults());
        });
    rewriter.replaceAllUsesExcept(op->getResult(0), choose.getResult(0),
                                  choose.elseYield());
    rewriter.moveOpBefore(op, choose.elseYield());
    tile(rewriter, copy, *columns);
    tile(rewriter, op, *rows);
  }

  static OpFoldResult sizeOf(OpBuilder &b, linalg::LinalgOp op, unsigned loop) {
    return cast<TilingInterface>(op.getOperation())
        .getIterationDomain(b)[loop]
        .size;
  }

  /// The iterations of a block: enough blocks for all threads.
  Value blockSize(ImplicitLocOpBuilder &b, OpFoldResult size,
                  const Division &division) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    Value threads = arith::IndexCastOp::create(
        b, b.getIndexType(),
        func::CallOp::create(b, getThreads(), ValueRange()).getResult(0));
    Value blocks = arith::MulIOp::create(b, threads, constant(blocksPerThread));
    Value share = arith::CeilDivUIOp::create(
        b, getValueOrCreateConstantIndexOp(b, b.getLoc(), size), blocks);
    if (division.step > 1) {
      Value steps =
          arith::CeilDivUIOp::create(b, share, constant(division.step));
      share = arith::MulIOp::create(b, steps, constant(division.step));
    }
    return arith::MaxUIOp::create(b, share, constant(division.least));
  }

  void tile(IRRewriter &rewriter, linalg::LinalgOp op,
            const Division &division) {
    rewriter.setInsertionPoint(op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    OpFoldResult size = sizeOf(b, op, division.loop);
    Value block = blockSize(b, size, division);
    Value blocks = arith::CeilDivUIOp::create(
        b, getValueOrCreateConstantIndexOp(b, b.getLoc(), size), block);
    // Blocks are numbered, as the runtime's are.
    SmallVector<OpFoldResult> sizes(op.getNumLoops(), b.getIndexAttr(0)),
        counts = sizes;
    sizes[division.loop] = block;
    counts[division.loop] = blocks;
    scf::SCFTilingOptions options;
    options.setTileSizes(sizes).setNumThreads(counts).setLoopType(
        scf::SCFTilingOptions::LoopType::ForallOp);
    FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(tiled)) {
      remark::missed(
          op.getLoc(),
          remark::RemarkOpts::name("NotDivided").category(getArgument()))
          << remark::reason("one thread computes it: it cannot be tiled");
      return;
    }
    rewriter.replaceOp(op, tiled->replacements);
    sinkFill(rewriter, *tiled);
  }

  /// What is filled to begin with is filled block by block.
  static void sinkFill(IRRewriter &rewriter,
                       const scf::SCFTilingResult &tiled) {
    LoopLikeOpInterface loop = tiled.loops.front();
    auto forall = cast<scf::ForallOp>(loop.getOperation());
    auto op = cast<linalg::LinalgOp>(tiled.tiledOps.front());
    for (unsigned i = 0; i < forall.getOutputs().size(); ++i) {
      OpOperand &init = op.getDpsInitsMutable()[i];
      OpOperand &shared = forall.getOutputsMutable()[i];
      Value argument = forall.getRegionIterArgs()[i];
      auto fill = shared.get().getDefiningOp<linalg::FillOp>();
      auto slice = init.get().getDefiningOp<tensor::ExtractSliceOp>();
      if (!fill || !slice || slice.getSource() != argument)
        continue;
      rewriter.setInsertionPointAfter(slice);
      Value filled = linalg::FillOp::create(rewriter, fill.getLoc(),
                                            fill.value(), slice.getResult())
                         .getResult(0);
      rewriter.modifyOpInPlace(op, [&] { init.set(filled); });
      rewriter.modifyOpInPlace(forall, [&] { shared.set(fill.output()); });
    }
  }

  /// The runtime's function that says how many threads there are.
  func::FuncOp getThreads() {
    ModuleOp module = getOperation();
    if (auto known = module.lookupSymbol<func::FuncOp>(threadsFunction))
      return known;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    auto declared = func::FuncOp::create(b, module.getLoc(), threadsFunction,
                                         b.getFunctionType({}, b.getI64Type()));
    declared.setPrivate();
    return declared;
  }
};
} // namespace
