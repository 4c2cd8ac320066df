//===- Launch.cpp - Kernels in the place of their launch -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Launch.h.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Conversion/MoEToSCF/Loops.h"

using namespace mlir;
using namespace mlir::moe;

void mlir::moe::forEvery(
    ImplicitLocOpBuilder &b, Value first, Value end, Value step,
    function_ref<void(ImplicitLocOpBuilder &, Value)> body) {
  scf::ForOp::create(
      b, first, end, step, ValueRange(),
      [&](OpBuilder &nested, Location loc, Value at, ValueRange) {
        ImplicitLocOpBuilder inner(loc, nested);
        body(inner, at);
        scf::YieldOp::create(inner);
      });
}

void mlir::moe::doIf(ImplicitLocOpBuilder &b, Value condition,
                     function_ref<void(ImplicitLocOpBuilder &)> body) {
  scf::IfOp::create(b, condition, [&](OpBuilder &nested, Location loc) {
    ImplicitLocOpBuilder inner(loc, nested);
    body(inner);
    scf::YieldOp::create(inner);
  });
}

void mlir::moe::launchKernel(
    ImplicitLocOpBuilder &b, StringRef name, Value blocks, int64_t threads,
    int64_t sharedBytes,
    function_ref<void(ImplicitLocOpBuilder &, gpu::LaunchOp)> body) {
  Value one = constantIndex(b, 1);
  Value shared = arith::ConstantOp::create(b, b.getI32IntegerAttr(sharedBytes));
  auto kernel = gpu::LaunchOp::create(
      b, blocks, one, one, constantIndex(b, threads), one, one, shared);
  kernel.setFunctionAttr(FlatSymbolRefAttr::get(b.getContext(), name));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  body(b, kernel);
  gpu::TerminatorOp::create(b);
}

Value mlir::moe::sharedIndices(ImplicitLocOpBuilder &b, int64_t size) {
  Attribute space = gpu::AddressSpaceAttr::get(
      b.getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
  auto type = [&](int64_t size, Type element) {
    return MemRefType::get(size, element, MemRefLayoutAttrInterface(), space);
  };
  Value bytes = gpu::DynamicSharedMemoryOp::create(
      b, type(ShapedType::kDynamic, b.getI8Type()));
  return memref::ViewOp::create(b, type(size, b.getIndexType()), bytes,
                                constantIndex(b, 0), ValueRange());
}
