//===- LinalgToGPU.cpp - Buffers and kernels of a device -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After bufferization a function decides and allocates, and structured
// operations compute. The former stays on the host, the latter become kernels,
// and all buffers are the device's. What the host must know of a buffer, it
// reads.
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTLINALGTOGPUPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// A buffer of the device, of identity layout, with the sizes of `like`.
static Value allocateLike(ImplicitLocOpBuilder &b, Value like) {
  auto type = cast<MemRefType>(like.getType());
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(size))
      sizes.push_back(memref::DimOp::create(b, like, dim));
  auto plain = MemRefType::get(type.getShape(), type.getElementType());
  return gpu::AllocOp::create(b, plain, /*asyncToken=*/Type(), ValueRange(),
                              sizes, ValueRange())
      .getMemref();
}

/// `buffer` as a value of type `type`, which differs in its layout only.
static Value castTo(ImplicitLocOpBuilder &b, Type type, Value buffer) {
  if (buffer.getType() == type)
    return buffer;
  return memref::CastOp::create(b, type, buffer);
}

/// Whether `buffer` is one that was asked for in the memory of the host.
static bool isOfHost(Value buffer) {
  // Others are the device's by now.
  return buffer.getDefiningOp<memref::AllocOp>() != nullptr;
}

/// Puts the operations that `body` makes into a kernel of one thread.
static void launchOne(ImplicitLocOpBuilder &b,
                      function_ref<void(ImplicitLocOpBuilder &)> body) {
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto launch = gpu::LaunchOp::create(b, one, one, one, one, one, one);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&launch.getBody().front());
  body(b);
  gpu::TerminatorOp::create(b);
}

namespace {
struct ConvertLinalgToGPUPass
    : moe::impl::ConvertLinalgToGPUPassBase<ConvertLinalgToGPUPass> {
  using Base::Base;

  void runOnOperation() final {
    SmallVector<Operation *> worklist;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      worklist.push_back(op);
      // What stands inside of these goes to the device with them.
      return isa<linalg::LinalgOp, gpu::LaunchOp, gpu::GPUModuleOp>(op)
                 ? WalkResult::skip()
                 : WalkResult::advance();
    });
    for (Operation *op : worklist)
      if (failed(convert(op)))
        return signalPassFailure();
  }

private:
  LogicalResult convert(Operation *op) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
      return launchElements(b, linalg, threads);
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      if (isOfHost(copy.getTarget())) {
        gpu::MemcpyOp::create(b, /*asyncToken=*/Type(), ValueRange(),
                              copy.getTarget(), copy.getSource());
        copy.erase();
        return success();
      }
      auto generic = linalg::makeMemRefCopyOp(b, b.getLoc(), copy.getSource(),
                                              copy.getTarget());
      copy.erase();
      b.setInsertionPoint(generic);
      return launchElements(b, generic, threads);
    }
    if (auto clone = dyn_cast<bufferization::CloneOp>(op))
      return convertClone(b, clone);
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      if (alloc.getType().getMemorySpace() == hostSpace(b)) {
        MemRefType type =
            MemRefType::Builder(alloc.getType()).setMemorySpace({});
        alloc.replaceAllUsesWith(
            memref::AllocOp::create(b, type, alloc.getDynamicSizes())
                .getMemref());
        alloc.erase();
        return success();
      }
      auto onDevice = gpu::AllocOp::create(
          b, alloc.getType(), /*asyncToken=*/Type(), ValueRange(),
          alloc.getDynamicSizes(), alloc.getSymbolOperands());
      alloc.replaceAllUsesWith(onDevice.getMemref());
      alloc.erase();
    } else if (auto load = dyn_cast<memref::LoadOp>(op)) {
      if (!isOfHost(load.getMemRef()))
        convertLoad(b, load);
    } else if (auto store = dyn_cast<memref::StoreOp>(op)) {
      launchOne(b, [&](ImplicitLocOpBuilder &b) {
        memref::StoreOp::create(b, store.getValue(), store.getMemRef(),
                                store.getIndices());
      });
      store.erase();
    } else if (isa<scf::ForallOp, scf::ParallelOp, memref::AllocaOp>(op)) {
      return op->emitOpError("has no form on a device");
    }
    return success();
  }

  LogicalResult convertClone(ImplicitLocOpBuilder &b,
                             bufferization::CloneOp clone) {
    Value copied = allocateLike(b, clone.getInput());
    auto generic =
        linalg::makeMemRefCopyOp(b, b.getLoc(), clone.getInput(), copied);
    clone.replaceAllUsesWith(castTo(b, clone.getType(), copied));
    clone.erase();
    b.setInsertionPoint(generic);
    return launchElements(b, generic, threads);
  }

  /// The host waits for the device and reads one element.
  static void convertLoad(ImplicitLocOpBuilder &b, memref::LoadOp load) {
    auto type = MemRefType::get({}, load.getType());
    // In the entry block, so that a loop does not let the stack grow.
    auto function = load->getParentOfType<func::FuncOp>();
    auto top = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(),
                                                  &function.getBody().front());
    Value slot = memref::AllocaOp::create(top, type);
    Value element = elementOf(b, load.getMemRef(), load.getIndices());
    gpu::MemcpyOp::create(b, /*asyncToken=*/Type(), ValueRange(), slot,
                          element);
    Value value = memref::LoadOp::create(b, slot);
    load.replaceAllUsesWith(value);
    load.erase();
  }

  /// The buffer of one element.
  static Value elementOf(ImplicitLocOpBuilder &b, Value buffer,
                         ValueRange indices) {
    auto type = cast<MemRefType>(buffer.getType());
    if (type.getRank() == 0)
      return buffer;
    SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> offsets = getAsOpFoldResult(indices);
    MemRefType scalar = memref::SubViewOp::inferRankReducedResultType(
        /*resultShape=*/{}, type, offsets, ones, ones);
    return memref::SubViewOp::create(b, scalar, buffer, offsets, ones, ones);
  }
};
} // namespace
