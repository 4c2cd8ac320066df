//===- GatheredRows.cpp - Computations of chosen rows as masked ones ------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y[rows] += f(x[rows]) ==> y + select(mask, f(x), 0)
// y[rows] = f(x[rows])  ==> select(mask, f(x), y)
//
// A model may choose rows by itself: it lists those where a mask holds, gathers
// them, and scatters what it computes from them. That is written as if it was
// computed for all rows and masked, which is raised as any other mask is.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "ExpertBody.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/RowLists.h"
#include "moe/Analysis/ScatterLoops.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// result[r, j] = source[list[r], j]
struct Gather {
  linalg::GenericOp op;
  Value source;
  /// The loop over the list, and where the loops read the source.
  unsigned rowLoop;
  AffineMap map;
};

class GatheredRows {
public:
  GatheredRows(func::FuncOp function, bool report)
      : function(function), report(report) {}

  unsigned rewrite();

private:
  bool rewrite(scf::ForOp loop);
  bool isAlone(Operation *op) const;
  Value withoutPadding(Value updates,
                       llvm::SmallPtrSetImpl<Operation *> &sinks);
  Value getUnpadded(linalg::GenericOp op);
  std::optional<Gather> matchGather(Operation *op);
  bool isRowWise(const RowSlice &slice, Operation *scatter);
  Value emitAllRows(OpBuilder &b, Gather gather, OpFoldResult rows);
  Value emitMasked(OpBuilder &b, Location loc, const ScatterLoop &scatter,
                   Value all);

  func::FuncOp function;
  bool report;
  RowListAnalysis lists;
  /// Of the scatter at hand.
  Value mask;
};

} // namespace

static int64_t getRowDim(Value mask) {
  auto type = cast<RankedTensorType>(mask.getType());
  return llvm::find_if(type.getShape(),
                       [](int64_t size) { return size != 1; }) -
         type.getShape().begin();
}

static bool isSizeOnly(OpOperand &use) {
  return isa<tensor::DimOp>(use.getOwner());
}

bool GatheredRows::isAlone(Operation *op) const {
  return llvm::count_if(op->getUses(),
                        [](OpOperand &use) { return !isSizeOnly(use); }) == 1;
}

/// What `op` copies row by row; it may have a row where its source has none.
Value GatheredRows::getUnpadded(linalg::GenericOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() ||
      op->getNumResults() != 1 || op.getNumDpsInputs() != 0 ||
      !op.getIndexingMapsArray().back().isIdentity())
    return nullptr;
  auto read = op.getBody()
                  ->getTerminator()
                  ->getOperand(0)
                  .getDefiningOp<tensor::ExtractOp>();
  if (!read || read.getIndices().size() != op.getNumLoops() ||
      !lists.isOwnRow(read.getIndices().front(), mask) ||
      !lists.counts(getExtent(read.getTensor(), 0), mask) ||
      !lists.counts(getExtent(op.getResult(0), 0), mask))
    return nullptr;
  for (auto [dim, index] : llvm::enumerate(read.getIndices().drop_front())) {
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (!loop || loop.getDim() != dim + 1)
      return nullptr;
  }
  // The row is found from the loop over rows alone.
  WalkResult walk = op.getBody()->walk([&](linalg::IndexOp index) {
    bool feature = llvm::all_of(index->getUses(), [&](OpOperand &use) {
      return use.getOwner() == read && use.getOperandNumber() > 1;
    });
    return index.getDim() == 0 || feature ? WalkResult::advance()
                                          : WalkResult::interrupt();
  });
  return walk.wasInterrupted() ? Value() : read.getTensor();
}

/// The updates without units and rows that were added for the scatter.
Value GatheredRows::withoutPadding(Value updates,
                                   llvm::SmallPtrSetImpl<Operation *> &sinks) {
  while (Operation *op = updates.getDefiningOp()) {
    Value source;
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      source = expand.getSrc();
    else if (auto generic = dyn_cast<linalg::GenericOp>(op))
      source = getUnpadded(generic);
    if (!source || !isAlone(op))
      break;
    sinks.insert(op);
    updates = source;
  }
  return updates;
}

std::optional<Gather> GatheredRows::matchGather(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumParallelLoops() != generic.getNumLoops() ||
      generic->getNumResults() != 1 ||
      !generic.getIndexingMapsArray().back().isPermutation())
    return std::nullopt;
  auto read = generic.getBody()
                  ->getTerminator()
                  ->getOperand(0)
                  .getDefiningOp<tensor::ExtractOp>();
  if (!read || read->getBlock() != generic.getBody())
    return std::nullopt;
  // All lists are read at the same row.
  std::optional<unsigned> rowLoop;
  for (OpOperand *input : generic.getDpsInputOperands())
    for (AffineExpr index :
         generic.getMatchingIndexingMap(input).getResults()) {
      auto loop = dyn_cast<AffineDimExpr>(index);
      if (!loop || (rowLoop && *rowLoop != loop.getPosition()))
        return std::nullopt;
      rowLoop = loop.getPosition();
    }
  MLIRContext *context = op->getContext();
  SmallVector<AffineExpr> indices;
  std::optional<int64_t> listed;
  for (auto [dim, index] : llvm::enumerate(read.getIndices())) {
    if (auto loop = index.getDefiningOp<linalg::IndexOp>()) {
      indices.push_back(getAffineDimExpr(loop.getDim(), context));
    } else if (auto constant = getConstantIntValue(index)) {
      indices.push_back(getAffineConstantExpr(*constant, context));
    } else if (rowLoop && !listed && lists.getListedMask(index) == mask) {
      listed = dim;
      indices.push_back(getAffineDimExpr(*rowLoop, context));
    } else {
      return std::nullopt;
    }
  }
  if (!listed || !(getExtent(read.getTensor(), *listed) ==
                   getExtent(mask, getRowDim(mask))))
    return std::nullopt;
  for (auto [dim, index] : llvm::enumerate(indices))
    if (index == indices[*listed] && static_cast<int64_t>(dim) != *listed)
      return std::nullopt;
  return Gather{generic, read.getTensor(), *rowLoop,
                AffineMap::get(generic.getNumLoops(), 0, indices, context)};
}

/// Whether what is computed for a row of the list depends on the rows that were
/// gathered for it, and on nothing else that differs from row to row.
bool GatheredRows::isRowWise(const RowSlice &slice, Operation *scatter) {
  auto stays = [&](Operation *where, StringRef reason) {
    if (report) {
      InFlightDiagnostic remark =
          emitRemark(scatter->getLoc(), "rows of a list stay as written: ");
      if (where)
        remark << "'" << where->getName() << "' ";
      remark << reason;
    }
    return false;
  };
  for (const Obstacle &obstacle : slice.getObstacles())
    if (llvm::is_contained(obstacle.labels, 0))
      return stays(obstacle.op, obstacle.reason);
  for (const auto &[input, labels] : slice.getInputs()) {
    if (!llvm::is_contained(labels, 0))
      continue;
    Operation *op = input.getDefiningOp();
    std::optional<Gather> gather = op ? matchGather(op) : std::nullopt;
    if (!gather)
      return stays(op, op && !op->hasOneUse() ? "is also used elsewhere"
                                              : "is not gathered by the list");
    for (auto [label, index] : llvm::zip_equal(
             labels, gather->op.getIndexingMapsArray().back().getResults()))
      if ((label == 0) !=
          (cast<AffineDimExpr>(index).getPosition() == gather->rowLoop))
        return stays(op, "gathers along another dimension");
  }
  bool works = llvm::any_of(slice.getOperations(), [](Operation *op) {
    return isa<linalg::GenericOp>(op) && !isCopy(op);
  });
  return works || stays(nullptr, "nothing is computed from them");
}

/// [rows, the other dimensions of the gather...], for all rows of the source.
Value GatheredRows::emitAllRows(OpBuilder &b, Gather gather,
                                OpFoldResult rows) {
  Location loc = gather.op.getLoc();
  Value result = gather.op->getResult(0);
  SmallVector<AffineExpr> loops(gather.op.getNumLoops());
  SmallVector<OpFoldResult> sizes{rows};
  loops[gather.rowLoop] = b.getAffineDimExpr(0);
  for (auto [dim, index] :
       llvm::enumerate(gather.op.getIndexingMapsArray().back().getResults())) {
    unsigned loop = cast<AffineDimExpr>(index).getPosition();
    if (loop == gather.rowLoop)
      continue;
    loops[loop] = b.getAffineDimExpr(sizes.size());
    sizes.push_back(tensor::getMixedSize(b, loc, result, dim));
  }
  int64_t rank = sizes.size();
  AffineMap map = gather.map.replaceDimsAndSymbols(loops, {}, rank, 0);
  if (map.isIdentity())
    return gather.source;
  return createCopy(b, loc, gather.source, map, sizes);
}

Value GatheredRows::emitMasked(OpBuilder &b, Location loc,
                               const ScatterLoop &scatter, Value all) {
  auto type = cast<RankedTensorType>(scatter.target.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineExpr> indices(
      cast<RankedTensorType>(mask.getType()).getRank(),
      b.getAffineConstantExpr(0));
  indices[getRowDim(mask)] = b.getAffineDimExpr(0);
  auto rows = AffineMap::get(type.getRank(), 0, indices, b.getContext());
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, loc, scatter.target);
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  Value chosen = createElementwise(
      b, loc, sizes, type.getElementType(), {mask, all, scatter.target},
      {rows, identity, identity},
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return arith::SelectOp::create(b, loc, args[0], args[1],
                                       scatter.adds ? zero : args[2]);
      });
  if (!scatter.adds)
    return chosen;
  return createElementwise(
      b, loc, sizes, type.getElementType(), {scatter.target, chosen},
      {identity, identity},
      [](OpBuilder &b, Location loc, ValueRange args) -> Value {
        return arith::AddFOp::create(b, loc, args[0], args[1]);
      });
}

bool GatheredRows::rewrite(scf::ForOp loop) {
  auto scatter = matchScatterLoop(loop);
  if (!scatter || !isa<FloatType>(getElementTypeOrSelf(scatter->target)))
    return false;
  mask = lists.getListedMask(scatter->places);
  if (!mask)
    return false;
  auto type = cast<RankedTensorType>(scatter->target.getType());
  llvm::SmallPtrSet<Operation *, 4> sinks{loop};
  Value updates = withoutPadding(scatter->updates, sinks);
  auto updatesType = cast<RankedTensorType>(updates.getType());
  if (updatesType.getRank() != type.getRank() ||
      !lists.counts(getExtent(updates, 0), mask) ||
      !(getExtent(scatter->target, 0) == getExtent(mask, getRowDim(mask))))
    return false;

  ExpertTerms terms;
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(type.getRank(), loop.getContext());
  Read root{updates, getLabels(identity)};
  terms.results.push_back(root);
  terms.numLoops = type.getRank();
  terms.tokens = {0};
  Term &term = terms.terms.emplace_back();
  term.values.push_back(root);
  auto isOwn = [&](const RowSlice &slice, Operation *op) {
    return llvm::all_of(op->getUses(), [&](OpOperand &use) {
      Operation *user =
          loop->getBlock()->findAncestorOpInBlock(*use.getOwner());
      return isSizeOnly(use) ||
             (user && (sinks.contains(user) || slice.contains(user)));
    });
  };
  term.slice = std::make_unique<RowSlice>(
      root, loop->getBlock(),
      [&](const RowSlice &slice, Operation *op, const RowFlow &flow) {
        return flow.isKnown && isOwn(slice, op) && !matchGather(op);
      });
  if (!isRowWise(*term.slice, loop))
    return false;

  OpBuilder b(loop);
  Location loc = loop.getLoc();
  OpFoldResult size = tensor::getMixedSize(b, loc, scatter->target, 0);
  Value rows = getValueOrCreateConstantIndexOp(b, loc, size);
  ExpertBody body(b, terms, term, /*number=*/Value(), rows);
  for (const Read &input : term.slice->getInputs()) {
    if (!llvm::is_contained(input.labels, 0))
      continue;
    Value all = emitAllRows(b, *matchGather(input.value.getDefiningOp()), size);
    SmallVector<int64_t> shape(
        cast<RankedTensorType>(all.getType()).getShape());
    shape.front() = ShapedType::kDynamic;
    auto dynamic =
        RankedTensorType::get(shape, getElementTypeOrSelf(all.getType()));
    body.setRows(input, tensor::CastOp::create(b, loc, dynamic, all),
                 /*isColumn=*/false);
  }
  Value all = body.emitTerm(root, root);
  if (all.getType() != type)
    all = tensor::CastOp::create(b, loc, type, all);
  loop.getResult(0).replaceAllUsesWith(emitMasked(b, loc, *scatter, all));
  return true;
}

/// Tensors whose sizes are constants, for types that do not say so.
static void makeStatic(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  RewritePatternSet patterns(context);
  for (StringRef name : {linalg::LinalgDialect::getDialectNamespace(),
                         tensor::TensorDialect::getDialectNamespace()})
    context->getLoadedDialect(name)->getCanonicalizationPatterns(patterns);
  tensor::EmptyOp::getCanonicalizationPatterns(patterns, context);
  tensor::CastOp::getCanonicalizationPatterns(patterns, context);
  // A type that stays as it is does no harm.
  (void)applyPatternsGreedily(function, std::move(patterns));
}

unsigned GatheredRows::rewrite() {
  SmallVector<scf::ForOp> loops, rewritten;
  function.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
    loops.push_back(loop);
    return WalkResult::skip();
  });
  for (scf::ForOp loop : loops)
    if (rewrite(loop))
      rewritten.push_back(loop);
  if (rewritten.empty())
    return 0;
  // What was asserted of the lists would keep them.
  SmallVector<Operation *> holds;
  function.walk([&](cf::AssertOp assertion) {
    if (lists.isTrue(assertion.getArg()))
      holds.push_back(assertion);
  });
  for (Operation *assertion : holds)
    assertion->erase();
  // The values of loops are known by their addresses until now.
  for (scf::ForOp loop : llvm::reverse(rewritten))
    loop.erase();
  eraseDeadOperations(function);
  makeStatic(function);
  return rewritten.size();
}

unsigned moe::maskGatheredRows(func::FuncOp function, bool report) {
  return GatheredRows(function, report).rewrite();
}
