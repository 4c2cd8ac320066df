//===- VectorizeContractions.cpp - Contractions to vector kernels ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises contractions among linalg operations on tensors by their maps and
// bodies, names their loops, and replaces them by kernels.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"

#include "moe/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::moe {
#define GEN_PASS_DEF_VECTORIZECONTRACTIONSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// The block argument that `value` is, or that it widens.
static BlockArgument sourceArgument(Value value) {
  if (auto widening = value.getDefiningOp<arith::ExtFOp>())
    value = widening.getIn();
  return dyn_cast<BlockArgument>(value);
}

/// Whether `block` adds the product of its first two arguments to its third.
static bool isMultiplyAdd(Block &block) {
  if (block.getNumArguments() != 3)
    return false;
  auto sum =
      block.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Value product = sum.getLhs();
  if (product == block.getArgument(2))
    product = sum.getRhs();
  else if (sum.getRhs() != block.getArgument(2))
    return false;
  auto multiply = product.getDefiningOp<arith::MulFOp>();
  if (!multiply)
    return false;
  BlockArgument lhs = sourceArgument(multiply.getLhs());
  BlockArgument rhs = sourceArgument(multiply.getRhs());
  return lhs && rhs && lhs != rhs && lhs.getOwner() == &block &&
         rhs.getOwner() == &block && lhs.getArgNumber() < 2 &&
         rhs.getArgNumber() < 2;
}

static ContractionOperand operandOf(linalg::LinalgOp op, OpOperand &operand) {
  ContractionOperand result{operand.get(), {}};
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    result.loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  return result;
}

/// Whether `op` only moves elements of its one input to other places, and
/// perhaps widens them.
static bool isMove(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumParallelLoops() == 0 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1)
    return false;
  if (!op.getMatchingIndexingMap(op.getDpsInputOperand(0))
           .isProjectedPermutation() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation())
    return false;
  Block *body = op.getBlock();
  return sourceArgument(body->getTerminator()->getOperand(0)) ==
         body->getArgument(0);
}

/// Reads an operand from where a transposition, broadcast or widening has it
/// from, so that weights are not copied.
static void lookThroughMoves(ContractionOperand &operand) {
  while (auto move = operand.tensor.getDefiningOp<linalg::LinalgOp>()) {
    if (!isMove(move))
      return;
    // Loop of the contraction for each loop of the move.
    ContractionOperand to = operandOf(move, *move.getDpsInitOperand(0));
    SmallVector<unsigned> loops(move.getNumLoops());
    for (auto [mine, outer] : llvm::zip_equal(to.loops, operand.loops))
      loops[mine] = outer;
    operand = operandOf(move, *move.getDpsInputOperand(0));
    for (unsigned &loop : operand.loops)
      loop = loops[loop];
  }
}

/// Finds the loops of `op` as a contraction; returns why it is none that can
/// be vectorized, or null.
static const char *recognize(linalg::LinalgOp op, Contraction &contraction) {
  if (!op.hasPureTensorSemantics())
    return "not on tensors";
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return "not two inputs and one result";
  if (!isMultiplyAdd(*op.getBlock()))
    return "body is not a multiply-add";
  Type accumulator = getElementTypeOrSelf(op.getDpsInits()[0]);
  if (!accumulator.isF32() && !accumulator.isF64())
    return "accumulator is neither f32 nor f64";
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isProjectedPermutation())
      return "an operand is not indexed by loops alone";

  contraction.lhs = operandOf(op, *op.getDpsInputOperand(0));
  contraction.rhs = operandOf(op, *op.getDpsInputOperand(1));
  contraction.result = operandOf(op, *op.getDpsInitOperand(0));
  lookThroughMoves(contraction.lhs);
  lookThroughMoves(contraction.rhs);
  if (contraction.result.loops.empty())
    return "result is a scalar";

  // Vectors run along the last dimension of the result; the operand that has
  // it is the right-hand side. Multiplication commutes.
  unsigned columns = contraction.result.loops.back();
  if (llvm::is_contained(contraction.lhs.loops, columns))
    std::swap(contraction.lhs, contraction.rhs);
  if (llvm::is_contained(contraction.lhs.loops, columns))
    return "last dimension of the result runs over both inputs";
  if (!llvm::is_contained(contraction.rhs.loops, columns))
    return "last dimension of the result runs over neither input";
  contraction.columns = columns;

  // Rows of the panel are contiguous, or columns are: a depth that is last in
  // the right-hand side is preferred.
  std::optional<unsigned> depth;
  for (unsigned loop : contraction.rhs.loops)
    if (!llvm::is_contained(contraction.result.loops, loop) &&
        llvm::is_contained(contraction.lhs.loops, loop))
      depth = loop;
  if (!depth)
    return "no reduction runs over both inputs";
  contraction.depth = *depth;
  for (unsigned loop : contraction.result.loops)
    if (llvm::is_contained(contraction.lhs.loops, loop) &&
        !llvm::is_contained(contraction.rhs.loops, loop))
      contraction.rows = loop;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (loop != contraction.columns && loop != contraction.depth &&
        loop != contraction.rows)
      contraction.outer.push_back(loop);
  return nullptr;
}

/// Whether a remark is due when `op` is left alone.
static bool looksLikeContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() > 0 && op.getNumDpsInputs() == 2;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Converts a whole tensor to `element`, once.
static Value widenTensor(OpBuilder &b, Location loc, Value tensor,
                         Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), tensor, init, maps, iterators,
             [&](OpBuilder &nested, Location at, ValueRange args) {
               Value wide =
                   arith::ExtFOp::create(nested, at, element, args.front());
               linalg::YieldOp::create(nested, at, wide);
             })
      .getResult(0);
}

/// Starts from the value of a fill instead of filling a tensor and reading it:
/// what several contractions start from is then not copied either.
static void absorbFill(Contraction &contraction) {
  // The kernel is run several times for a result if an outer loop reduces.
  if (!llvm::all_of(contraction.outer, [&](unsigned loop) {
        return llvm::is_contained(contraction.result.loops, loop);
      }))
    return;
  auto fill = contraction.result.tensor.getDefiningOp<linalg::FillOp>();
  if (!fill || fill.value().getType() != getElementTypeOrSelf(fill.output()))
    return;
  contraction.initial = fill.value();
  contraction.result.tensor = fill.output();
}

/// The extent of a loop, asked of the operands as they are read: asked of a
/// transposed copy, it would keep the copy alive.
static OpFoldResult extentOf(OpBuilder &b, Location loc,
                             const Contraction &contraction, unsigned loop) {
  OpFoldResult extent;
  for (const ContractionOperand *operand :
       {&contraction.result, &contraction.lhs, &contraction.rhs}) {
    auto *found = llvm::find(operand->loops, loop);
    if (found == operand->loops.end())
      continue;
    OpFoldResult size = tensor::getMixedSize(b, loc, operand->tensor,
                                             found - operand->loops.begin());
    if (!extent || isa<Attribute>(size))
      extent = size;
  }
  return extent;
}

static void vectorize(IRRewriter &rewriter, linalg::LinalgOp op,
                      Contraction &contraction, const CPUTarget &target) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  absorbFill(contraction);
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    contraction.extents.push_back(extentOf(rewriter, loc, contraction, loop));
  // A row of the left-hand side is read once for every panel; an element of
  // the right-hand side is widened while it is packed.
  Type accumulator = getElementTypeOrSelf(contraction.result.tensor);
  Value &lhs = contraction.lhs.tensor;
  if (getElementTypeOrSelf(lhs) != accumulator)
    lhs = widenTensor(rewriter, loc, lhs, accumulator);
  rewriter.replaceOp(
      op, createContractionKernel(rewriter, loc, contraction, target));
}

namespace {
struct VectorizeContractionsPass
    : moe::impl::VectorizeContractionsPassBase<VectorizeContractionsPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    llvm::Expected<CPUTarget> parsed = CPUTarget::fromName(targetName);
    if (!parsed)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(parsed.takeError());
    target = *parsed;
    return success();
  }

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> candidates;
    getOperation()->walk(
        [&](linalg::LinalgOp op) { candidates.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : candidates) {
      Contraction contraction;
      const char *reason = recognize(op, contraction);
      if (!reason) {
        vectorize(rewriter, op, contraction, target);
        continue;
      }
      if (looksLikeContraction(op))
        remark::missed(
            op.getLoc(),
            remark::RemarkOpts::name("NotVectorized").category(getArgument()))
            << remark::reason("{0}", reason);
    }
  }

private:
  CPUTarget target;
};
} // namespace
