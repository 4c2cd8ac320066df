//===- OneElement.cpp - The one number that a tensor holds ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/OneElement.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

Value moe::getOneElement(Value value) {
  while (true) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || (type.hasStaticShape() && type.getNumElements() == 1))
      return value;
    Operation *op = value.getDefiningOp();
    if (!op ||
        !(isCopy(op) ||
          isa<linalg::BroadcastOp, linalg::FillOp, tensor::SplatOp,
              tensor::ExpandShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(
              op)))
      return Value();
    value = op->getOperand(0);
  }
}
