//===- Parallel.cpp - Element by element -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Parallel.h.
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

Value mlir::moe::generateRows(ImplicitLocOpBuilder &b, Value rows, Value like,
                              Type type, Element element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), like);
  sizes[0] = rows;
  return generate(b, sizes, type, element);
}

Value mlir::moe::choose(ImplicitLocOpBuilder &b, Value condition,
                        function_ref<Value(ImplicitLocOpBuilder &)> value,
                        Value otherwise) {
  auto chosen = scf::IfOp::create(
      b, condition,
      [&](OpBuilder &nested, Location loc) {
        ImplicitLocOpBuilder inner(loc, nested);
        scf::YieldOp::create(inner, value(inner));
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, otherwise);
      });
  return chosen.getResult(0);
}

Value mlir::moe::foldSlots(
    ImplicitLocOpBuilder &b, ParallelRouting routing, Value token, Value init,
    function_ref<Value(ImplicitLocOpBuilder &, Value, Value)> body) {
  Value zero = constantIndex(b, 0);
  Value columns = tensor::DimOp::create(b, routing.slots, constantIndex(b, 1));
  return forEach(
      b, zero, columns, init,
      [&](ImplicitLocOpBuilder &b, Value column, ValueRange carried) {
        Value slot = extractAt(b, routing.slots, {token, column});
        Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, slot,
                                           constantIndex(b, 0));
        return SmallVector<Value>{choose(
            b, some,
            [&](ImplicitLocOpBuilder &b) { return body(b, slot, carried[0]); },
            carried[0])};
      })[0];
}

void mlir::moe::addParallelRoutingConversion(TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([](RoutingType type, SmallVectorImpl<Type> &types)
                              -> std::optional<LogicalResult> {
    Type index = IndexType::get(type.getContext());
    Type f32 = Float32Type::get(type.getContext());
    int64_t any = ShapedType::kDynamic;
    types.append(
        {index, index, RankedTensorType::get({type.getExperts() + 1}, index),
         RankedTensorType::get({any}, index), RankedTensorType::get({any}, f32),
         RankedTensorType::get({any, any}, index)});
    return success();
  });
}
