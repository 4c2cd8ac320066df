//===- SelectToIf.cpp - Branches for costly selects -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A select between tensors by one condition, where one side is worth a branch.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "moe/Analysis/Elementwise.h"
#include "moe/Analysis/OneElement.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::moe {
#define GEN_PASS_DEF_SELECTTOIFPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
/// A select between tensors by one condition.
class Select {
public:
  static std::optional<Select> match(Operation *op);

  /// Whether `use`, of this operation, is for one side, or for nothing.
  bool isFor(OpOperand &use, unsigned side) const;
  /// What is chosen from, or null for a scalar of the body.
  Value getSource(unsigned side) const {
    return sides[side].operand ? sides[side].operand->get() : Value();
  }
  /// The result if this side is chosen.
  Value createSide(OpBuilder &b, unsigned side) const;

  Operation *op;
  Value condition;

private:
  struct Side {
    OpOperand *operand = nullptr;
    /// In the body.
    Value scalar;
    /// Whether the operand is the result.
    bool whole = false;
  };

  static Side getSide(linalg::GenericOp generic, Value scalar);

  std::array<Side, 2> sides;
};
} // namespace

Select::Side Select::getSide(linalg::GenericOp generic, Value scalar) {
  Side side;
  side.scalar = scalar;
  auto argument = dyn_cast<BlockArgument>(scalar);
  if (!argument || argument.getOwner() != generic.getBody())
    return side;
  side.operand = generic.getMatchingOpOperand(argument);
  side.whole = side.operand->get().getType() == generic.getType(0) &&
               generic.getMatchingIndexingMap(side.operand) ==
                   generic.getIndexingMapsArray().back();
  return side;
}

std::optional<Select> Select::match(Operation *op) {
  Select select;
  select.op = op;
  if (auto whole = dyn_cast<arith::SelectOp>(op)) {
    if (!isa<RankedTensorType>(whole.getType()))
      return std::nullopt;
    select.condition = getOneElement(whole.getCondition());
    for (unsigned side : {0, 1})
      select.sides[side] = {&op->getOpOperand(1 + side), Value(), true};
  } else {
    std::optional<Elementwise> elementwise = matchElementwise(op);
    if (!elementwise || !isa<arith::SelectOp>(elementwise->scalar))
      return std::nullopt;
    linalg::GenericOp generic = elementwise->generic;
    Side condition = getSide(generic, elementwise->scalar->getOperand(0));
    select.condition = getOneElement(
        condition.operand ? condition.operand->get() : condition.scalar);
    for (unsigned side : {0, 1})
      select.sides[side] =
          getSide(generic, elementwise->scalar->getOperand(1 + side));
  }
  return select.condition ? std::optional(select) : std::nullopt;
}

bool Select::isFor(OpOperand &use, unsigned side) const {
  if (&use == sides[side].operand)
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && use.getOwner() == op && generic.isDpsInit(&use) &&
         sides[0].whole && sides[1].whole;
}

Value Select::createSide(OpBuilder &b, unsigned side) const {
  auto [operand, scalar, whole] = sides[side];
  if (whole)
    return operand->get();
  auto generic = cast<linalg::GenericOp>(op);
  if (!operand)
    return linalg::FillOp::create(b, op->getLoc(), scalar,
                                  generic.getDpsInits())
        .getResult(0);
  SmallVector<AffineMap> maps{generic.getMatchingIndexingMap(operand),
                              generic.getIndexingMapsArray().back()};
  return linalg::GenericOp::create(
             b, op->getLoc(), generic.getResultTypes(), operand->get(),
             generic.getDpsInits(), maps, generic.getIteratorTypesArray(),
             [](OpBuilder &inner, Location location, ValueRange arguments) {
               linalg::YieldOp::create(inner, location, arguments.front());
             })
      .getResult(0);
}

/// Whether `op` does more than a few operations for each element it yields: a
/// structured operation that adds up products, a dispatch, or a loop.
static bool isCostly(Operation *op) {
  if (isa<DispatchOp, LoopLikeOpInterface>(op))
    return true;
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  return structured && structured.getNumReductionLoops() > 0 &&
         llvm::any_of(*structured.getBlock(),
                      llvm::IsaPred<arith::MulFOp, arith::MulIOp>);
}

namespace {
/// Selects of one block by one condition.
class SelectGroup {
public:
  explicit SelectGroup(Select first) : selects{first} {}

  /// Adds `next`, which stands behind the others, if one branch can stand there
  /// for all.
  bool add(Select next);
  /// Whether something costly is computed for one side alone.
  bool isWorthwhile() const { return isCostly(0) || isCostly(1); }
  void convert();

private:
  bool isCostly(unsigned side) const;
  bool isForSide(OpOperand &use, unsigned side,
                 const SetVector<Operation *> &known) const;

  SmallVector<Select> selects;
};
} // namespace

bool SelectGroup::add(Select next) {
  if (next.condition != selects.front().condition ||
      next.op->getBlock() != selects.front().op->getBlock())
    return false;
  for (const Select &select : selects)
    for (Operation *user : select.op->getUsers()) {
      Operation *inBlock = next.op->getBlock()->findAncestorOpInBlock(*user);
      if (inBlock == next.op || inBlock->isBeforeInBlock(next.op))
        return false;
    }
  selects.push_back(next);
  return true;
}

/// Whether `use` is for what is known to be computed for one side alone, or for
/// this side itself.
bool SelectGroup::isForSide(OpOperand &use, unsigned side,
                            const SetVector<Operation *> &known) const {
  Block *block = selects.front().op->getBlock();
  Operation *user = block->findAncestorOpInBlock(*use.getOwner());
  if (known.contains(user))
    return true;
  return llvm::any_of(selects, [&](const Select &select) {
    return select.op == user && select.isFor(use, side);
  });
}

bool SelectGroup::isCostly(unsigned side) const {
  SetVector<Operation *> known;
  auto visit = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (op && op->getBlock() == selects.front().op->getBlock() &&
        isMemoryEffectFree(op) &&
        llvm::all_of(op->getUses(), [&](OpOperand &use) {
          return isForSide(use, side, known);
        }))
      known.insert(op);
  };
  for (const Select &select : selects)
    if (Value source = select.getSource(side))
      visit(source);
  for (size_t i = 0; i < known.size(); ++i) {
    if (::isCostly(known[i]))
      return true;
    SetVector<Value> needed;
    known[i]->walk(
        [&](Operation *inner) { needed.insert_range(inner->getOperands()); });
    llvm::for_each(needed, visit);
  }
  return false;
}

void SelectGroup::convert() {
  Operation *last = selects.back().op;
  ImplicitLocOpBuilder b(last->getLoc(), last);
  Value condition = selects.front().condition;
  if (auto type = dyn_cast<RankedTensorType>(condition.getType())) {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    condition = tensor::ExtractOp::create(
        b, condition, SmallVector<Value>(type.getRank(), zero));
  }
  auto yieldSide = [&](unsigned side) {
    return [this, side](OpBuilder &inner, Location location) {
      SmallVector<Value> values;
      for (const Select &select : selects)
        values.push_back(select.createSide(inner, side));
      scf::YieldOp::create(inner, location, values);
    };
  };
  auto branch = scf::IfOp::create(b, condition, yieldSide(0), yieldSide(1));
  for (auto [select, result] : llvm::zip_equal(selects, branch.getResults())) {
    select.op->getResult(0).replaceAllUsesWith(result);
    select.op->erase();
  }
}

namespace {
struct SelectToIfPass : moe::impl::SelectToIfPassBase<SelectToIfPass> {
  using Base::Base;

  void runOnOperation() final {
    std::vector<SelectGroup> groups;
    getOperation()->walk([&](Operation *op) {
      std::optional<Select> select = Select::match(op);
      if (!select || op->getParentOfType<DispatchOp>())
        return;
      if (groups.empty() || !groups.back().add(*select))
        groups.emplace_back(*select);
    });
    // Later ones first: what is chosen inside of a side moves there.
    for (SelectGroup &group : llvm::reverse(groups))
      if (group.isWorthwhile())
        group.convert();
  }
};
} // namespace
