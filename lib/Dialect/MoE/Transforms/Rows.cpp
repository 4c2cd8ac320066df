//===- Rows.cpp - Rows of tensors, and those of an expert -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Rows.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Rows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::moe;

RankedTensorType mlir::moe::getRowsType(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  return type.clone(shape);
}

Value mlir::moe::numRows(ImplicitLocOpBuilder &b, Value tensor) {
  return tensor::DimOp::create(b, tensor, arith::ConstantIndexOp::create(b, 0));
}

void mlir::moe::checkYieldedRows(ImplicitLocOpBuilder &b, Value yielded,
                                 Value count) {
  Value equal = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                      numRows(b, yielded), count);
  cf::AssertOp::create(b, equal,
                       "moe.dispatch: an expert yields another number of rows "
                       "than it was given");
}
