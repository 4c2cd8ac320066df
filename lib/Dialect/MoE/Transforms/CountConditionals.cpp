//===- CountConditionals.cpp - Which sides of conditionals run --*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One call of the runtime's counter at the beginning of each side.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Dialect/MoE/IR/Locations.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_COUNTCONDITIONALSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral counter = "moe_rt_branch";

static void declareCounter(ModuleOp module) {
  if (module.lookupSymbol(counter))
    return;
  auto b =
      ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
  SmallVector<Type> inputs(2, b.getI64Type());
  func::FuncOp::create(b, counter, b.getFunctionType(inputs, {})).setPrivate();
}

namespace {
struct Side {
  std::string name;
  Region *region;
};
} // namespace

/// Whether the sides were exchanged since the model was read, as they are when
/// the negation of a condition is dropped.
static bool isExchanged(scf::IfOp branch) {
  return llvm::any_of(branch->getRegions(), [](Region &region) {
    if (region.empty())
      return false;
    auto isElse = isMarkedElse(region.front().getTerminator()->getLoc());
    return isElse && *isElse != (region.getRegionNumber() == 1);
  });
}

static SmallVector<Side, 2> sidesOf(Operation *op) {
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    Region *first = &branch.getThenRegion(), *second = &branch.getElseRegion();
    if (isExchanged(branch))
      std::swap(first, second);
    return {{"then", first}, {"else", second}};
  }
  auto choice = cast<scf::IndexSwitchOp>(op);
  SmallVector<Side, 2> sides;
  for (auto [number, region] :
       llvm::zip_equal(choice.getCases(), choice.getCaseRegions()))
    sides.push_back({"case " + std::to_string(number), &region});
  sides.push_back({"default", &choice.getDefaultRegion()});
  return sides;
}

static DictionaryAttr describe(Operation *op) {
  Builder b(op->getContext());
  SmallVector<Attribute> names;
  for (const Side &side : sidesOf(op))
    names.push_back(b.getStringAttr(side.name));
  NamedAttrList entry;
  entry.set("location", b.getStringAttr(placeOf(op->getLoc())));
  if (std::string layer = layerOf(op->getLoc()); !layer.empty())
    entry.set("layer", b.getStringAttr(layer));
  entry.set("sides", b.getArrayAttr(names));
  return entry.getDictionary(op->getContext());
}

static void countSides(Operation *op, int64_t number) {
  for (auto [position, side] : llvm::enumerate(sidesOf(op))) {
    ImplicitLocOpBuilder b(op->getLoc(), op->getContext());
    if (side.region->empty()) {
      // A conditional without results need not have a second side.
      b.setInsertionPointToStart(&side.region->emplaceBlock());
      scf::YieldOp::create(b);
    }
    b.setInsertionPointToStart(&side.region->front());
    SmallVector<Value> arguments;
    for (int64_t argument : {number, static_cast<int64_t>(position)})
      arguments.push_back(
          arith::ConstantIntOp::create(b, b.getI64Type(), argument));
    func::CallOp::create(b, counter, TypeRange(), arguments);
  }
}

namespace {
struct CountConditionalsPass
    : moe::impl::CountConditionalsPassBase<CountConditionalsPass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<Attribute> entries;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa<scf::IfOp, scf::IndexSwitchOp>(op) ||
          !isMarkedConditional(op->getLoc()))
        return;
      countSides(op, entries.size());
      entries.push_back(describe(op));
    });
    if (entries.empty())
      return;
    declareCounter(getOperation());
    getOperation()->setAttr(conditionalsAttr,
                            ArrayAttr::get(&getContext(), entries));
  }
};
} // namespace
