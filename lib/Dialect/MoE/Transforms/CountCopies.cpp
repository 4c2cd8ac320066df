//===- CountCopies.cpp - Bytes that are copied ------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In buffers, where copies that nobody wrote are seen.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_COUNTCOPIESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral counter = "moe_rt_count_copy";

static Value bytesOf(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t known = type.getElementType().isIndex()
                      ? 8
                      : llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  Value bytes = arith::ConstantIndexOp::create(b, known);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    bytes = arith::MulIOp::create(b, bytes,
                                  b.createOrFold<memref::DimOp>(buffer, dim));
  return arith::IndexCastOp::create(b, b.getI64Type(), bytes);
}

namespace {
struct CountCopiesPass : moe::impl::CountCopiesPassBase<CountCopiesPass> {
  using Base::Base;

  void runOnOperation() final {
    ModuleOp module = getOperation();
    SmallVector<std::pair<Operation *, Value>> copies;
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<gpu::GPUModuleOp, gpu::LaunchOp>(op))
        return WalkResult::skip();
      if (auto copy = dyn_cast<memref::CopyOp>(op))
        copies.push_back({op, copy.getSource()});
      else if (auto clone = dyn_cast<bufferization::CloneOp>(op))
        copies.push_back({op, clone.getInput()});
      return WalkResult::advance();
    });
    if (copies.empty())
      return;
    if (!module.lookupSymbol(counter)) {
      auto b =
          ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
      func::FuncOp::create(b, counter, b.getFunctionType(b.getI64Type(), {}))
          .setPrivate();
    }
    for (auto [op, source] : copies) {
      if (!isa<MemRefType>(source.getType()))
        continue;
      ImplicitLocOpBuilder b(op->getLoc(), op);
      func::CallOp::create(b, counter, TypeRange(), bytesOf(b, source));
    }
  }
};
} // namespace
