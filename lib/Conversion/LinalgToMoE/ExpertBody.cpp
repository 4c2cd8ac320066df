//===- ExpertBody.cpp - The computation of an expert on its rows ----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a slice reads from outside, and what is known where the expert runs.
// Operations write themselves anew.
//
//===----------------------------------------------------------------------===//

#include "ExpertBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"

using namespace mlir;
using namespace mlir::moe;

void ExpertBody::setRows(const Read &input, Value rows, bool isColumn) {
  inputRows.push_back({terms.getRowRead(input), rows, isColumn});
}

Value ExpertBody::getRematerialized(Value value, const Labels &labels) {
  if (TypedAttr splat = moe::getSplat(value))
    return getSplat(value, splat, labels);
  Location loc = value.getLoc();
  Value empty = tensor::EmptyOp::create(b, loc, getSizes(value, labels),
                                        getElementTypeOrSelf(value.getType()));
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return empty;
  return linalg::FillOp::create(b, loc, fill.getInputs().front(), empty)
      .getResult(0);
}

/// A tensor like `value` that is `constant` everywhere.
Value ExpertBody::getSplat(Value value, TypedAttr constant,
                           const Labels &labels) {
  return createSplat(b, value.getLoc(), getSizes(value, labels), constant);
}

Value ExpertBody::getInput(Value value, const Labels &labels) {
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  bool experts = llvm::is_contained(labels, terms.expertLoop);
  if (!hasRows(labels) && !experts)
    return value;
  if (!hasRows(labels)) {
    // The expert's own part.
    SmallVector<OpFoldResult> offsets, sizes,
        strides(labels.size(), b.getIndexAttr(1));
    SmallVector<int64_t> shape;
    for (auto [dim, label] : llvm::enumerate(labels)) {
      bool own = label == terms.expertLoop;
      offsets.push_back(own ? OpFoldResult(getNumber()) : b.getIndexAttr(0));
      sizes.push_back(own ? OpFoldResult(b.getIndexAttr(1))
                          : tensor::getMixedSize(b, loc, value, dim));
      if (!own)
        shape.push_back(type.getDimSize(dim));
    }
    return tensor::ExtractSliceOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), value,
        offsets, sizes, strides);
  }
  auto [input, own, isColumn] = *llvm::find_if(
      inputRows, [read = terms.getRowRead({value, labels})](
                     const InputRows &each) { return each.input == read; });
  if (!experts || isColumn || terms.haveOwnRows()) {
    // The weights of a routing are f32, and have no dimensions of extent 1.
    auto ownType = cast<RankedTensorType>(own.getType());
    if (ownType.getElementType() != type.getElementType()) {
      own = createElementwise(
          b, loc, tensor::getMixedSizes(b, loc, own), type.getElementType(),
          own, b.getMultiDimIdentityMap(ownType.getRank()),
          [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
            return arith::TruncFOp::create(b, loc, type.getElementType(),
                                           args[0]);
          });
      ownType = cast<RankedTensorType>(own.getType());
    }
    SmallVector<OpFoldResult> sizes = getSizes(value, labels);
    if (static_cast<int64_t>(sizes.size()) == ownType.getRank())
      return own;
    SmallVector<int64_t> shape(sizes.size(), 1);
    shape.front() = ShapedType::kDynamic;
    ReassociationIndices all =
        llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
    return tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(shape, ownType.getElementType()), own,
        ArrayRef{all}, sizes);
  }
  // [rows, units..., E]: the column of the expert.
  SmallVector<OpFoldResult> sizes = getSizes(value, labels);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<int64_t> shape(sizes.size(), 1);
  shape.front() = ShapedType::kDynamic;
  offsets.push_back(getNumber());
  sizes.push_back(b.getIndexAttr(1));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), own, offsets,
      sizes, strides);
}

/// `source` read by `indices`, where that is not what it is.
static Value read(OpBuilder &b, Value source, ArrayRef<AffineExpr> indices,
                  ArrayRef<OpFoldResult> sizes) {
  auto map = AffineMap::get(sizes.size(), 0, indices, b.getContext());
  return map.isIdentity() ? source
                          : createCopy(b, source.getLoc(), source, map, sizes);
}

Value ExpertBody::getChosen(Operation *op) {
  auto select = matchElementwise(op);
  if (!select || !isa<arith::SelectOp>(select->scalar))
    return nullptr;
  const ScalarOperand &condition = select->operands.front();
  linalg::GenericOp generic = select->generic;
  std::optional<bool> known;
  if (condition.tensor)
    known = term.getKnown(
        {condition.tensor, term.slice->labelsBy(generic, condition.map)});
  if (!known)
    return nullptr;
  const ScalarOperand &chosen = select->operands[*known ? 1 : 2];
  Value result = op->getResult(0);
  const Labels &labels = term.slice->labelsOf(result);
  if (!chosen.tensor)
    return chosen.constant ? getSplat(result, chosen.constant, labels)
                           : Value();
  Labels from = term.slice->labelsBy(generic, chosen.map);
  Value source = get(chosen.tensor, from);
  // The dimensions of the result: [rows, kept...].
  SmallVector<AffineExpr> dims(labels.size(), b.getAffineConstantExpr(0));
  int64_t next = hasRows(labels);
  for (auto [dim, label] : llvm::enumerate(labels))
    if (isKept(label))
      dims[dim] = b.getAffineDimExpr(next++);
  AffineMap map = chosen.map.compose(
      inversePermutation(generic.getIndexingMapsArray().back()));
  SmallVector<AffineExpr> indices;
  if (hasRows(from))
    indices.push_back(b.getAffineDimExpr(0));
  for (auto [label, index] : llvm::zip_equal(from, map.getResults()))
    if (isKept(label))
      indices.push_back(index.replaceDims(dims));
  return read(b, source, indices, getSizes(result, labels));
}

Value ExpertBody::get(Value value, const Labels &labels) {
  if (isRematerializable(value))
    return getRematerialized(value, labels);
  Operation *op = value.getDefiningOp();
  if (op && term.slice->contains(op)) {
    if (Value known = emitted.lookup(value))
      return known;
    if (Value chosen = getChosen(op))
      return emitted[value] = chosen;
    SmallVector<Value> results = cast<RowFlowOpInterface>(op).rebuildRows(
        *this, term.slice->labelsOfResults(op));
    for (auto [from, to] : llvm::zip_equal(op->getResults(), results))
      emitted[from] = to;
    return emitted.lookup(value);
  }
  Read input = terms.getRowRead({value, labels});
  for (auto &[read, rows] : emittedInputs)
    if (read == input)
      return rows;
  std::optional<bool> known = term.getKnown({value, labels});
  Value rows = known ? getSplat(value, b.getBoolAttr(*known), labels)
                     : getInput(value, labels);
  emittedInputs.emplace_back(input, rows);
  return rows;
}

Value ExpertBody::emitTerm(const Read &term, const Read &result) {
  Value source = get(term.value, term.labels);
  SmallVector<int64_t> features = terms.getFeatures(result);
  SmallVector<AffineExpr> indices;
  if (hasRows(term.labels))
    indices.push_back(b.getAffineDimExpr(0));
  for (int64_t label : term.labels) {
    if (!isKept(label))
      continue;
    auto position = llvm::find(features, label);
    indices.push_back(
        position == features.end()
            ? b.getAffineConstantExpr(0)
            : b.getAffineDimExpr(position - features.begin() + 1));
  }
  SmallVector<OpFoldResult> sizes{getRows()};
  auto type = cast<RankedTensorType>(result.value.getType());
  for (auto [size, loop] : llvm::zip_equal(type.getShape(), result.labels))
    if (isKept(loop))
      sizes.push_back(b.getIndexAttr(size));
  return read(b, source, indices, sizes);
}
