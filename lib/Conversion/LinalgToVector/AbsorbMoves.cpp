//===- AbsorbMoves.cpp - Operands from where they are ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AbsorbMoves.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::moe;

/// The block argument that `value` is, or that it widens.
static BlockArgument sourceArgument(Value value) {
  while (auto widening = value.getDefiningOp<arith::ExtFOp>())
    value = widening.getIn();
  return dyn_cast<BlockArgument>(value);
}

bool mlir::moe::isMultiplyAdd(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block &block = *op.getBlock();
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

/// Of a tensor that `move` makes, read by `map`: the same elements of its
/// input.
static AffineMap readFromInput(linalg::LinalgOp move, AffineMap map) {
  AffineMap made = move.getMatchingIndexingMap(move.getDpsInitOperand(0));
  AffineMap read = move.getMatchingIndexingMap(move.getDpsInputOperand(0));
  return read.compose(inversePermutation(made)).compose(map);
}

linalg::LinalgOp mlir::moe::absorbMoves(RewriterBase &rewriter,
                                        linalg::LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  // A convolution reads an element many times, each of them from afar.
  if (!op.hasPureTensorSemantics() || !isMultiplyAdd(op) ||
      !llvm::all_of(maps,
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return op;
  SmallVector<Value> inputs = op.getDpsInputs();
  bool changed = false;
  for (auto [input, map] : llvm::zip(inputs, maps))
    while (auto move = input.getDefiningOp<linalg::LinalgOp>()) {
      if (!isMove(move))
        break;
      map = readFromInput(move, map);
      input = move.getDpsInputs().front();
      changed = true;
    }
  // A loop that no operand has any more would have no bound.
  if (!changed ||
      !inversePermutation(concatAffineMaps(maps, rewriter.getContext())))
    return op;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Block &body = *op.getBlock();
  auto generic = linalg::GenericOp::create(
      rewriter, op.getLoc(), op->getResultTypes(), inputs, op.getDpsInits(),
      maps, op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        IRMapping mapping;
        for (auto [argument, value] : llvm::zip(body.getArguments(), args)) {
          Value element = value;
          if (element.getType() != argument.getType())
            element =
                arith::ExtFOp::create(b, loc, argument.getType(), element);
          mapping.map(argument, element);
        }
        for (Operation &inner : body)
          b.clone(inner, mapping);
      });
  rewriter.replaceOp(op, generic);
  return cast<linalg::LinalgOp>(generic.getOperation());
}
