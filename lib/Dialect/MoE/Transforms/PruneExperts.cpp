//===- PruneExperts.cpp - Drop experts that no token goes to --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An expert without tokens has no packed rows, so that its dispatch and the
// readers of the rows work with a routing without it. The weights of an
// assignment come from all experts; they are read from the routing as it was.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Analysis/UnreachableExperts.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::moe;

namespace mlir::moe {
#define GEN_PASS_DEF_PRUNEEXPERTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

namespace {
/// The experts that are left, and their routing.
class Pruning {
public:
  Pruning(IRRewriter &rewriter, Value routing, ArrayRef<int64_t> kept)
      : rewriter(rewriter), routing(routing), kept(kept) {}

  /// What is replaced goes to `dead`: a body that is dropped may hold another
  /// dispatch whose turn has not come.
  void run(ArrayRef<DispatchOp> dispatches, SmallVectorImpl<Operation *> &dead);

private:
  Value makeRouting();
  Value keepColumns(ImplicitLocOpBuilder &b, Value tensor);
  Value renumber(ImplicitLocOpBuilder &b, Value numbers);
  void narrow(DispatchOp dispatch, Value narrower);
  void mapNumbers(Region &body, Value expert);
  void dropAll(DispatchOp dispatch);
  bool isPrefix() const { return kept.back() == int64_t(kept.size()) - 1; }

  IRRewriter &rewriter;
  Value routing;
  ArrayRef<int64_t> kept;
};
} // namespace

/// The columns of the experts kept, one slice for each run of them.
Value Pruning::keepColumns(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  OpFoldResult tokens = tensor::getMixedSize(b, b.getLoc(), tensor, 0);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  auto extract = [&](int64_t first, int64_t count) {
    return tensor::ExtractSliceOp::create(
        b, tensor, ArrayRef<OpFoldResult>{zero, b.getIndexAttr(first)},
        ArrayRef<OpFoldResult>{tokens, b.getIndexAttr(count)},
        ArrayRef<OpFoldResult>{one, one});
  };
  if (kept.back() - kept.front() == int64_t(kept.size()) - 1)
    return extract(kept.front(), kept.size());
  Value result = tensor::EmptyOp::create(
      b, ArrayRef<OpFoldResult>{tokens, b.getIndexAttr(kept.size())},
      type.getElementType());
  for (size_t first = 0, next; first < kept.size(); first = next) {
    for (next = first + 1;
         next < kept.size() && kept[next] == kept[next - 1] + 1;)
      ++next;
    int64_t count = next - first;
    result = tensor::InsertSliceOp::create(
        b, extract(kept[first], count), result,
        ArrayRef<OpFoldResult>{zero, b.getIndexAttr(first)},
        ArrayRef<OpFoldResult>{tokens, b.getIndexAttr(count)},
        ArrayRef<OpFoldResult>{one, one});
  }
  return result;
}

/// Expert numbers counted among the experts kept; no others occur, but those
/// that mean no expert stay so.
Value Pruning::renumber(ImplicitLocOpBuilder &b, Value numbers) {
  auto type = cast<RankedTensorType>(numbers.getType());
  Type element = type.getElementType();
  Value empty = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), numbers), element);
  AffineMap map = b.getMultiDimIdentityMap(2);
  return linalg::GenericOp::create(
             b, type, numbers, empty, ArrayRef<AffineMap>{map, map},
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &builder, Location loc, ValueRange args) {
               ImplicitLocOpBuilder body(loc, builder);
               auto constant = [&](int64_t value) -> Value {
                 return arith::ConstantOp::create(
                     body, body.getIntegerAttr(element, value));
               };
               Value result = constant(-1);
               for (auto [number, expert] : llvm::enumerate(kept)) {
                 // A number that the type does not hold does not occur.
                 if (!element.isIndex() &&
                     !llvm::isIntN(element.getIntOrFloatBitWidth(), expert))
                   continue;
                 Value is = arith::CmpIOp::create(
                     body, arith::CmpIPredicate::eq, args[0], constant(expert));
                 result = arith::SelectOp::create(body, is, constant(number),
                                                  result);
               }
               linalg::YieldOp::create(body, result);
             })
      .getResult(0);
}

Value Pruning::makeRouting() {
  rewriter.setInsertionPointAfterValue(routing);
  ImplicitLocOpBuilder b(routing.getLoc(), rewriter);
  auto type = RoutingType::get(b.getContext(), kept.size());
  auto route = routing.getDefiningOp<RouteOp>();
  if (route && !route.isMask())
    return RouteOp::create(b, type, renumber(b, route.getChoice()),
                           route.getWeights(), route.getMostAttr());
  Value mask, weights;
  if (route) {
    mask = route.getChoice();
    weights = route.getWeights();
  } else {
    auto shape = {ShapedType::kDynamic,
                  cast<RoutingType>(routing.getType()).getExperts()};
    mask =
        MaskOp::create(b, RankedTensorType::get(shape, b.getI1Type()), routing);
    weights = WeightsOp::create(b, RankedTensorType::get(shape, b.getF32Type()),
                                routing);
  }
  mask = keepColumns(b, mask);
  if (weights)
    weights = keepColumns(b, weights);
  IntegerAttr most;
  if (route && route.getMost())
    most = b.getI64IntegerAttr(
        std::min<int64_t>(*route.getMost(), type.getExperts()));
  return RouteOp::create(b, type, mask, weights, most);
}

/// In the body of a family the expert's number still names its own weights.
void Pruning::mapNumbers(Region &body, Value expert) {
  SmallVector<PickOp> picks;
  for (Operation *user : expert.getUsers())
    if (auto pick = dyn_cast<PickOp>(user);
        pick && kept.back() < int64_t(pick.getTensors().size()))
      picks.push_back(pick);
  SmallPtrSet<Operation *, 8> mapped;
  for (PickOp pick : picks) {
    SmallVector<Value> tensors;
    for (int64_t number : kept)
      tensors.push_back(pick.getTensors()[number]);
    rewriter.modifyOpInPlace(pick,
                             [&] { pick.getTensorsMutable().assign(tensors); });
    mapped.insert(pick);
  }
  bool used = llvm::any_of(expert.getUsers(), [&](Operation *user) {
    return !mapped.contains(user);
  });
  if (!used || isPrefix())
    return;
  rewriter.setInsertionPointToStart(&body.front());
  ImplicitLocOpBuilder b(expert.getLoc(), rewriter);
  auto tableType =
      RankedTensorType::get(int64_t(kept.size()), b.getIndexType());
  Value table =
      arith::ConstantOp::create(b, DenseIntElementsAttr::get(tableType, kept));
  Operation *number = tensor::ExtractOp::create(b, table, expert);
  mapped.insert(number);
  rewriter.replaceAllUsesExcept(expert, number->getResult(0), mapped);
}

void Pruning::narrow(DispatchOp dispatch, Value narrower) {
  bool family = dispatch.isFamily();
  rewriter.setInsertionPoint(dispatch);
  OperationState state(dispatch.getLoc(), DispatchOp::getOperationName(),
                       dispatch->getOperands(), dispatch->getResultTypes(),
                       dispatch->getAttrs());
  state.operands.back() = narrower;
  for (size_t i = 0, count = family ? 1 : kept.size(); i < count; ++i)
    state.addRegion();
  auto replacement = cast<DispatchOp>(rewriter.create(state));
  for (auto [i, region] : llvm::enumerate(replacement.getExperts()))
    rewriter.inlineRegionBefore(dispatch.getExperts()[family ? 0 : kept[i]],
                                region, region.end());
  if (family) {
    Region &body = replacement.getExperts().front();
    mapNumbers(body, replacement.getExpertArgument(body));
  }
  rewriter.replaceAllUsesWith(dispatch->getResults(),
                              replacement->getResults());
}

void Pruning::dropAll(DispatchOp dispatch) {
  rewriter.setInsertionPoint(dispatch);
  ImplicitLocOpBuilder b(dispatch.getLoc(), rewriter);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  SmallVector<Value> none;
  for (Type type : dispatch.getResultTypes())
    none.push_back(
        tensor::EmptyOp::create(b, cast<RankedTensorType>(type), zero));
  rewriter.replaceAllUsesWith(dispatch->getResults(), none);
}

void Pruning::run(ArrayRef<DispatchOp> dispatches,
                  SmallVectorImpl<Operation *> &dead) {
  dead.append(dispatches.begin(), dispatches.end());
  if (kept.empty()) {
    for (DispatchOp dispatch : dispatches)
      dropAll(dispatch);
    return;
  }
  Value narrower = makeRouting();
  for (DispatchOp dispatch : dispatches)
    narrow(dispatch, narrower);
  for (Operation *user : llvm::to_vector(routing.getUsers())) {
    rewriter.modifyOpInPlace(user, [&] {
      if (auto combine = dyn_cast<CombineOp>(user)) {
        combine.getRoutingMutable().assign(narrower);
      } else if (auto rows = dyn_cast<RowsOp>(user)) {
        const int64_t *place = llvm::find(kept, rows.getExpert());
        if (place == kept.end())
          return;
        rows.getRoutingMutable().assign(narrower);
        rows.setExpert(place - kept.begin());
      }
    });
  }
}

namespace {
struct PruneExpertsPass : moe::impl::PruneExpertsPassBase<PruneExpertsPass> {
  using Base::Base;

  void runOnOperation() final {
    llvm::MapVector<Value, SmallVector<DispatchOp>> users;
    getOperation()->walk([&](DispatchOp dispatch) {
      users[dispatch.getRouting()].push_back(dispatch);
    });
    IRRewriter rewriter(&getContext());
    SmallVector<Operation *> dead;
    for (auto &[routing, dispatches] : users) {
      SmallVector<UnreachableExpert> unreachable =
          findUnreachableExperts(routing, assumeFinite);
      if (unreachable.empty())
        continue;
      SmallVector<int64_t> kept;
      ArrayRef<UnreachableExpert> rest = unreachable;
      int64_t experts = cast<RoutingType>(routing.getType()).getExperts();
      for (int64_t expert = 0; expert < experts; ++expert) {
        if (!rest.empty() && rest.front().expert == expert)
          rest = rest.drop_front();
        else
          kept.push_back(expert);
      }
      for (DispatchOp dispatch : dispatches)
        for (const UnreachableExpert &expert : unreachable)
          dispatch.emitRemark("expert ")
              << expert.expert << " is removed: " << expert.reason;
      Pruning(rewriter, routing, kept).run(dispatches, dead);
    }
    SmallPtrSet<Operation *, 8> all(dead.begin(), dead.end());
    llvm::erase_if(dead, [&](Operation *op) {
      while ((op = op->getParentOp()))
        if (all.contains(op))
          return true;
      return false;
    });
    for (Operation *op : dead)
      rewriter.eraseOp(op);
  }
};
} // namespace
