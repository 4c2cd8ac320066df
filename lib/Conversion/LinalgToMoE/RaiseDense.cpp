//===- RaiseDense.cpp - Move masked computations into experts -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds sums and selects whose terms are masked, from the last to the first, in
// a copy of the function that has one form; it takes the function's place if
// anything was raised.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "DispatchBuilder.h"
#include "GatheredExperts.h"
#include "GatheredRows.h"
#include "JoinDispatches.h"
#include "MaskedTerms.h"
#include "MergeExperts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
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

class Raiser {
public:
  Raiser(bool assumeFinite, bool report)
      : assumeFinite(assumeFinite), report(report) {}

  void run(func::FuncOp function);
  /// Experts that were moved.
  int64_t raised = 0;

private:
  void run(Block &block);
  void raise(Operation *op);
  void explain(const MaskedTerms &terms);

  bool assumeFinite, report;
  ConeAnalyses analyses;
  llvm::DenseSet<Operation *> done;
  llvm::DenseSet<Operation *> nested;
};

} // namespace

void Raiser::explain(const MaskedTerms &terms) {
  if (!report)
    return;
  for (const Term &term : terms.terms) {
    if (term.isExpert || term.reason.empty())
      continue;
    Operation *op = term.value.getDefiningOp();
    Location loc = op ? op->getLoc() : terms.result.getLoc();
    InFlightDiagnostic remark =
        emitRemark(loc, "masked, but computed for all tokens: ");
    if (term.where && term.where != op)
      remark << "'" << term.where->getName() << "' ";
    remark << term.reason;
    if (term.where && term.where != op)
      remark.attachNote(term.where->getLoc()) << "by this operation";
  }
}

void Raiser::raise(Operation *op) {
  std::unique_ptr<MaskedTerms> terms = findMaskedTerms(op, nested.contains(op));
  if (!terms)
    return;
  decide(*terms, assumeFinite, analyses);
  explain(*terms);
  for (const Term &term : terms->terms)
    if (!term.isExpert)
      if (Operation *producer = term.value.getDefiningOp())
        nested.insert(producer);
  for (Operation *sink : terms->sinks)
    if (terms->sinks.size() > 1)
      done.insert(sink);
  if (terms->countExperts() == 0)
    return;
  raised += terms->countExperts();
  for (const Term &term : terms->terms)
    if (term.isExpert)
      done.insert_range(term.cone->getOperations());
  replaceByDispatch(*terms);
}

void Raiser::run(Block &block) {
  SmallVector<Operation *> operations;
  for (Operation &op : llvm::reverse(block))
    operations.push_back(&op);
  for (Operation *op : operations) {
    if (isa<linalg::GenericOp>(op)) {
      if (!done.contains(op))
        raise(op);
      continue;
    }
    if (isa<DispatchOp>(op))
      continue;
    for (Region &region : op->getRegions())
      for (Block &inner : region)
        run(inner);
  }
}

void Raiser::run(func::FuncOp function) {
  for (Block &block : function.getBody())
    run(block);
}

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
/// What a function may gather by itself: rows by a list, results of experts by
/// a number.
enum class Gathers { None, Lists, Experts };
} // namespace

/// Raises what can be in a copy of `function`, which is returned if that was
/// anything. What it gathers by itself counts as masked up to `gathers`.
static OwningOpRef<func::FuncOp> raiseCopy(func::FuncOp function,
                                           bool assumeFinite, bool report,
                                           int64_t &count,
                                           Gathers gathers = Gathers::Experts) {
  OwningOpRef<func::FuncOp> copy(function.clone());
  count = 0;
  // Lists are seen best as they were written, before tokens of several
  // dimensions are told apart; others only afterwards. What is gathered by a
  // list has one dimension of tokens.
  generalizeNamedOps(*copy);
  bool lists = gathers != Gathers::None;
  unsigned masked = lists ? maskGatheredRows(*copy, /*report=*/false) : 0;
  bool tellApart = masked == 0;
  if (failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
    return nullptr;
  unsigned more = lists ? maskGatheredRows(*copy, report) : 0;
  unsigned experts =
      gathers == Gathers::Experts ? maskGatheredExperts(*copy) : 0;
  if (more + experts > 0) {
    masked += more + experts;
    if (failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
      return nullptr;
  }
  Raiser raiser(assumeFinite, report);
  raiser.run(*copy);
  count = raiser.raised;
  if (masked > 0) {
    // What was gathered is never computed for all instead.
    int64_t alone = 0;
    auto other = raiseCopy(function, assumeFinite, /*report=*/false, alone,
                           Gathers::None);
    if (count < alone + masked && experts > 0)
      return raiseCopy(function, assumeFinite, /*report=*/false, count,
                       Gathers::Lists);
    if (count < alone + masked) {
      count = alone;
      return other;
    }
  }
  if (count == 0)
    return nullptr;
  // What was computed for all tokens is dead; one routing for dispatches of the
  // same masks.
  eraseDeadOperations(*copy);
  IRRewriter rewriter(copy->getContext());
  DominanceInfo dominance(*copy);
  eliminateCommonSubExpressions(rewriter, dominance, *copy);
  joinDispatches(*copy);
  mergeLikeExperts(*copy);
  return copy;
}

void RaiseDensePass::runOnOperation() {
  ModuleOp module = getOperation();
  module->removeAttr(wouldRaiseAttr);
  int64_t more = 0;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.isDeclaration() || !mayBeMasked(function))
      continue;
    int64_t count = 0;
    auto copy = raiseCopy(function, assumeFinite, /*report=*/true, count);
    if (!assumeFinite) {
      int64_t all = 0;
      (void)raiseCopy(function, true, /*report=*/false, all);
      more += std::max<int64_t>(0, all - count);
    }
    if (!copy)
      continue;
    function.getBody().takeBody(copy->getBody());
    IRRewriter rewriter(&getContext());
    (void)eraseUnreachableBlocks(rewriter, function->getRegions());
    eraseDeadOperations(function);
  }
  if (more > 0)
    module->setAttr(
        wouldRaiseAttr,
        IntegerAttr::get(IntegerType::get(&getContext(), 64), more));
}
