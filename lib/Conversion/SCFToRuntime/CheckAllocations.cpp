//===- CheckAllocations.cpp - Sizes of allocations do not wrap around -----===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whoever asked for the memory: the model, the lowering of an operation or a
// rewrite of upstream. This is the last place where sizes are still numbers of
// elements, and the only one that sees all of them.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "moe/Conversion/Passes.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CHECKALLOCATIONSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// As many as a block of the runtime may have.
static constexpr int64_t maximumBytes = int64_t(1) << 48;

/// Bytes of an element and the static sizes together; none if there are more
/// than an allocation may have.
static std::optional<int64_t> staticBytes(MemRefType type,
                                          const DataLayout &layout) {
  int64_t bytes = layout.getTypeSize(type.getElementType());
  for (int64_t size : type.getShape()) {
    if (ShapedType::isDynamic(size))
      continue;
    std::optional<int64_t> product =
        llvm::checkedMul(bytes, std::max<int64_t>(size, 1));
    if (!product || *product > maximumBytes)
      return std::nullopt;
    bytes = *product;
  }
  return bytes;
}

/// Whether the bytes of an allocation of `sizes` are not too many.
static Value fits(ImplicitLocOpBuilder &b, std::optional<int64_t> known,
                  ValueRange sizes) {
  if (!known)
    return arith::ConstantIntOp::create(b, 0, 1);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value bytes = arith::ConstantIndexOp::create(b, *known);
  Value wrapped = zero;
  for (Value size : sizes) {
    Value counted = arith::MaxUIOp::create(b, size, one);
    auto product = arith::MulUIExtendedOp::create(b, bytes, counted);
    bytes = product.getLow();
    wrapped = arith::OrIOp::create(b, wrapped, product.getHigh());
  }
  Value inside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, wrapped, zero);
  Value few =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, bytes,
                            arith::ConstantIndexOp::create(b, maximumBytes));
  return arith::AndIOp::create(b, inside, few);
}

namespace {
struct CheckAllocationsPass
    : moe::impl::CheckAllocationsPassBase<CheckAllocationsPass> {
  using Base::Base;

  void runOnOperation() final {
    DataLayout layout(getOperation());
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      // A kernel allocates nothing that the host does not know.
      if (isa<gpu::LaunchOp, gpu::GPUModuleOp>(op))
        return WalkResult::skip();
      if (auto alloc = dyn_cast<memref::AllocOp>(op))
        check(op, alloc.getType(), alloc.getDynamicSizes(), layout);
      else if (auto alloc = dyn_cast<gpu::AllocOp>(op))
        check(op, alloc.getType(), alloc.getDynamicSizes(), layout);
      return WalkResult::advance();
    });
  }

  static void check(Operation *op, MemRefType type, ValueRange sizes,
                    const DataLayout &layout) {
    std::optional<int64_t> known = staticBytes(type, layout);
    if (known && sizes.empty())
      return;
    ImplicitLocOpBuilder b(op->getLoc(), op);
    cf::AssertOp::create(b, fits(b, known, sizes),
                         "size of a tensor is negative or too large");
  }
};
} // namespace
