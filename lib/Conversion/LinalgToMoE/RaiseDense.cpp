//===- RaiseDense.cpp - Move masked computations into experts -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds sums and selects whose terms are masked, from the last to the first, in
// a copy of the function that has one form; it takes the function's place if
// anything was raised. What needs finite numbers is raised from what is left
// once all that does not has been: the assumption only ever adds experts.
//
//===----------------------------------------------------------------------===//

#include "DenseForm.h"
#include "DispatchBuilder.h"
#include "GatheredExperts.h"
#include "GatheredRows.h"
#include "JoinDispatches.h"
#include "MaskedTerms.h"
#include "MergeExperts.h"
#include "SplitSums.h"
#include "UnexplainedMasks.h"
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

/// Why a masked value is computed for all tokens.
struct Remark {
  Location loc;
  std::string reason;
  std::optional<Location> where;

  void emit() const {
    InFlightDiagnostic remark =
        emitRemark(loc, "masked, but computed for all tokens: ") << reason;
    if (where)
      remark.attachNote(*where) << "by this operation";
  }
};

class Raiser {
public:
  explicit Raiser(bool assumeFinite) : assumeFinite(assumeFinite) {}

  void run(func::FuncOp function);
  /// What was moved: terms, and the experts they stand for.
  int64_t terms = 0, experts = 0;
  /// One for each value that stays.
  std::vector<Remark> takeRemarks();

private:
  void run(Block &block);
  void raise(Operation *op);
  void explain(const MaskedTerms &terms);

  bool assumeFinite;
  ConeAnalyses analyses;
  llvm::DenseSet<Operation *> done;
  llvm::DenseSet<Operation *> nested;
  llvm::MapVector<Operation *, Remark> remarks;
};

} // namespace

void Raiser::explain(const MaskedTerms &terms) {
  for (const Term &term : terms.terms) {
    if (term.isExpert || term.reason.empty())
      continue;
    Operation *op = term.value.getDefiningOp();
    Remark remark{op ? op->getLoc() : terms.result.getLoc(), term.reason, {}};
    if (term.where && term.where != op) {
      remark.reason =
          ("'" + term.where->getName().getStringRef() + "' " + term.reason)
              .str();
      remark.where = term.where->getLoc();
    }
    remarks.insert({op ? op : terms.result.getDefiningOp(), remark});
  }
}

/// A value that one root could not move may be moved by another one.
std::vector<Remark> Raiser::takeRemarks() {
  std::vector<Remark> result;
  llvm::DenseSet<Location> places;
  for (auto &[op, remark] : remarks)
    if (!done.contains(op) && places.insert(remark.loc).second)
      result.push_back(std::move(remark));
  return result;
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
  this->terms += llvm::count_if(terms->terms,
                                [](const Term &term) { return term.isExpert; });
  experts += terms->countExperts();
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

/// A copy of a function in which terms were raised, null if there was none.
struct Raised {
  OwningOpRef<func::FuncOp> copy;
  int64_t terms = 0, experts = 0;
  std::vector<Remark> remarks;
};
} // namespace

/// Raises what can be in a copy of `function`. What it gathers by itself counts
/// as masked up to `gathers`.
static Raised raiseCopy(func::FuncOp function, bool assumeFinite, bool report,
                        Gathers gathers = Gathers::Experts) {
  OwningOpRef<func::FuncOp> copy(function.clone());
  Raised result;
  // Lists are seen best as they were written, before tokens of several
  // dimensions are told apart; others only afterwards. What is gathered by a
  // list has one dimension of tokens.
  generalizeNamedOps(*copy);
  bool lists = gathers != Gathers::None;
  unsigned masked = lists ? maskGatheredRows(*copy, /*report=*/false) : 0;
  bool tellApart = masked == 0;
  if (failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
    return result;
  unsigned more = lists ? maskGatheredRows(*copy, report) : 0;
  unsigned experts =
      gathers == Gathers::Experts ? maskGatheredExperts(*copy) : 0;
  if (more + experts > 0) {
    masked += more + experts;
    if (failed(bringIntoDenseForm(*copy, assumeFinite, tellApart)))
      return result;
  }
  Raiser raiser(assumeFinite);
  raiser.run(*copy);
  result.terms = raiser.terms;
  result.experts = raiser.experts;
  result.remarks = raiser.takeRemarks();
  if (masked > 0) {
    // What was gathered is never computed for all instead.
    Raised other =
        raiseCopy(function, assumeFinite, /*report=*/false, Gathers::None);
    if (result.terms < other.terms + masked) {
      if (experts > 0)
        other =
            raiseCopy(function, assumeFinite, /*report=*/false, Gathers::Lists);
      // Why it could not be moved is known from the attempt.
      llvm::append_range(other.remarks, result.remarks);
      return other;
    }
  }
  if (result.terms == 0)
    return result;
  // What was computed for all tokens is dead; one routing for dispatches of the
  // same masks.
  eraseDeadOperations(*copy);
  if (assumeFinite)
    joinSums(*copy);
  IRRewriter rewriter(copy->getContext());
  DominanceInfo dominance(*copy);
  eliminateCommonSubExpressions(rewriter, dominance, *copy);
  joinDispatches(*copy);
  mergeLikeExperts(*copy);
  result.copy = std::move(copy);
  return result;
}

/// Whether something at a place is still computed for all tokens.
static bool isOutsideOfExperts(func::FuncOp function, Location loc) {
  return function
      .walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (isa<DispatchOp>(op))
          return WalkResult::skip();
        return op->getLoc() == loc ? WalkResult::interrupt()
                                   : WalkResult::advance();
      })
      .wasInterrupted();
}

void RaiseDensePass::runOnOperation() {
  ModuleOp module = getOperation();
  module->removeAttr(wouldRaiseAttr);
  int64_t more = 0;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.isDeclaration() || !mayBeMasked(function))
      continue;
    Raised exact = raiseCopy(function, /*assumeFinite=*/false, /*report=*/true);
    func::FuncOp left = exact.copy ? *exact.copy : function;
    Raised finite;
    if (mayBeMasked(left))
      finite = raiseCopy(left, /*assumeFinite=*/true, /*report=*/false);
    std::vector<Remark> remarks = std::move(exact.remarks);
    if (!assumeFinite) {
      more += finite.experts;
      // What would keep it with the flag does so without.
      if (finite.experts == 0)
        llvm::append_range(remarks, finite.remarks);
    } else {
      if (finite.copy) {
        exact.copy = std::move(finite.copy);
        llvm::erase_if(remarks, [&](const Remark &remark) {
          return !isOutsideOfExperts(*exact.copy, remark.loc);
        });
      }
      llvm::append_range(remarks, finite.remarks);
    }
    if (!exact.copy && finite.experts == 0 && remarks.empty())
      for (Location place : findUnexplainedMasks(function))
        remarks.push_back(
            {place,
             "has a mask that is not one of the forms that are recognized",
             {}});
    llvm::DenseSet<Location> places;
    for (const Remark &remark : remarks)
      if (places.insert(remark.loc).second)
        remark.emit();
    if (!exact.copy)
      continue;
    function.getBody().takeBody(exact.copy->getBody());
    IRRewriter rewriter(&getContext());
    (void)eraseUnreachableBlocks(rewriter, function->getRegions());
    eraseDeadOperations(function);
  }
  if (more > 0)
    module->setAttr(
        wouldRaiseAttr,
        IntegerAttr::get(IntegerType::get(&getContext(), 64), more));
}
