//===- RaiseDense.cpp - What masks need gets regions ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Selects and products become moe.where, in a copy of the function that has one
// form. The copy takes the function's place if any of them holds work.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "Where.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"

namespace mlir::moe {
#define GEN_PASS_DEF_RAISEDENSEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {

struct RaiseDensePass : moe::impl::RaiseDensePassBase<RaiseDensePass> {
  using Base::Base;
  void runOnOperation() final;
};

} // namespace

/// Whether anything outside of experts could be a mask's work.
static bool mayBeMasked(func::FuncOp function) {
  WalkResult walk = function.walk<WalkOrder::PreOrder>([](Operation *op) {
    if (isa<DispatchOp>(op))
      return WalkResult::skip();
    // Rows that are listed are written in a loop.
    if (isa<scf::ForOp>(op))
      return WalkResult::interrupt();
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (!structured)
      return WalkResult::advance();
    // A product of matrices multiplies, but not by a mask.
    if (!isa<linalg::GenericOp>(op) &&
        structured.getNumParallelLoops() != structured.getNumLoops())
      return WalkResult::skip();
    for (Operation &scalar : *structured.getBlock())
      if (isa<arith::SelectOp, arith::MulFOp, scf::IfOp, tensor::ExtractOp>(
              scalar))
        return WalkResult::interrupt();
    return WalkResult::skip();
  });
  return walk.wasInterrupted();
}

namespace {
/// A copy of a function in which masks have regions, null if there was none.
struct Masked {
  OwningOpRef<func::FuncOp> copy;
  int64_t experts = 0;
  std::vector<Remark> remarks;
  /// Masks that nothing was made of.
  std::vector<Remark> unexplained;
};
} // namespace

/// Gives masks regions, in a copy of `function`. With `lists`, rows that it
/// lists and gathers itself count as masked.
static Masked mask(func::FuncOp function, bool assumeFinite, bool report,
                   bool lists = true) {
  OwningOpRef<func::FuncOp> copy(function.clone());
  Masked result;
  // Lists are seen best as they were written, before tokens of several
  // dimensions are told apart; others only afterwards. What is gathered by a
  // list has one dimension of tokens.
  generalizeNamedOps(*copy);
  formSlots(*copy, assumeFinite);
  unsigned listed = lists ? maskGatheredRows(*copy, /*report=*/false) : 0;
  bool tellApart = listed == 0;
  if (failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
    return result;
  listed += lists ? maskGatheredRows(*copy, report) : 0;
  unsigned numbered = maskGatheredExperts(*copy);
  if (listed + numbered > 0 &&
      failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
    return result;
  // What a factor is made of is known while selects are selects.
  formProducts(*copy, assumeFinite, result.remarks);
  formSelects(*copy, assumeFinite);
  pullIntoWheres(*copy, assumeFinite);
  if (assumeFinite)
    formPaddings(*copy);
  shareWheres(*copy);
  result.experts = absorbIntoWheres(*copy, result.remarks);
  // What was gathered is never computed for all instead.
  if (listed > 0 && result.experts < listed) {
    Masked other = mask(function, assumeFinite, /*report=*/false, false);
    llvm::append_range(other.remarks, result.remarks);
    return other;
  }
  if (result.experts > 0)
    result.copy = std::move(copy);
  else if (report)
    result.unexplained = findUnexplainedMasks(*copy);
  return result;
}

void RaiseDensePass::runOnOperation() {
  ModuleOp module = getOperation();
  module->removeAttr(wouldRaiseAttr);
  int64_t more = 0;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.isDeclaration() || !mayBeMasked(function))
      continue;
    Masked masked = mask(function, assumeFinite, /*report=*/true);
    std::vector<Remark> remarks = std::move(masked.remarks);
    bool explained = !remarks.empty() || masked.copy;
    if (!assumeFinite) {
      Masked finite = mask(function, /*assumeFinite=*/true, /*report=*/false);
      more += std::max<int64_t>(0, finite.experts - masked.experts);
      explained |= finite.experts > 0;
      // What would keep it with the flag does so without.
      if (finite.experts <= masked.experts)
        llvm::append_range(remarks, finite.remarks);
    }
    if (!explained && remarks.empty())
      remarks = std::move(masked.unexplained);
    llvm::DenseSet<Location> places;
    for (const Remark &remark : remarks)
      if (places.insert(remark.loc).second)
        remark.emit();
    if (!masked.copy)
      continue;
    function.getBody().takeBody(masked.copy->getBody());
    IRRewriter rewriter(&getContext());
    (void)eraseUnreachableBlocks(rewriter, function->getRegions());
    eraseDeadOperations(function);
  }
  if (more > 0)
    module->setAttr(
        wouldRaiseAttr,
        IntegerAttr::get(IntegerType::get(&getContext(), 64), more));
}
