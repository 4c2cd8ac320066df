//===- TokenTensors.cpp - Tensors with a row for each token --- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See the header.
//
//===----------------------------------------------------------------------===//

#include "TokenTensors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::moe;

TokenTensors::TokenTensors(ImplicitLocOpBuilder &builder, Value source)
    : b(builder), source(source),
      columns(cast<RankedTensorType>(source.getType()).getDimSize(1)),
      tokens(tensor::getMixedSize(b, b.getLoc(), source, 0)) {}

IndexedTensor TokenTensors::each(Value tensor) {
  unsigned rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return {tensor, llvm::to_vector(llvm::seq(0u, rank))};
}

Value TokenTensors::empty(ArrayRef<int64_t> trailing, Type element) {
  SmallVector<OpFoldResult> sizes = {tokens};
  llvm::append_range(sizes, getAsIndexOpFoldResult(b.getContext(), trailing));
  return tensor::EmptyOp::create(b, sizes, element);
}

Value TokenTensors::filled(ArrayRef<int64_t> trailing, TypedAttr value) {
  return linalg::FillOp::create(b,
                                arith::ConstantOp::create(b, value).getResult(),
                                empty(trailing, value.getType()))
      .getResult(0);
}

Value TokenTensors::generic(ArrayRef<IndexedTensor> ins, Value out,
                            unsigned reduced, Payload payload) {
  unsigned parallel = cast<RankedTensorType>(out.getType()).getRank();
  unsigned loops = parallel + reduced;
  SmallVector<utils::IteratorType> iterators(parallel,
                                             utils::IteratorType::parallel);
  iterators.append(reduced, utils::IteratorType::reduction);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const IndexedTensor &in : ins) {
    inputs.push_back(in.tensor);
    SmallVector<AffineExpr> dims;
    for (unsigned loop : in.loops)
      dims.push_back(b.getAffineDimExpr(loop));
    maps.push_back(AffineMap::get(loops, 0, dims, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(loops).getMajorSubMap(parallel));
  auto body = [&](OpBuilder &nested, Location loc, ValueRange elements) {
    ImplicitLocOpBuilder inner(loc, nested);
    linalg::YieldOp::create(inner, payload(inner, elements));
  };
  return linalg::GenericOp::create(b, out.getType(), inputs, out, maps,
                                   iterators, body)
      .getResult(0);
}

Value TokenTensors::map(ArrayRef<IndexedTensor> ins, ArrayRef<int64_t> trailing,
                        Type element, Payload payload) {
  return generic(ins, empty(trailing, element), 0, payload);
}

Value TokenTensors::update(Value value, ArrayRef<IndexedTensor> others,
                           Type element, Payload payload) {
  SmallVector<IndexedTensor> ins(others);
  if (value == source || getElementTypeOrSelf(value) != element) {
    ins.insert(ins.begin(), each(value));
    return map(ins, {columns}, element, payload);
  }
  return generic(ins, value, 0, [&](ImplicitLocOpBuilder &b, ValueRange e) {
    SmallVector<Value> elements = {e.back()};
    llvm::append_range(elements, e.drop_back());
    return payload(b, elements);
  });
}

Value TokenTensors::reduceRows(ArrayRef<IndexedTensor> ins,
                               ArrayRef<int64_t> trailing, TypedAttr identity,
                               Payload payload) {
  return generic(ins, filled(trailing, identity), 1, payload);
}
