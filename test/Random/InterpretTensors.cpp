//===- InterpretTensors.cpp - Operations on tensors -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <cmath>

using namespace mlir;
using namespace mlir::moe;

void moe::forEachPosition(ArrayRef<int64_t> shape,
                          function_ref<void(ArrayRef<int64_t>)> visit) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<int64_t> position(shape.size(), 0);
  while (true) {
    visit(position);
    int64_t dim = shape.size() - 1;
    while (dim >= 0 && ++position[dim] == shape[dim])
      position[dim--] = 0;
    if (dim < 0)
      return;
  }
}

int64_t moe::offsetOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> position) {
  int64_t offset = 0;
  for (auto [size, index] : llvm::zip_equal(shape, position)) {
    if (index < 0 || index >= size)
      return -1;
    offset = offset * size + index;
  }
  return offset;
}

int64_t Interpreter::size(OpFoldResult size) {
  if (auto attribute = dyn_cast<Attribute>(size))
    return cast<IntegerAttr>(attribute).getInt();
  return number(cast<Value>(size)).i;
}

SmallVector<int64_t> Interpreter::sizes(RankedTensorType type,
                                        ValueRange dynamic) {
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size)) {
      size = number(dynamic.front()).i;
      dynamic = dynamic.drop_front();
    }
  return shape;
}

Array Interpreter::makeEmpty(Type element, ArrayRef<int64_t> shape) {
  auto result = std::make_shared<HostArray>();
  result->shape.assign(shape.begin(), shape.end());
  int64_t count = 1;
  for (int64_t size : shape)
    count *= std::max<int64_t>(size, 0);
  // Whoever reads what was not written is seen.
  Number nothing = isa<FloatType>(element)
                       ? real(std::nan(""))
                       : roundTo(element, whole(0x5555555555555555));
  result->elements.assign(count, nothing);
  return result;
}

void Interpreter::runConstant(Operation *op, ElementsAttr value) {
  auto type = cast<RankedTensorType>(value.getType());
  Array result = makeEmpty(type.getElementType(), type.getShape());
  auto dense = cast<DenseElementsAttr>(value);
  size_t at = 0;
  if (isa<FloatType>(type.getElementType()))
    for (llvm::APFloat number : dense.getValues<llvm::APFloat>()) {
      bool loses;
      number.convert(llvm::APFloat::IEEEdouble(),
                     llvm::APFloat::rmNearestTiesToEven, &loses);
      result->elements[at++].f = number.convertToDouble();
    }
  else
    for (const llvm::APInt &number : dense.getValues<llvm::APInt>())
      result->elements[at++] =
          roundTo(type.getElementType(), whole(number.getSExtValue()));
  define(op->getResult(0), result);
}

namespace {
/// Where an operand of a structured operation is read: linear in the loops.
struct Access {
  Array array;
  Value argument;
  int64_t base = 0;
  SmallVector<int64_t> strides;

  int64_t at(ArrayRef<int64_t> loops) const {
    int64_t offset = base;
    for (auto [stride, index] : llvm::zip_equal(strides, loops))
      offset += stride * index;
    return offset;
  }
};
} // namespace

static bool addLinear(AffineExpr expr, int64_t scale, Access &access) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    access.strides[dim.getPosition()] += scale;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    access.base += scale * constant.getValue();
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), scale, access) &&
           addLinear(binary.getRHS(), scale, access);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && factor &&
         addLinear(binary.getLHS(), scale * factor.getValue(), access);
}

void Interpreter::runStructured(linalg::LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> bounds(op.getNumLoops(), -1);
  for (auto [operand, map] : llvm::zip_equal(op->getOpOperands(), maps))
    if (isa<ShapedType>(operand.get().getType()))
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(expr))
          bounds[loop.getPosition()] = array(operand.get())->shape[dim];
  if (llvm::is_contained(bounds, -1))
    return fail(op, "has a loop that no size bounds");

  SmallVector<Access> accesses;
  Block &body = *op.getBlock();
  for (auto [operand, argument, map] :
       llvm::zip(op->getOpOperands(), body.getArguments(), maps)) {
    Access access;
    access.argument = argument;
    access.strides.assign(bounds.size(), 0);
    if (isa<ShapedType>(operand.get().getType())) {
      access.array = array(operand.get());
      if (op.isDpsInit(&operand))
        access.array = std::make_shared<HostArray>(*access.array);
      int64_t stride = 1;
      for (int64_t dim = int64_t(map.getNumResults()) - 1; dim >= 0; --dim) {
        AffineExpr expr = map.getResult(dim);
        int64_t size = access.array->shape[dim];
        if (auto loop = dyn_cast<AffineDimExpr>(expr);
            loop && bounds[loop.getPosition()] != size)
          return fail(op, "sizes of operands disagree");
        if (!addLinear(expr, stride, access))
          return fail(op, "has a map that is not linear");
        stride *= size;
      }
    }
    accesses.push_back(access);
  }
  auto yielded = body.getTerminator()->getOperands();
  ArrayRef<Access> outs = ArrayRef(accesses).take_back(op.getNumDpsInits());
  SmallVector<int64_t> outer = std::move(loops);
  forEachPosition(bounds, [&](ArrayRef<int64_t> position) {
    if (!error.empty())
      return;
    loops.assign(position.begin(), position.end());
    for (auto [access, operand] :
         llvm::zip_equal(accesses, op->getOperands())) {
      if (access.argument.use_empty())
        continue;
      if (!access.array) {
        numbers[access.argument] = number(operand);
        continue;
      }
      int64_t offset = access.at(position);
      if (offset < 0 || offset >= int64_t(access.array->elements.size()))
        return fail(op, "reads outside of an operand");
      numbers[access.argument] = access.array->elements[offset];
    }
    run(body);
    for (auto [access, value] : llvm::zip_equal(outs, yielded))
      access.array->elements[access.at(position)] = number(value);
  });
  loops = std::move(outer);
  for (auto [access, result] : llvm::zip(outs, op->getResults()))
    define(result, access.array);
}

bool Interpreter::runTensor(Operation *op) {
  auto positionOf = [&](ValueRange indices) {
    SmallVector<int64_t> position;
    for (Value index : indices)
      position.push_back(number(index).i);
    return position;
  };
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    numbers[index.getResult()].i = loops[index.getDim()];
    return true;
  }
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    numbers[dim.getResult()].i =
        array(dim.getSource())->shape[number(dim.getIndex()).i];
    return true;
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    RankedTensorType type = empty.getType();
    define(empty.getResult(), makeEmpty(type.getElementType(),
                                        sizes(type, empty.getDynamicSizes())));
    return true;
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Array from = array(extract.getTensor());
    int64_t offset = offsetOf(from->shape, positionOf(extract.getIndices()));
    if (offset < 0)
      fail(op, "outside of the tensor");
    else
      numbers[extract.getResult()] = from->elements[offset];
    return true;
  }
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    auto result = std::make_shared<HostArray>(*array(insert.getDest()));
    int64_t offset = offsetOf(result->shape, positionOf(insert.getIndices()));
    if (offset < 0)
      fail(op, "outside of the tensor");
    else
      result->elements[offset] = number(insert.getScalar());
    define(insert.getResult(), result);
    return true;
  }
  if (auto made = dyn_cast<tensor::FromElementsOp>(op)) {
    Array result =
        makeEmpty(made.getType().getElementType(), made.getType().getShape());
    for (auto [element, value] :
         llvm::zip_equal(result->elements, made.getElements()))
      element = number(value);
    define(made.getResult(), result);
    return true;
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(op)) {
    RankedTensorType type = splat.getType();
    Array result =
        makeEmpty(type.getElementType(), sizes(type, splat.getDynamicSizes()));
    llvm::fill(result->elements, number(splat.getInput()));
    define(splat.getResult(), result);
    return true;
  }
  if (auto generate = dyn_cast<tensor::GenerateOp>(op)) {
    auto type = generate.getType();
    Array result = makeEmpty(type.getElementType(),
                             sizes(type, generate.getDynamicExtents()));
    Block &body = generate.getBody().front();
    size_t at = 0;
    forEachPosition(result->shape, [&](ArrayRef<int64_t> position) {
      for (auto [argument, index] :
           llvm::zip_equal(body.getArguments(), position))
        numbers[argument].i = index;
      run(body);
      result->elements[at++] = number(body.getTerminator()->getOperand(0));
    });
    define(generate.getResult(), result);
    return true;
  }
  return false;
}

bool Interpreter::runReshape(Operation *op) {
  Array from;
  SmallVector<int64_t> shape;
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    from = array(cast.getSource());
    shape = from->shape;
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    from = array(collapse.getSrc());
    for (const ReassociationIndices &group :
         collapse.getReassociationIndices()) {
      int64_t size = 1;
      for (int64_t dim : group)
        size *= from->shape[dim];
      shape.push_back(size);
    }
  } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    from = array(expand.getSrc());
    for (OpFoldResult size : expand.getMixedOutputShape())
      shape.push_back(this->size(size));
  } else if (auto reshape = dyn_cast<tensor::ReshapeOp>(op)) {
    from = array(reshape.getSource());
    for (Number size : array(reshape.getShape())->elements)
      shape.push_back(size.i);
  } else {
    return false;
  }
  auto result = std::make_shared<HostArray>(*from);
  result->shape = shape;
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  if (count != int64_t(result->elements.size()))
    fail(op, "another number of elements");
  define(op->getResult(0), result);
  return true;
}

bool Interpreter::runSlice(Operation *op) {
  auto sizesOf = [&](ArrayRef<OpFoldResult> mixed) {
    SmallVector<int64_t> values;
    for (OpFoldResult each : mixed)
      values.push_back(size(each));
    return values;
  };
  // Visits the elements of a slice: its number, and where it lies.
  auto visit = [&](auto slice, ArrayRef<int64_t> whole, auto &&each) {
    SmallVector<int64_t> offsets = sizesOf(slice.getMixedOffsets());
    SmallVector<int64_t> counts = sizesOf(slice.getMixedSizes());
    SmallVector<int64_t> strides = sizesOf(slice.getMixedStrides());
    int64_t at = 0;
    forEachPosition(counts, [&](ArrayRef<int64_t> position) {
      SmallVector<int64_t> there;
      for (auto [offset, stride, index] :
           llvm::zip_equal(offsets, strides, position))
        there.push_back(offset + stride * index);
      int64_t offset = offsetOf(whole, there);
      if (offset < 0)
        fail(op, "outside of the tensor");
      else
        each(at++, offset);
    });
    return counts;
  };
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    Array from = array(slice.getSource());
    auto result = std::make_shared<HostArray>();
    SmallVector<int64_t> counts =
        visit(slice, from->shape, [&](int64_t, int64_t offset) {
          result->elements.push_back(from->elements[offset]);
        });
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [dim, count] : llvm::enumerate(counts))
      if (!dropped.test(dim))
        result->shape.push_back(count);
    define(slice.getResult(), result);
    return true;
  }
  if (auto slice = dyn_cast<tensor::InsertSliceOp>(op)) {
    Array from = array(slice.getSource());
    auto result = std::make_shared<HostArray>(*array(slice.getDest()));
    SmallVector<int64_t> counts =
        visit(slice, result->shape, [&](int64_t number, int64_t offset) {
          if (number < int64_t(from->elements.size()))
            result->elements[offset] = from->elements[number];
        });
    int64_t count = 1;
    for (int64_t size : counts)
      count *= size;
    if (count != int64_t(from->elements.size()))
      fail(op, "the source has another size");
    define(slice.getResult(), result);
    return true;
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    int64_t dim = concat.getDim();
    SmallVector<int64_t> shape(array(concat.getInputs().front())->shape);
    shape[dim] = 0;
    for (Value input : concat.getInputs())
      shape[dim] += array(input)->shape[dim];
    Array result = makeEmpty(concat.getResultType().getElementType(), shape);
    int64_t before = 0;
    for (Value input : concat.getInputs()) {
      Array part = array(input);
      size_t at = 0;
      forEachPosition(part->shape, [&](ArrayRef<int64_t> position) {
        SmallVector<int64_t> there(position);
        there[dim] += before;
        int64_t offset = offsetOf(shape, there);
        if (offset < 0)
          return fail(op, "sizes disagree");
        result->elements[offset] = part->elements[at++];
      });
      before += part->shape[dim];
    }
    define(concat.getResult(), result);
    return true;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Array from = array(pad.getSource());
    SmallVector<int64_t> low = sizesOf(pad.getMixedLowPad());
    SmallVector<int64_t> high = sizesOf(pad.getMixedHighPad());
    SmallVector<int64_t> shape;
    for (auto [size, before, after] : llvm::zip_equal(from->shape, low, high))
      shape.push_back(before + size + after);
    Array result = makeEmpty(pad.getResultType().getElementType(), shape);
    Block &body = pad.getRegion().front();
    size_t at = 0;
    forEachPosition(shape, [&](ArrayRef<int64_t> position) {
      SmallVector<int64_t> inside;
      for (auto [index, before, argument] :
           llvm::zip_equal(position, low, body.getArguments())) {
        inside.push_back(index - before);
        numbers[argument].i = index;
      }
      int64_t offset = offsetOf(from->shape, inside);
      if (offset < 0)
        run(body);
      result->elements[at++] = offset < 0
                                   ? number(body.getTerminator()->getOperand(0))
                                   : from->elements[offset];
    });
    define(pad.getResult(), result);
    return true;
  }
  return false;
}
