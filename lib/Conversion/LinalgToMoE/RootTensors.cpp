//===- RootTensors.cpp - Tensors over the loops of a root -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A linalg.generic moves dimensions that are not in order; reshapes do the
// rest.
//
//===----------------------------------------------------------------------===//

#include "RootTensors.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

RootTensors::RootTensors(ExpertTerms &terms)
    : terms(terms), b(terms.results.front().value.getDefiningOp()),
      loc(terms.results.front().value.getLoc()) {
  for (const Read &result : terms.results)
    for (auto [dim, loop] : llvm::enumerate(result.labels))
      if (!sizes.contains(loop))
        sizes[loop] = getSize(result, dim);
  if (terms.expertLoop)
    sizes[*terms.expertLoop] = b.getIndexAttr(*terms.getNumStacked());
}

/// Of a dimension of a result: that of something it is made of.
OpFoldResult RootTensors::getSize(const Read &result, int64_t dim) {
  auto type = cast<RankedTensorType>(result.value.getType());
  int64_t loop = result.labels[dim];
  if (!type.isDynamicDim(dim))
    return b.getIndexAttr(type.getDimSize(dim));
  if (auto generic = result.value.getDefiningOp<linalg::GenericOp>())
    return tensor::getMixedSize(b, loc, generic.getDpsInits().front(), dim);
  auto find = [&](const Read &read) {
    auto found = llvm::find(read.labels, loop);
    return found == read.labels.end()
               ? OpFoldResult()
               : tensor::getMixedSize(b, loc, read.value,
                                      found - read.labels.begin());
  };
  for (const Term &term : terms.terms) {
    if (OpFoldResult size = find(term.getMask(0)))
      return size;
    for (const Read &input : term.slice->getInputs())
      if (OpFoldResult size = find(input))
        return size;
  }
  return tensor::getMixedSize(b, loc, result.value, dim);
}

Value RootTensors::map(ArrayRef<Read> reads, ArrayRef<int64_t> loops,
                       Type element, Payload payload) {
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (const Read &read : reads) {
    SmallVector<AffineExpr> indices;
    for (int64_t label : read.labels) {
      auto position = llvm::find(loops, label);
      indices.push_back(position == loops.end()
                            ? b.getAffineConstantExpr(0)
                            : b.getAffineDimExpr(position - loops.begin()));
    }
    maps.push_back(AffineMap::get(loops.size(), 0, indices, b.getContext()));
    inputs.push_back(read.value);
  }
  SmallVector<OpFoldResult> shape;
  for (int64_t loop : loops)
    shape.push_back(sizes[loop]);
  return createElementwise(b, loc, shape, element, inputs, maps, payload);
}

Value RootTensors::copy(const Read &read, ArrayRef<int64_t> loops) {
  return map(
      read, loops, getElementTypeOrSelf(read.value.getType()),
      [](OpBuilder &, Location, ValueRange args) { return args.front(); });
}

Value RootTensors::flatten(Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  int64_t tokens = terms.tokens.size();
  if (tokens == 1)
    return value;
  SmallVector<ReassociationIndices> groups{
      llvm::to_vector(llvm::seq<int64_t>(0, tokens))};
  for (int64_t dim = tokens; dim < rank; ++dim)
    groups.push_back({dim});
  return tensor::CollapseShapeOp::create(b, loc, value, groups);
}

Value RootTensors::gatherable(const Read &input) {
  const auto &[value, labels] = input;
  // Dimensions that no loop of the root indexes get numbers of their own.
  int64_t next = terms.numLoops;
  Read read{value, {}};
  SmallVector<int64_t> loops(terms.tokens), last;
  for (auto [dim, label] : llvm::enumerate(labels)) {
    if (terms.isToken(label) || label == terms.expertLoop) {
      read.labels.push_back(label);
      if (!terms.isToken(label))
        last.push_back(label);
      continue;
    }
    sizes[next] = tensor::getMixedSize(b, loc, value, dim);
    read.labels.push_back(next);
    loops.push_back(next++);
  }
  loops.append(last);
  if (ArrayRef(read.labels) == ArrayRef(loops))
    return flatten(value);
  return flatten(copy(read, loops));
}

Value RootTensors::unflatten(Value rows, const Read &result) {
  auto type = cast<RankedTensorType>(result.value.getType());
  Type element = type.getElementType();
  SmallVector<int64_t> order(terms.tokens);
  order.append(terms.getFeatures(result));
  SmallVector<OpFoldResult> shape;
  SmallVector<int64_t> dims;
  bool isStatic = true;
  int64_t tokens = 1;
  for (int64_t loop : order) {
    shape.push_back(sizes[loop]);
    std::optional<int64_t> size = getConstantIntValue(sizes[loop]);
    dims.push_back(size.value_or(ShapedType::kDynamic));
    if (terms.isToken(loop)) {
      isStatic &= size.has_value();
      tokens *= size.value_or(1);
    }
  }
  auto rowsType = cast<RankedTensorType>(rows.getType());
  if (isStatic) {
    SmallVector<int64_t> known(rowsType.getShape());
    known.front() = tokens;
    rowsType = RankedTensorType::get(known, element);
    rows = tensor::CastOp::create(b, loc, rowsType, rows);
  }
  if (terms.tokens.size() > 1) {
    SmallVector<ReassociationIndices> groups{
        llvm::to_vector(llvm::seq<int64_t>(0, terms.tokens.size()))};
    for (size_t dim = terms.tokens.size(); dim < order.size(); ++dim)
      groups.push_back({static_cast<int64_t>(dim)});
    auto wide = RankedTensorType::get(dims, element);
    if (llvm::count(ArrayRef(dims).take_front(terms.tokens.size()),
                    ShapedType::kDynamic) <= 1) {
      rows = tensor::ExpandShapeOp::create(b, loc, wide, rows, groups, shape);
    } else {
      // Upstream takes an expansion into two dynamic sizes apart wrongly.
      SmallVector<Value> extents =
          getValueOrCreateConstantIndexOp(b, loc, shape);
      Value all = tensor::FromElementsOp::create(b, loc, extents);
      rows = tensor::ReshapeOp::create(b, loc, wide, rows, all);
    }
  }
  const Labels &wanted = result.labels;
  if (ArrayRef(wanted) != ArrayRef(order))
    rows = copy({rows, Labels(order)}, wanted);
  if (rows.getType() != type)
    rows = tensor::CastOp::create(b, loc, type, rows);
  return rows;
}

Value RootTensors::toTokens(Value value, const Read &result) {
  Type element = getElementTypeOrSelf(value.getType());
  SmallVector<int64_t> order(terms.tokens);
  order.append(terms.getFeatures(result));
  const Labels &labels = result.labels;
  if (ArrayRef(labels) != ArrayRef(order))
    value = copy({value, labels}, order);
  value = flatten(value);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = ShapedType::kDynamic;
  auto dynamic = RankedTensorType::get(shape, element);
  return type == dynamic ? value
                         : tensor::CastOp::create(b, loc, dynamic, value);
}

Value RootTensors::materialize(const Read &read, const Read &result) {
  if (read.labels == result.labels &&
      read.value.getType() == result.value.getType())
    return read.value;
  return copy(read, result.labels);
}
