//===- ExpertBody.cpp - The computation of an expert on its rows -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One rule for each sort of operation that a slice may hold.
//
//===----------------------------------------------------------------------===//

#include "ExpertBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Analysis/Elementwise.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

void ExpertBody::setRows(const Read &input, Value rows, bool isColumn) {
  inputRows.push_back({terms.getRowRead(input), rows, isColumn});
}

SmallVector<OpFoldResult> ExpertBody::getSizes(Value value,
                                               const Labels &labels) {
  SmallVector<OpFoldResult> sizes;
  if (terms.hasRows(labels))
    sizes.push_back(rows);
  for (auto [dim, label] : llvm::enumerate(labels))
    if (isKept(label))
      sizes.push_back(tensor::getMixedSize(b, value.getLoc(), value, dim));
  return sizes;
}

Value ExpertBody::emitRematerialized(Value value, const Labels &labels) {
  Location loc = value.getLoc();
  Type element = getElementTypeOrSelf(value.getType());
  if (TypedAttr splat = getSplat(value))
    return emitSplat(value, splat, labels);
  Value empty =
      tensor::EmptyOp::create(b, loc, getSizes(value, labels), element);
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return empty;
  return linalg::FillOp::create(b, loc, fill.getInputs().front(), empty)
      .getResult(0);
}

/// A tensor like `value` that is `constant` everywhere.
Value ExpertBody::emitSplat(Value value, TypedAttr constant,
                            const Labels &labels) {
  Location loc = value.getLoc();
  Value empty = tensor::EmptyOp::create(b, loc, getSizes(value, labels),
                                        constant.getType());
  Value scalar = arith::ConstantOp::create(b, loc, constant);
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

Value ExpertBody::emitInput(Value value, const Labels &labels) {
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  bool experts = llvm::is_contained(labels, terms.expertLoop);
  if (!terms.hasRows(labels) && !experts)
    return value;
  if (!terms.hasRows(labels)) {
    // The expert's own part.
    SmallVector<OpFoldResult> offsets, sizes,
        strides(labels.size(), b.getIndexAttr(1));
    SmallVector<int64_t> shape;
    for (auto [dim, label] : llvm::enumerate(labels)) {
      bool own = label == terms.expertLoop;
      offsets.push_back(own ? OpFoldResult(number) : b.getIndexAttr(0));
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
  if (!experts || isColumn) {
    // The weights of a routing are f32, and have no dimensions of extent 1.
    auto ownType = cast<RankedTensorType>(own.getType());
    if (ownType.getElementType() != type.getElementType()) {
      Value empty = tensor::EmptyOp::create(
          b, loc, tensor::getMixedSizes(b, loc, own), type.getElementType());
      AffineMap map = b.getMultiDimIdentityMap(ownType.getRank());
      SmallVector<utils::IteratorType> parallel(ownType.getRank(),
                                                utils::IteratorType::parallel);
      own = linalg::GenericOp::create(
                b, loc, TypeRange{empty.getType()}, ValueRange{own},
                ValueRange{empty}, ArrayRef{map, map}, parallel,
                [](OpBuilder &b, Location loc, ValueRange args) {
                  Value narrow = arith::TruncFOp::create(
                      b, loc, args[1].getType(), args[0]);
                  linalg::YieldOp::create(b, loc, narrow);
                })
                .getResult(0);
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
  offsets.push_back(number);
  sizes.push_back(b.getIndexAttr(1));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), own, offsets,
      sizes, strides);
}

Value ExpertBody::emit(Value value, const Labels &labels) {
  if (isRematerializable(value))
    return emitRematerialized(value, labels);
  Operation *op = value.getDefiningOp();
  if (op && term.slice->contains(op)) {
    if (Value known = emitted.lookup(value))
      return known;
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      emitGeneric(generic);
    else
      emitted[value] = emitOperation(op, labels);
    return emitted.lookup(value);
  }
  Read input = terms.getRowRead({value, labels});
  for (auto &[read, rows] : emittedInputs)
    if (read == input)
      return rows;
  std::optional<bool> known = term.getKnown({value, labels});
  Value rows = known ? emitSplat(value, b.getBoolAttr(*known), labels)
                     : emitInput(value, labels);
  emittedInputs.emplace_back(input, rows);
  return rows;
}

/// The constant that a padding adds, outside of its body.
Value ExpertBody::getPaddingValue(tensor::PadOp pad) {
  Value value = pad.getConstantPaddingValue();
  if (pad.getRegion().isAncestor(value.getParentRegion()))
    value = b.clone(*value.getDefiningOp())->getResult(0);
  return value;
}

Value ExpertBody::emitOperation(Operation *op, const Labels &labels) {
  Location loc = op->getLoc();
  bool rowsFirst = terms.hasRows(labels);
  auto of = [&](Value source) {
    return emit(source, isRematerializable(source)
                            ? labels
                            : term.slice->labelsOf(source));
  };
  auto typeOf = [&](Value value, const Labels &labels) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape;
    if (terms.hasRows(labels))
      shape.push_back(ShapedType::kDynamic);
    for (auto [dim, label] : llvm::enumerate(labels))
      if (isKept(label))
        shape.push_back(type.getDimSize(dim));
    return RankedTensorType::get(shape, type.getElementType());
  };
  RankedTensorType type = typeOf(op->getResult(0), labels);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](tensor::CastOp cast) -> Value {
        Value source = of(cast.getSource());
        if (source.getType() == type)
          return source;
        return tensor::CastOp::create(b, loc, type, source);
      })
      .Case([&](tensor::ExtractSliceOp slice) -> Value {
        Value source = of(slice.getSource());
        const Labels &from = term.slice->labelsOf(slice.getSource());
        SmallVector<OpFoldResult> offsets, sizes, strides;
        if (terms.hasRows(from)) {
          offsets.push_back(b.getIndexAttr(0));
          sizes.push_back(rows);
          strides.push_back(b.getIndexAttr(1));
        }
        for (auto [dim, label] : llvm::enumerate(from))
          if (isKept(label)) {
            offsets.push_back(slice.getMixedOffsets()[dim]);
            sizes.push_back(slice.getMixedSizes()[dim]);
            strides.push_back(slice.getMixedStrides()[dim]);
          }
        return tensor::ExtractSliceOp::create(b, loc, type, source, offsets,
                                              sizes, strides);
      })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>([&](auto reshape)
                                                                -> Value {
        Value source = of(reshape.getSrc());
        const Labels &from = term.slice->labelsOf(reshape.getSrc());
        bool expand = isa<tensor::ExpandShapeOp>(op);
        const Labels &narrow = expand ? from : labels;
        const Labels &wide = expand ? labels : from;
        // Groups of what is kept; a unit beside a row joins its neighbour.
        SmallVector<ReassociationIndices> groups;
        int64_t next = 0;
        bool some = terms.hasRows(wide);
        if (some)
          groups.push_back({next++});
        for (auto [dim, group] :
             llvm::enumerate(reshape.getReassociationIndices())) {
          ReassociationIndices kept;
          for (int64_t position : group)
            if (isKept(wide[position]))
              kept.push_back(next++);
          if (isKept(narrow[dim]))
            groups.push_back(kept);
          else if (!groups.empty())
            llvm::append_range(groups.back(), kept);
        }
        if (source.getType() == type)
          return source;
        if (!expand)
          return tensor::CollapseShapeOp::create(b, loc, type, source, groups);
        return tensor::ExpandShapeOp::create(
            b, loc, type, source, groups, getSizes(op->getResult(0), labels));
      })
      .Case([&](tensor::ConcatOp concat) -> Value {
        SmallVector<Value> inputs;
        for (Value input : concat.getInputs())
          inputs.push_back(of(input));
        int64_t dim = rowsFirst;
        for (int64_t before = 0; before < int64_t(concat.getDim()); ++before)
          dim += isKept(labels[before]);
        return tensor::ConcatOp::create(b, loc, type, dim, inputs);
      })
      .Case([&](tensor::PadOp pad) -> Value {
        Value source = of(pad.getSource());
        SmallVector<OpFoldResult> low(rowsFirst, b.getIndexAttr(0)),
            high(rowsFirst, b.getIndexAttr(0));
        for (auto [dim, label] : llvm::enumerate(labels))
          if (isKept(label)) {
            low.push_back(pad.getMixedLowPad()[dim]);
            high.push_back(pad.getMixedHighPad()[dim]);
          }
        return tensor::PadOp::create(b, loc, type, source, low, high,
                                     getPaddingValue(pad));
      })
      .Case([&](tensor::InsertSliceOp slice) -> Value {
        SmallVector<OpFoldResult> offsets, sizes, strides;
        if (rowsFirst) {
          offsets.push_back(b.getIndexAttr(0));
          sizes.push_back(rows);
          strides.push_back(b.getIndexAttr(1));
        }
        for (auto [dim, label] : llvm::enumerate(labels))
          if (isKept(label)) {
            offsets.push_back(slice.getMixedOffsets()[dim]);
            sizes.push_back(slice.getMixedSizes()[dim]);
            strides.push_back(slice.getMixedStrides()[dim]);
          }
        Value source = of(slice.getSource()), dest = of(slice.getDest());
        return tensor::InsertSliceOp::create(b, loc, source, dest, offsets,
                                             sizes, strides);
      });
}

void ExpertBody::emitGeneric(linalg::GenericOp op) {
  Location loc = op.getLoc();
  SmallVector<int64_t> loops(op.getNumLoops(), kInner);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool rowLoop = false;
  for (OpResult result : op->getResults()) {
    if (!term.slice->knows(result))
      continue;
    AffineMap map = maps[op.getNumDpsInputs() + result.getResultNumber()];
    for (auto [label, index] :
         llvm::zip_equal(term.slice->labelsOf(result), map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(index))
        loops[dim.getPosition()] = label;
  }
  for (int64_t loop : loops)
    rowLoop |= terms.isToken(loop);

  // A choice that is known where the expert runs.
  auto elementwise = matchElementwise(op);
  if (elementwise && isa<arith::SelectOp>(elementwise->scalar)) {
    const ScalarOperand &condition = elementwise->operands[0];
    std::optional<bool> known;
    if (condition.tensor)
      known = term.getKnown(
          {condition.tensor, term.slice->labelsBy(op, condition.map)});
    if (known) {
      const ScalarOperand &chosen = elementwise->operands[*known ? 1 : 2];
      const Labels &labels = term.slice->labelsOf(op.getResult(0));
      if (chosen.tensor)
        emitted[op.getResult(0)] = emitRead(
            chosen.tensor, chosen.map.compose(inversePermutation(maps.back())),
            labels, op.getResult(0), labels);
      else if (chosen.constant) {
        Value empty = tensor::EmptyOp::create(
            b, loc, getSizes(op.getResult(0), labels),
            getElementTypeOrSelf(op.getResult(0).getType()));
        Value scalar = arith::ConstantOp::create(b, loc, chosen.constant);
        emitted[op.getResult(0)] =
            linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
      }
      if (emitted.contains(op.getResult(0)))
        return;
    }
  }

  SmallVector<utils::IteratorType> iterators;
  SmallVector<int64_t> newLoop(loops.size(), -1);
  if (rowLoop)
    iterators.push_back(utils::IteratorType::parallel);
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (terms.isToken(loops[loop])) {
      newLoop[loop] = 0;
    } else if (loops[loop] != terms.expertLoop) {
      newLoop[loop] = iterators.size();
      iterators.push_back(type);
    }
  }
  SmallVector<AffineExpr> dims;
  for (int64_t loop : newLoop)
    dims.push_back(loop < 0 ? b.getAffineConstantExpr(0)
                            : b.getAffineDimExpr(loop));
  auto newMap = [&](AffineMap map, const Labels &labels) {
    SmallVector<AffineExpr> indices;
    if (terms.hasRows(labels))
      indices.push_back(b.getAffineDimExpr(0));
    for (auto [label, index] : llvm::zip_equal(labels, map.getResults()))
      if (isKept(label))
        indices.push_back(index.replaceDims(dims));
    return AffineMap::get(iterators.size(), 0, indices, op.getContext());
  };
  auto labelsBy = [&](AffineMap map) {
    Labels labels;
    for (AffineExpr index : map.getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(index);
      labels.push_back(dim ? loops[dim.getPosition()] : kInner);
    }
    return labels;
  };
  SmallVector<Value> inputs, inits;
  SmallVector<AffineMap> newMaps;
  SmallVector<Type> types;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    Labels labels = labelsBy(map);
    Value value;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      value = operand.get();
    } else if (!op.payloadUsesValueFromOperand(&operand)) {
      value = tensor::EmptyOp::create(
          b, loc, getSizes(operand.get(), labels),
          getElementTypeOrSelf(operand.get().getType()));
    } else {
      value = emit(operand.get(), labels);
    }
    newMaps.push_back(newMap(map, labels));
    if (op.isDpsInput(&operand)) {
      inputs.push_back(value);
    } else {
      inits.push_back(value);
      types.push_back(value.getType());
    }
  }
  auto result = linalg::GenericOp::create(b, loc, types, inputs, inits, newMaps,
                                          iterators);
  IRMapping mapping;
  op.getRegion().cloneInto(&result.getRegion(), mapping);
  IRRewriter rewriter(b.getContext());
  result.getBody()->walk([&](linalg::IndexOp index) {
    if (loops[index.getDim()] == terms.expertLoop)
      rewriter.replaceOp(index, number);
    else
      index.setDim(newLoop[index.getDim()]);
  });
  for (auto [from, to] : llvm::zip_equal(op.getResults(), result.getResults()))
    if (term.slice->knows(from))
      emitted[from] = to;
}

Value ExpertBody::emitRead(Value value, AffineMap map, ArrayRef<int64_t> loops,
                           Value like, const Labels &labels) {
  Location loc = value.getLoc();
  Labels from;
  for (AffineExpr index : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(index);
    from.push_back(dim ? loops[dim.getPosition()] : kInner);
  }
  Value source = emit(value, from);
  // Of the result: [rows, kept...].
  SmallVector<AffineExpr> dims(map.getNumDims(), b.getAffineConstantExpr(0));
  bool rowsFirst = terms.hasRows(labels);
  int64_t rank = rowsFirst;
  for (auto [dim, label] : llvm::enumerate(labels))
    if (isKept(label))
      dims[dim] = b.getAffineDimExpr(rank++);
  SmallVector<AffineExpr> indices;
  if (terms.hasRows(from))
    indices.push_back(b.getAffineDimExpr(0));
  for (auto [label, index] : llvm::zip_equal(from, map.getResults()))
    if (isKept(label))
      indices.push_back(index.replaceDims(dims));
  auto newMap = AffineMap::get(rank, 0, indices, b.getContext());
  if (newMap.isIdentity())
    return source;
  Value empty = tensor::EmptyOp::create(b, loc, getSizes(like, labels),
                                        getElementTypeOrSelf(value.getType()));
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, TypeRange{empty.getType()}, ValueRange{source},
             ValueRange{empty},
             ArrayRef{newMap, b.getMultiDimIdentityMap(rank)}, parallel,
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args.front());
             })
      .getResult(0);
}

Value ExpertBody::emitTerm(const Read &term, const Read &result) {
  Value source = emit(term.value, term.labels);
  SmallVector<int64_t> features = terms.getFeatures(result);
  SmallVector<AffineExpr> indices;
  if (terms.hasRows(term.labels))
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
  int64_t rank = features.size() + 1;
  auto newMap = AffineMap::get(rank, 0, indices, b.getContext());
  if (newMap.isIdentity())
    return source;
  SmallVector<OpFoldResult> sizes{rows};
  auto type = cast<RankedTensorType>(result.value.getType());
  for (auto [dim, loop] : llvm::enumerate(result.labels))
    if (!terms.isToken(loop))
      sizes.push_back(b.getIndexAttr(type.getDimSize(dim)));
  Location loc = term.value.getLoc();
  Value empty = tensor::EmptyOp::create(
      b, loc, sizes, getElementTypeOrSelf(term.value.getType()));
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, TypeRange{empty.getType()}, ValueRange{source},
             ValueRange{empty},
             ArrayRef{newMap, b.getMultiDimIdentityMap(rank)}, parallel,
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args.front());
             })
      .getResult(0);
}
