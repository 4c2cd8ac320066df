//===- ProtectArguments.cpp - Arguments that stay as they are ---*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// To one-shot bufferization the buffer of an argument is as good a place for a
// result as any, unless it is told otherwise.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/IR/State.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::moe {
#define GEN_PASS_DEF_PROTECTARGUMENTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct ProtectArguments
    : moe::impl::ProtectArgumentsPassBase<ProtectArguments> {
  using Base::Base;

  void runOnOperation() final {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isDeclaration())
      return;
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (isa<TensorType>(type))
        function.setArgAttr(
            index, bufferization::BufferizationDialect::kWritableAttrName,
            BoolAttr::get(&getContext(),
                          bool(function.getArgAttr(index, donatedAttr))));
  }
};
} // namespace
