//===- SeparateEmptyTensors.cpp - One destination, one use ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::moe {
#define GEN_PASS_DEF_SEPARATEEMPTYTENSORSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct SeparateEmptyTensorsPass
    : moe::impl::SeparateEmptyTensorsPassBase<SeparateEmptyTensorsPass> {
  void runOnOperation() final {
    getOperation()->walk([](tensor::EmptyOp empty) {
      // What one branch writes and the other leaves is one tensor.
      if (llvm::any_of(empty->getUsers(), [](Operation *user) {
            return user->hasTrait<OpTrait::IsTerminator>();
          }))
        return;
      OpBuilder builder(empty);
      for (OpOperand &use :
           llvm::make_early_inc_range(llvm::drop_begin(empty->getUses())))
        use.set(builder.clone(*empty)->getResult(0));
    });
  }
};
} // namespace
