//===- Extents.cpp - Which sizes are the same -------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step for each kind of operation that keeps a size, repeated until none
// applies. A loop-carried tensor keeps its size if its body, given that, does.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/Extents.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
class Tracer {
public:
  Extent trace(Value tensor, int64_t dim);
  Extent trace(OpFoldResult size);
  Extent traceTokens(Value routing);

private:
  Extent traceResult(OpResult result, int64_t dim);
  Extent traceArgument(BlockArgument argument, int64_t dim);
  Extent traceCarried(BlockArgument argument, Value init, Value next,
                      int64_t dim);
  Extent traceSlice(tensor::ExtractSliceOp op, int64_t dim);
  Extent traceSizes(RankedTensorType type, ValueRange sizes, int64_t dim);

  /// Loop-carried tensors whose size is assumed to be that of the start.
  llvm::SmallPtrSet<Value, 4> assumed;
};
} // namespace

static Extent constantExtent(int64_t size) { return {size, Value(), 0}; }

Extent Tracer::trace(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return constantExtent(type.getDimSize(dim));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return traceArgument(argument, dim);
  return traceResult(cast<OpResult>(tensor), dim);
}

Extent Tracer::trace(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return constantExtent(*constant);
  auto value = cast<Value>(size);
  if (auto dim = value.getDefiningOp<tensor::DimOp>()) {
    std::optional<int64_t> index = dim.getConstantIndex();
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    if (index && type && *index >= 0 && *index < type.getRank())
      return trace(dim.getSource(), *index);
  }
  return {std::nullopt, value, Extent::kIndex};
}

Extent Tracer::traceTokens(Value routing) {
  if (auto gate = routing.getDefiningOp<GateOp>())
    return trace(gate.getScores(), 0);
  if (auto route = routing.getDefiningOp<RouteOp>())
    return trace(route.getChoice(), 0);
  return {std::nullopt, routing, Extent::kTokens};
}

Extent Tracer::traceSizes(RankedTensorType type, ValueRange sizes,
                          int64_t dim) {
  return trace(OpFoldResult(sizes[type.getDynamicDimIndex(dim)]));
}

Extent Tracer::traceSlice(tensor::ExtractSliceOp op, int64_t dim) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [source, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped.test(source) && dim-- == 0)
      return trace(size);
  llvm_unreachable("a result dimension without a size");
}

Extent Tracer::traceResult(OpResult result, int64_t dim) {
  Extent itself = {std::nullopt, result, dim};
  return TypeSwitch<Operation *, Extent>(result.getOwner())
      .Case<tensor::EmptyOp, tensor::SplatOp>([&](auto op) {
        return traceSizes(op.getType(), op.getDynamicSizes(), dim);
      })
      .Case([&](tensor::GenerateOp op) {
        return traceSizes(cast<RankedTensorType>(op.getType()),
                          op.getDynamicExtents(), dim);
      })
      .Case([&](tensor::ExtractSliceOp op) { return traceSlice(op, dim); })
      .Case([&](tensor::ExpandShapeOp op) {
        return trace(op.getMixedOutputShape()[dim]);
      })
      .Case([&](tensor::CollapseShapeOp op) {
        ReassociationIndices group = op.getReassociationIndices()[dim];
        llvm::erase_if(group, [&](int64_t each) {
          return op.getSrcType().getDimSize(each) == 1;
        });
        return group.size() == 1 ? trace(op.getSrc(), group.front()) : itself;
      })
      .Case([&](tensor::PadOp op) {
        bool kept = isConstantIntValue(op.getMixedLowPad()[dim], 0) &&
                    isConstantIntValue(op.getMixedHighPad()[dim], 0);
        return kept ? trace(op.getSource(), dim) : itself;
      })
      .Case([&](tensor::ConcatOp op) {
        bool kept = op.getDim() != static_cast<uint64_t>(dim);
        return kept ? trace(op.getInputs().front(), dim) : itself;
      })
      .Case<tensor::CastOp, tensor::BitcastOp>([&](auto op) {
        bool ranked = isa<RankedTensorType>(op.getSource().getType());
        return ranked ? trace(op.getSource(), dim) : itself;
      })
      .Case([&](scf::IfOp op) {
        unsigned number = result.getResultNumber();
        Extent then = trace(op.thenYield().getOperand(number), dim);
        Extent otherwise = trace(op.elseYield().getOperand(number), dim);
        return then == otherwise ? then : itself;
      })
      .Case([&](scf::ForOp op) {
        // Nothing inside of the loop equals the result, but itself.
        BlockArgument carried = op.getRegionIterArg(result.getResultNumber());
        if (assumed.contains(carried))
          return trace(op.getInitArgs()[result.getResultNumber()], dim);
        Extent extent = trace(carried, dim);
        return extent.value == carried ? itself : extent;
      })
      .Case([&](scf::WhileOp op) {
        Value last = op.getConditionOp().getArgs()[result.getResultNumber()];
        Extent extent = trace(last, dim);
        bool inside =
            extent.value &&
            op->isAncestor(extent.value.getParentBlock()->getParentOp());
        return inside ? itself : extent;
      })
      .Case<MaskOp, WeightsOp, IndicesOp>(
          [&](auto op) { return traceTokens(op.getRouting()); })
      .Case([&](CombineOp op) {
        return dim == 0 ? traceTokens(op.getRouting())
                        : trace(op.getPacked(), dim);
      })
      .Case([&](RowsOp op) {
        return dim == 0 ? itself : trace(op.getPacked(), dim);
      })
      .Case([&](DispatchOp op) -> Extent {
        if (dim != 0)
          return itself;
        return {std::nullopt, op.getRouting(), Extent::kAssignments};
      })
      .Case([&](DestinationStyleOpInterface op) {
        return trace(op.getTiedOpOperand(result)->get(), dim);
      })
      .Default([&](Operation *op) {
        if (OpTrait::hasElementwiseMappableTraits(op))
          for (Value operand : op->getOperands())
            if (isa<RankedTensorType>(operand.getType()))
              return trace(operand, dim);
        return itself;
      });
}

Extent Tracer::traceCarried(BlockArgument argument, Value init, Value next,
                            int64_t dim) {
  Extent itself = {std::nullopt, argument, dim};
  if (!assumed.insert(argument).second)
    return itself;
  Extent after = trace(next, dim), before = trace(init, dim);
  assumed.erase(argument);
  return after == itself || after == before ? before : itself;
}

Extent Tracer::traceArgument(BlockArgument argument, int64_t dim) {
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    return traceCarried(argument, loop.getTiedLoopInit(argument)->get(),
                        loop.getTiedLoopYieldedValue(argument)->get(), dim);
  if (auto loop = dyn_cast<scf::WhileOp>(parent)) {
    unsigned number = argument.getArgNumber();
    if (argument.getOwner() == loop.getAfterBody())
      return trace(loop.getConditionOp().getArgs()[number], dim);
    return traceCarried(argument, loop.getInits()[number],
                        loop.getYieldOp().getOperand(number), dim);
  }
  if (auto dispatch = dyn_cast<DispatchOp>(parent)) {
    Region &body = *argument.getParentRegion();
    if (dim == 0)
      return *getRowExtent(dispatch, body);
    for (auto [rows, token] :
         llvm::zip(dispatch.getTokenArguments(body), dispatch.getTokens()))
      if (rows == argument)
        return trace(token, dim);
  }
  return {std::nullopt, argument, dim};
}

std::optional<Extent> moe::getRowExtent(DispatchOp dispatch, Region &body) {
  unsigned first = dispatch.isFamily() ? 1 : 0;
  if (body.getNumArguments() == first)
    return std::nullopt;
  return Extent{std::nullopt, body.getArgument(first), 0};
}

Extent moe::getExtent(Value tensor, int64_t dim) {
  return Tracer().trace(tensor, dim);
}

Extent moe::getExtent(OpFoldResult size) { return Tracer().trace(size); }

Extent moe::getTokenExtent(Value routing) {
  return Tracer().traceTokens(routing);
}
