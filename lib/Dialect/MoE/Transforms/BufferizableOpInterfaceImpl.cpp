//===- BufferizableOpInterfaceImpl.cpp - Buffers of the dialect -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call of a function that returns tensors has results of whatever layout the
// boundary of functions has, so that what is carried around it (by a loop, or
// by one side of a condition) has two layouts. A moe.call has the buffers of
// its destinations for results, as they are.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/BufferizableOpInterfaceImpl.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::bufferization;

MemRefType mlir::moe::getInternalBufferType(RankedTensorType tensor,
                                            Attribute memorySpace) {
  ArrayRef<int64_t> shape = tensor.getShape();
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t dim = shape.size(); dim-- > 0;) {
    strides[dim] = stride;
    bool known =
        ShapedType::isStatic(stride) && ShapedType::isStatic(shape[dim]);
    stride = known ? stride * shape[dim] : ShapedType::kDynamic;
  }
  auto layout = StridedLayoutAttr::get(tensor.getContext(),
                                       ShapedType::kDynamic, strides);
  return MemRefType::get(shape, tensor.getElementType(), layout, memorySpace);
}

namespace {
struct CallModel
    : DstBufferizableOpInterfaceExternalModel<CallModel, moe::CallOp> {
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto call = cast<moe::CallOp>(op);
    Location loc = call.getLoc();
    // Bufferized already or not: of its types the sizes are asked.
    auto function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        op, cast<FlatSymbolRefAttr>(call.getCallees()[0]));
    unsigned first = call.getNumber() ? 1 : 0;
    SmallVector<Value> operands, results;
    SmallVector<Type> resultTypes;
    for (OpOperand &operand : call->getOpOperands().drop_front(first)) {
      auto tensor = dyn_cast<RankedTensorType>(operand.get().getType());
      if (!tensor) {
        operands.push_back(operand.get());
        continue;
      }
      FailureOr<Value> buffer =
          getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      auto wanted = cast<ShapedType>(
          function.getArgumentTypes()[operand.getOperandNumber() - first]);
      MemRefType type = moe::getInternalBufferType(
          RankedTensorType::get(wanted.getShape(), wanted.getElementType()),
          cast<MemRefType>(buffer->getType()).getMemorySpace());
      FailureOr<Value> rows = asRows(rewriter, loc, *buffer, type, options);
      if (failed(rows))
        return failure();
      operands.push_back(
          rewriter.createOrFold<memref::CastOp>(loc, type, *rows));
      if (!call.isDpsInit(&operand))
        continue;
      resultTypes.push_back(type);
      results.push_back(*buffer);
    }
    if (failed(
            makeCalls(rewriter, call, resultTypes, operands, results, options)))
      return failure();
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }

private:
  static LogicalResult makeCalls(RewriterBase &rewriter, moe::CallOp op,
                                 TypeRange types, ValueRange operands,
                                 ValueRange buffers,
                                 const BufferizationOptions &options) {
    Location loc = op.getLoc();
    auto makeCall = [&](Attribute callee) -> LogicalResult {
      auto called = func::CallOp::create(
          rewriter, loc, cast<FlatSymbolRefAttr>(callee).getValue(), types,
          operands);
      // What a function returns is its destination, as a rule: upstream's
      // drop-equivalent-buffer-results sees that, and copies nothing.
      for (auto [from, to] : llvm::zip_equal(called.getResults(), buffers))
        if (failed(options.createMemCpy(rewriter, loc, from, to)))
          return failure();
      return success();
    };
    ArrayRef<Attribute> callees = op.getCallees().getValue();
    if (callees.size() == 1)
      return makeCall(callees.front());
    SmallVector<int64_t> cases =
        llvm::to_vector(llvm::seq<int64_t>(0, callees.size() - 1));
    auto choice = scf::IndexSwitchOp::create(
        rewriter, loc, TypeRange(), op.getNumber(), cases, cases.size());
    OpBuilder::InsertionGuard guard(rewriter);
    for (auto [number, callee] : llvm::enumerate(callees)) {
      rewriter.createBlock(number < cases.size()
                               ? &choice.getCaseRegions()[number]
                               : &choice.getDefaultRegion());
      if (failed(makeCall(callee)))
        return failure();
      scf::YieldOp::create(rewriter, loc);
    }
    return success();
  }

  /// `buffer` if a cast makes it of that type, or else a copy of it.
  static FailureOr<Value> asRows(RewriterBase &rewriter, Location loc,
                                 Value buffer, MemRefType type,
                                 const BufferizationOptions &options) {
    auto source = cast<MemRefType>(buffer.getType());
    if (isKnownToFit(source, type))
      return buffer;
    SmallVector<Value> sizes;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        sizes.push_back(
            memref::DimOp::create(rewriter, loc, buffer, dim).getResult());
    auto plain =
        MemRefType::get(type.getShape(), type.getElementType(),
                        MemRefLayoutAttrInterface(), type.getMemorySpace());
    FailureOr<Value> copy = options.createAlloc(rewriter, loc, plain, sizes);
    if (failed(copy) ||
        failed(options.createMemCpy(rewriter, loc, buffer, *copy)))
      return failure();
    return copy;
  }

  /// Whether each buffer of the type `source` has strides of `type`. A cast
  /// from strides that are not known asserts that they do.
  static bool isKnownToFit(MemRefType source, MemRefType type) {
    int64_t offset;
    SmallVector<int64_t> have, want;
    if (failed(source.getStridesAndOffset(have, offset)) ||
        failed(type.getStridesAndOffset(want, offset)))
      return false;
    return llvm::all_of(llvm::zip_equal(have, want), [](auto strides) {
      auto [mine, wanted] = strides;
      return ShapedType::isDynamic(wanted) || mine == wanted;
    });
  }
};
} // namespace

void mlir::moe::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MoEDialect *) {
    CallOp::attachInterface<CallModel>(*context);
  });
}
