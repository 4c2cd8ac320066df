//===- PromoteState.cpp - Mutable globals as arguments and results --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which value a load gives is known once calls are inlined. As an argument that
// is given away and a result, a state is a tensor like any other: whether it is
// changed in place is decided where that is decided for all.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MLProgram/IR/MLProgramAttributes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "moe/Dialect/MoE/IR/State.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::moe {
#define GEN_PASS_DEF_PROMOTESTATEPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;
using ml_program::GlobalLoadOp;
using ml_program::GlobalOp;
using ml_program::GlobalStoreOp;

/// The value of each state, in the order of the globals.
using Values = llvm::MapVector<StringAttr, Value>;

static StringAttr nameOf(GlobalLoadOp load) {
  return load.getGlobal().getLeafReference();
}
static StringAttr nameOf(GlobalStoreOp store) {
  return store.getGlobal().getLeafReference();
}

/// The states that are stored to inside of `op`, in the order of `values`.
static SmallVector<StringAttr> storedIn(Operation *op, const Values &values) {
  llvm::SmallSetVector<StringAttr, 4> stored;
  op->walk([&](GlobalStoreOp store) { stored.insert(nameOf(store)); });
  SmallVector<StringAttr> ordered;
  for (auto &[name, value] : values)
    if (stored.contains(name))
      ordered.push_back(name);
  return ordered;
}

namespace {

/// Goes through the operations in the order in which they run.
class Promotion {
public:
  explicit Promotion(RewriterBase &rewriter) : rewriter(rewriter) {}

  LogicalResult run(Block &block, Values &values);

private:
  LogicalResult run(Operation *op, Values &values);
  LogicalResult promote(scf::IfOp op, Values &values);
  template <typename Loop> LogicalResult promote(Loop op, Values &values);

  RewriterBase &rewriter;
};

} // namespace

static SmallVector<Value> pick(const Values &values,
                               ArrayRef<StringAttr> names) {
  return llvm::map_to_vector(
      names, [&](StringAttr name) { return values.lookup(name); });
}

static void assign(Values &values, ArrayRef<StringAttr> names,
                   ValueRange given) {
  for (auto [name, value] : llvm::zip_equal(names, given))
    values[name] = value;
}

LogicalResult Promotion::run(Block &block, Values &values) {
  for (Operation &op : llvm::make_early_inc_range(block))
    if (failed(run(&op, values)))
      return failure();
  return success();
}

LogicalResult Promotion::run(Operation *op, Values &values) {
  if (auto load = dyn_cast<GlobalLoadOp>(op)) {
    Value value = values.lookup(nameOf(load));
    if (!value) // It is no state, but a constant.
      return success();
    rewriter.replaceOp(load, value);
    return success();
  }
  if (auto store = dyn_cast<GlobalStoreOp>(op)) {
    values[nameOf(store)] = store.getValue();
    rewriter.eraseOp(store);
    return success();
  }
  if (storedIn(op, values).empty()) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (failed(run(block, values)))
          return failure();
    return success();
  }
  if (auto conditional = dyn_cast<scf::IfOp>(op))
    return promote(conditional, values);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return promote(loop, values);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return promote(loop, values);
  GlobalStoreOp first;
  op->walk([&](GlobalStoreOp store) { first = first ? first : store; });
  return first.emitOpError()
         << "stands in a body of '" << op->getName()
         << "'; a state is stored in the function, or in scf.if, scf.for or "
            "scf.while";
}

/// A conditional with one more result for each state that a side stores to.
LogicalResult Promotion::promote(scf::IfOp op, Values &values) {
  SmallVector<StringAttr> names = storedIn(op, values);
  SmallVector<Type> types(op.getResultTypes());
  llvm::append_range(types, ValueRange(pick(values, names)).getTypes());
  rewriter.setInsertionPoint(op);
  auto wider = scf::IfOp::create(rewriter, op.getLoc(), types,
                                 op.getCondition(), /*withElseRegion=*/true);
  auto side = [&](Region &from, Region &to) -> LogicalResult {
    Values own = values;
    Block &block = to.front();
    rewriter.setInsertionPointToEnd(&block);
    if (from.empty()) {
      scf::YieldOp::create(rewriter, op.getLoc(), pick(own, names));
      return success();
    }
    rewriter.eraseBlock(&block);
    rewriter.inlineRegionBefore(from, to, to.end());
    if (failed(run(to.front(), own)))
      return failure();
    Operation *yield = to.front().getTerminator();
    rewriter.modifyOpInPlace(yield, [&] {
      yield->insertOperands(yield->getNumOperands(), pick(own, names));
    });
    return success();
  };
  if (failed(side(op.getThenRegion(), wider.getThenRegion())) ||
      failed(side(op.getElseRegion(), wider.getElseRegion())))
    return failure();
  wider->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  assign(values, names, wider.getResults().take_back(names.size()));
  rewriter.replaceOp(op, wider.getResults().drop_back(names.size()));
  return success();
}

/// A loop that carries `more` as well, of which its body knows nothing yet.
static FailureOr<Operation *> widen(RewriterBase &rewriter, scf::ForOp op,
                                    ValueRange more) {
  auto yieldArguments = [](OpBuilder &, Location,
                           ArrayRef<BlockArgument> arguments) {
    return SmallVector<Value>(arguments.begin(), arguments.end());
  };
  FailureOr<LoopLikeOpInterface> wider = op.replaceWithAdditionalYields(
      rewriter, more, /*replaceInitOperandUsesInLoop=*/false, yieldArguments);
  if (failed(wider))
    return failure();
  return wider->getOperation();
}

static FailureOr<Operation *> widen(RewriterBase &rewriter, scf::WhileOp op,
                                    ValueRange more) {
  SmallVector<Type> types(op.getResultTypes());
  llvm::append_range(types, more.getTypes());
  SmallVector<Value> inits(op.getInits());
  llvm::append_range(inits, more);
  auto wider = scf::WhileOp::create(rewriter, op.getLoc(), types, inits);
  wider->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  wider.getBefore().takeBody(op.getBefore());
  wider.getAfter().takeBody(op.getAfter());
  for (Region &region : wider->getRegions())
    for (Value value : more) {
      Value argument =
          region.front().addArgument(value.getType(), value.getLoc());
      Operation *end = region.front().getTerminator();
      end->insertOperands(end->getNumOperands(), argument);
    }
  rewriter.replaceOp(op, wider.getResults().drop_back(more.size()));
  return wider.getOperation();
}

/// A loop that carries the states that it stores to.
template <typename Loop>
LogicalResult Promotion::promote(Loop op, Values &values) {
  SmallVector<StringAttr> names = storedIn(op, values);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  FailureOr<Operation *> wider = widen(rewriter, op, pick(values, names));
  if (failed(wider))
    return emitError(loc, "the loop cannot carry a state");
  size_t count = names.size();
  for (Region &region : (*wider)->getRegions()) {
    Values own = values;
    Block &block = region.front();
    assign(own, names, block.getArguments().take_back(count));
    if (failed(run(block, own)))
      return failure();
    Operation *end = block.getTerminator();
    rewriter.modifyOpInPlace(end, [&] {
      end->setOperands(end->getNumOperands() - count, count, pick(own, names));
    });
  }
  assign(values, names, (*wider)->getResults().take_back(count));
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// What a caller can hold: a tensor that grows in its leading size at most.
static LogicalResult verifyState(GlobalOp global) {
  auto type = dyn_cast<RankedTensorType>(global.getType());
  bool isTensor = type && (type.getElementType().isIntOrIndexOrFloat());
  if (!isTensor || llvm::any_of(type.getShape().drop_front(
                                    std::min<int64_t>(type.getRank(), 1)),
                                ShapedType::isDynamic))
    return global.emitOpError()
           << "is a state of type " << global.getType()
           << "; a state is a tensor of numbers of which only the leading size "
              "is dynamic";
  Attribute value = global.getValueAttr();
  if (!value)
    return success();
  auto elements = dyn_cast<ElementsAttr>(value);
  auto has = elements ? dyn_cast<RankedTensorType>(elements.getShapedType())
                      : RankedTensorType();
  if (!has || has.getElementType() != type.getElementType() ||
      failed(verifyCompatibleShape(has, type)))
    return global.emitOpError()
           << "has an initial value that is no " << global.getType();
  return success();
}

namespace {
struct PromoteStatePass : moe::impl::PromoteStatePassBase<PromoteStatePass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<GlobalOp> states;
    for (auto global : getOperation().getOps<GlobalOp>())
      if (global.getIsMutable())
        states.push_back(global);
    if (states.empty())
      return;
    for (GlobalOp state : states)
      if (failed(verifyState(state)))
        return signalPassFailure();
    NamedAttrList described;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() &&
          failed(promote(function, states, described)))
        return signalPassFailure();
    if (!described.empty())
      getOperation()->setAttr(stateAttr,
                              described.getDictionary(&getContext()));
    for (GlobalOp state : states)
      state.erase();
  }

private:
  LogicalResult promote(func::FuncOp function, ArrayRef<GlobalOp> states,
                        NamedAttrList &described) {
    llvm::SmallSetVector<StringAttr, 4> used;
    function.walk([&](Operation *op) {
      if (auto load = dyn_cast<GlobalLoadOp>(op))
        used.insert(nameOf(load));
      if (auto store = dyn_cast<GlobalStoreOp>(op))
        used.insert(nameOf(store));
    });
    Builder b(&getContext());
    Values values;
    SmallVector<Attribute> list;
    auto donated =
        b.getDictionaryAttr(b.getNamedAttr(donatedAttr, b.getUnitAttr()));
    for (GlobalOp state : states) {
      if (!used.contains(state.getSymNameAttr()))
        continue;
      auto type = cast<RankedTensorType>(state.getType());
      unsigned index = function.getNumArguments();
      if (failed(function.insertArgument(index, type, donated, state.getLoc())))
        return failure();
      values[state.getSymNameAttr()] = function.getArgument(index);
      Attribute initial = state.getValueAttr();
      list.push_back(
          b.getArrayAttr({state.getSymNameAttr(),
                          TypeAttr::get(MemRefType::get(type.getShape(),
                                                        type.getElementType())),
                          initial ? initial : b.getUnitAttr()}));
    }
    if (values.empty())
      return success();
    if (!function.isPublic() || !function.getBody().hasOneBlock())
      return function.emitOpError("uses a state and is not inlined");
    IRRewriter rewriter(&getContext());
    Block &body = function.front();
    if (failed(Promotion(rewriter).run(body, values)))
      return failure();
    Operation *end = body.getTerminator();
    for (auto &[name, value] : values) {
      if (failed(function.insertResult(function.getNumResults(),
                                       value.getType(), {})))
        return failure();
      end->insertOperands(end->getNumOperands(), value);
    }
    described.set(function.getSymNameAttr(), b.getArrayAttr(list));
    return success();
  }
};
} // namespace
