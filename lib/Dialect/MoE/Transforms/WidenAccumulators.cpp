//===- WidenAccumulators.cpp - Sums of short floats in f32 ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The accumulator of a reduction and all that is computed from it, up to where
// the reduction ends, is one set of values. If nothing but sums, products and
// moves is among what uses them, the set becomes f32 as a whole, in place.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::moe {
#define GEN_PASS_DEF_WIDENACCUMULATORSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static bool isShort(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isBF16() || element.isF16();
}

/// `type` with elements of f32.
static Type widened(Type type) {
  Type wide = Float32Type::get(type.getContext());
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(wide);
  return wide;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// The elements of a tensor, or a scalar, as those of another type.
template <typename ConversionOp>
static Value convert(ImplicitLocOpBuilder &b, Type type, Value value) {
  auto target = dyn_cast<RankedTensorType>(type);
  if (!target)
    return ConversionOp::create(b, type, value);
  Value init = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), value), target.getElementType());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(target.getRank()));
  SmallVector<utils::IteratorType> loops(target.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, init.getType(), value, init, maps, loops,
             [&](OpBuilder &nested, Location loc, ValueRange elements) {
               Value element = ConversionOp::create(
                   nested, loc, target.getElementType(), elements.front());
               linalg::YieldOp::create(nested, loc, element);
             })
      .getResult(0);
}

/// `value` in f32. What a fill starts from stays a fill, and a product that is
/// only added is exact.
static Value widen(ImplicitLocOpBuilder &b, Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>();
      fill && fill.value().getType() == getElementTypeOrSelf(value)) {
    Value element = widen(b, fill.value());
    Value init = tensor::EmptyOp::create(
        b, tensor::getMixedSizes(b, b.getLoc(), fill.output()),
        element.getType());
    return linalg::FillOp::create(b, element, init).getResult(0);
  }
  if (auto product = value.getDefiningOp<arith::MulFOp>();
      product && product->hasOneUse())
    return arith::MulFOp::create(b, widen(b, product.getLhs()),
                                 widen(b, product.getRhs()),
                                 product.getFastmath());
  return convert<arith::ExtFOp>(b, widened(value.getType()), value);
}

//===----------------------------------------------------------------------===//
// Accumulators
//===----------------------------------------------------------------------===//

namespace {

/// What a reduction (a structured operation or a loop) computes from one of its
/// initial values, inside of itself.
class Accumulator {
public:
  Accumulator(Operation *root, OpOperand &init, BlockArgument argument,
              OpResult result)
      : root(root), init(init), argument(argument), result(result) {}

  /// Whether it is of short floats, and nothing but sums up.
  bool isShortSum();
  void widen();

private:
  bool follow(Value value);
  bool followUse(OpOperand &use);
  bool followYield(OpOperand &use);

  Operation *root;
  OpOperand &init;
  BlockArgument argument;
  OpResult result;
  /// All that become f32, and the operations they are used by.
  llvm::SetVector<Value> values;
  llvm::SetVector<Operation *> users;
  bool adds = false;
};

} // namespace

bool Accumulator::isShortSum() {
  if (!isShort(argument.getType()))
    return false;
  values.insert(argument);
  // Grows while it is walked over.
  for (size_t i = 0; i < values.size(); ++i)
    if (!llvm::all_of(values[i].getUses(), [&](OpOperand &use) {
          users.insert(use.getOwner());
          return followUse(use);
        }))
      return false;
  return adds;
}

bool Accumulator::follow(Value value) {
  values.insert(value);
  return true;
}

bool Accumulator::followUse(OpOperand &use) {
  return TypeSwitch<Operation *, bool>(use.getOwner())
      .Case<arith::AddFOp, arith::SubFOp, arith::MulFOp>([&](auto op) {
        adds = true;
        return follow(op.getResult());
      })
      .Case([&](arith::SelectOp op) { return follow(op.getResult()); })
      .Case([&](tensor::ExtractOp op) { return follow(op.getResult()); })
      .Case([&](tensor::InsertOp op) {
        return &use != &op.getDestMutable() || follow(op.getResult());
      })
      .Case([&](tensor::DimOp) { return true; })
      .Case([&](scf::ForOp op) {
        return follow(op.getTiedLoopRegionIterArg(&use)) &&
               follow(op.getTiedLoopResult(&use));
      })
      .Case<scf::YieldOp, linalg::YieldOp>(
          [&](auto) { return followYield(use); })
      .Default(false);
}

bool Accumulator::followYield(OpOperand &use) {
  Operation *parent = use.getOwner()->getParentOp();
  unsigned number = use.getOperandNumber();
  if (parent == root)
    return number == result.getResultNumber();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    return follow(loop.getRegionIterArg(number)) &&
           follow(loop.getResult(number));
  auto branch = dyn_cast<scf::IfOp>(parent);
  return branch && follow(branch.getResult(number));
}

void Accumulator::widen() {
  ImplicitLocOpBuilder b(root->getLoc(), root);
  Type type = result.getType();
  init.set(::widen(b, init.get()));
  for (Value value : values)
    value.setType(widened(value.getType()));
  result.setType(widened(type));
  auto widenOperand = [&](OpOperand &operand) {
    if (!isShort(operand.get().getType()))
      return;
    ImplicitLocOpBuilder at(operand.getOwner()->getLoc(), operand.getOwner());
    operand.set(::widen(at, operand.get()));
  };
  for (Operation *user : users) {
    // A sum of so many is shown in another tensor.
    auto shown = dyn_cast<tensor::InsertOp>(user);
    if (shown && !values.contains(shown.getDest())) {
      ImplicitLocOpBuilder at(shown.getLoc(), shown);
      shown.getScalarMutable().assign(convert<arith::TruncFOp>(
          at, shown.getType().getElementType(), shown.getScalar()));
      continue;
    }
    // Other values that go into a loop or out of a region stay what they are.
    if (!isa<scf::ForOp, scf::YieldOp, linalg::YieldOp>(user))
      for (OpOperand &operand : user->getOpOperands())
        widenOperand(operand);
  }
  // Where one branch or the start of an inner loop is no accumulator.
  for (Value value : values) {
    if (auto branch = value.getDefiningOp<scf::IfOp>()) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      widenOperand(branch.thenYield()->getOpOperand(number));
      widenOperand(branch.elseYield()->getOpOperand(number));
    }
    auto carried = dyn_cast<BlockArgument>(value);
    if (!carried || carried == argument)
      continue;
    auto loop = cast<scf::ForOp>(carried.getOwner()->getParentOp());
    widenOperand(*loop.getTiedLoopInit(carried));
    widenOperand(*loop.getTiedLoopYieldedValue(carried));
  }
  Operation *end = argument.getOwner()->getTerminator();
  widenOperand(end->getOpOperand(result.getResultNumber()));

  b.setInsertionPointAfter(root);
  SmallVector<OpOperand *> uses = llvm::map_to_vector(
      result.getUses(), [](OpOperand &use) { return &use; });
  if (uses.empty())
    return;
  Value narrow = convert<arith::TruncFOp>(b, type, result);
  for (OpOperand *use : uses)
    use->set(narrow);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static void widenLoop(scf::ForOp loop) {
  for (auto [init, argument, result] :
       llvm::zip_equal(loop.getInitArgsMutable(), loop.getRegionIterArgs(),
                       loop->getResults())) {
    Accumulator accumulator(loop, init, argument, result);
    if (accumulator.isShortSum())
      accumulator.widen();
  }
}

static void widenReduction(IRRewriter &rewriter, linalg::LinalgOp op) {
  auto isSum = [](linalg::LinalgOp op, OpOperand &init) {
    return Accumulator(op, init, op.getMatchingBlockArgument(&init),
                       op.getTiedOpResult(&init))
        .isShortSum();
  };
  if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
      llvm::none_of(op.getDpsInitsMutable(),
                    [&](OpOperand &init) { return isSum(op, init); }))
    return;
  // The body of a named operation follows from the types of its operands.
  if (!isa<linalg::GenericOp>(op)) {
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::GenericOp> general =
        linalg::generalizeNamedOp(rewriter, op);
    if (failed(general))
      return;
    op = *general;
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Accumulator accumulator(op, init, op.getMatchingBlockArgument(&init),
                            op.getTiedOpResult(&init));
    if (accumulator.isShortSum())
      accumulator.widen();
  }
}

namespace {
struct WidenAccumulatorsPass
    : moe::impl::WidenAccumulatorsPassBase<WidenAccumulatorsPass> {
  using Base::Base;

  void runOnOperation() final {
    // Loops from the outermost on: what an inner one carries belongs to it.
    SmallVector<Operation *> reductions;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<scf::ForOp, linalg::LinalgOp>(op))
        reductions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : reductions) {
      if (auto loop = dyn_cast<scf::ForOp>(op))
        widenLoop(loop);
      else
        widenReduction(rewriter, cast<linalg::LinalgOp>(op));
    }
  }
};
} // namespace
