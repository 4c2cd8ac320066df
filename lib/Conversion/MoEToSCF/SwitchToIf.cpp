//===- SwitchToIf.cpp - Choices between tensors by number -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bufferization of MLIR 22 takes no notice of a write between an
// scf.index_switch that yields a tensor and a read of it in a loop: the buffer
// that both may lie in is overwritten. It is right about scf.if.
//
//===----------------------------------------------------------------------===//

#include "SwitchToIf.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::moe;

namespace {

/// Halves the regions of a switch by the position of the one that runs.
class Halving {
public:
  Halving(scf::IndexSwitchOp op, RewriterBase &rewriter)
      : op(op), rewriter(rewriter) {
    for (Region &region : op.getCaseRegions())
      regions.push_back(&region);
    regions.push_back(&op.getDefaultRegion());
  }

  void rewrite() {
    rewriter.setInsertionPoint(op);
    position = positionOfRegion();
    rewriter.replaceOp(op, choose(0, regions.size()));
  }

private:
  /// A switch that yields a number, which has no buffer.
  Value positionOfRegion() {
    auto number = scf::IndexSwitchOp::create(
        rewriter, op.getLoc(), rewriter.getIndexType(), op.getArg(),
        op.getCases(), op.getNumCases());
    for (auto [i, region] : llvm::enumerate(number->getRegions())) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.createBlock(&region);
      // The default region is the first of the operation, the last of ours.
      int64_t at = i == 0 ? op.getNumCases() : i - 1;
      Value value = arith::ConstantIndexOp::create(rewriter, op.getLoc(), at);
      scf::YieldOp::create(rewriter, op.getLoc(), value);
    }
    return number.getResult(0);
  }

  /// What the regions [begin, end) yield, computed at the insertion point.
  SmallVector<Value> choose(size_t begin, size_t end) {
    if (end - begin == 1)
      return inlined(regions[begin]->front());
    size_t middle = begin + (end - begin) / 2;
    Value bound = arith::ConstantIndexOp::create(rewriter, op.getLoc(), middle);
    Value isFirst = arith::CmpIOp::create(
        rewriter, op.getLoc(), arith::CmpIPredicate::ult, position, bound);
    auto choice = scf::IfOp::create(rewriter, op.getLoc(), op.getResultTypes(),
                                    isFirst, /*withElseRegion=*/true);
    auto fill = [&](Block *block, size_t from, size_t to) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToEnd(block);
      SmallVector<Value> values = choose(from, to);
      scf::YieldOp::create(rewriter, op.getLoc(), values);
    };
    fill(choice.thenBlock(), begin, middle);
    fill(choice.elseBlock(), middle, end);
    return choice.getResults();
  }

  SmallVector<Value> inlined(Block &block) {
    Operation *yield = block.getTerminator();
    SmallVector<Value> values(yield->getOperands());
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(&block, rewriter.getInsertionBlock(),
                               rewriter.getInsertionPoint());
    return values;
  }

  scf::IndexSwitchOp op;
  RewriterBase &rewriter;
  /// In the order of the cases, the default last.
  SmallVector<Region *> regions;
  Value position;
};

} // namespace

void mlir::moe::convertSwitchesToIf(ModuleOp module) {
  SmallVector<scf::IndexSwitchOp> switches;
  module.walk([&](scf::IndexSwitchOp op) {
    if (llvm::any_of(op.getResultTypes(), llvm::IsaPred<TensorType>))
      switches.push_back(op);
  });
  IRRewriter rewriter(module.getContext());
  for (scf::IndexSwitchOp op : switches)
    Halving(op, rewriter).rewrite();
}
