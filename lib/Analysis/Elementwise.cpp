//===- Elementwise.cpp - Operations of one scalar operation ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of linalg.generic that front ends write one operation of theirs as.
//
//===----------------------------------------------------------------------===//

#include "moe/Analysis/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "moe/Analysis/RowFlow.h"

using namespace mlir;
using namespace mlir::moe;

bool moe::isZero(Attribute constant) {
  if (auto number = dyn_cast_or_null<FloatAttr>(constant))
    return number.getValue().isZero();
  if (auto number = dyn_cast_or_null<IntegerAttr>(constant))
    return number.getValue().isZero();
  return false;
}

TypedAttr moe::getSplat(Value tensor) {
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)) && elements.isSplat())
    return dyn_cast<TypedAttr>(elements.getSplatValue<Attribute>());
  Attribute scalar;
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    if (matchPattern(fill.getInputs().front(), m_Constant(&scalar)))
      return dyn_cast<TypedAttr>(scalar);
  if (auto generic = tensor.getDefiningOp<linalg::GenericOp>()) {
    if (generic.getNumParallelLoops() != generic.getNumLoops() ||
        generic.getNumDpsInits() != 1)
      return nullptr;
    Value yielded = generic.getBody()->getTerminator()->getOperand(0);
    if (matchPattern(yielded, m_Constant(&scalar)))
      return dyn_cast<TypedAttr>(scalar);
  }
  TypedAttr splat;
  for (Value source : getMovedTensors(tensor.getDefiningOp())) {
    TypedAttr constant = getSplat(source);
    if (!constant || (splat && splat != constant))
      return nullptr;
    splat = constant;
  }
  return splat;
}

bool moe::promisesFinite(Operation *op) {
  auto flags = dyn_cast<arith::ArithFastMathInterface>(op);
  return flags && arith::bitEnumContainsAll(
                      flags.getFastMathFlagsAttr().getValue(),
                      arith::FastMathFlags::nnan | arith::FastMathFlags::ninf);
}

bool moe::isCopy(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumParallelLoops() == generic.getNumLoops() &&
         generic.getNumDpsInputs() == 1 && generic.getNumDpsInits() == 1 &&
         generic.getBody()->getOperations().size() == 1 &&
         generic.getBody()->getTerminator()->getOperand(0) ==
             generic.getBody()->getArgument(0);
}

Value moe::createElementwise(
    OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes, Type element,
    ValueRange inputs, ArrayRef<AffineMap> maps,
    llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> payload) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, element);
  SmallVector<AffineMap> all(maps);
  all.push_back(b.getMultiDimIdentityMap(sizes.size()));
  SmallVector<utils::IteratorType> parallel(sizes.size(),
                                            utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{empty.getType()}, inputs, ValueRange{empty}, all,
      parallel, [&](OpBuilder &b, Location loc, ValueRange elements) {
        linalg::YieldOp::create(b, loc, payload(b, loc, elements));
      });
  return generic.getResult(0);
}

Value moe::createCopy(OpBuilder &b, Location loc, Value source, AffineMap map,
                      ArrayRef<OpFoldResult> sizes) {
  return createElementwise(b, loc, sizes,
                           getElementTypeOrSelf(source.getType()), source, map,
                           [](OpBuilder &, Location, ValueRange elements) {
                             return elements.front();
                           });
}

Value moe::createSplat(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes,
                       TypedAttr constant) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, constant.getType());
  Value scalar = arith::ConstantOp::create(b, loc, constant);
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

Value moe::createReduction(
    OpBuilder &b, Location loc, Value source, ArrayRef<int64_t> kept,
    TypedAttr start,
    llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> payload) {
  unsigned rank = cast<RankedTensorType>(source.getType()).getRank();
  SmallVector<OpFoldResult> sizes;
  SmallVector<AffineExpr> indices;
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::reduction);
  for (int64_t dim : kept) {
    sizes.push_back(tensor::getMixedSize(b, loc, source, dim));
    indices.push_back(b.getAffineDimExpr(dim));
    loops[dim] = utils::IteratorType::parallel;
  }
  Value init = createSplat(b, loc, sizes, start);
  auto out = AffineMap::get(rank, 0, indices, b.getContext());
  return linalg::GenericOp::create(
             b, loc, TypeRange{init.getType()}, source, init,
             ArrayRef{b.getMultiDimIdentityMap(rank), out}, loops,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc,
                                       payload(b, loc, args[1], args[0]));
             })
      .getResult(0);
}

std::optional<Elementwise> moe::matchElementwise(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || !generic.hasPureTensorSemantics() ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      generic.getNumDpsInits() != 1 ||
      !generic.getIndexingMapsArray().back().isPermutation())
    return std::nullopt;
  Block *body = generic.getBody();
  if (body->getOperations().size() != 2 ||
      body->getTerminator()->getOperand(0).getDefiningOp() != &body->front() ||
      body->front().getNumRegions() > 0 || !isPure(&body->front()) ||
      isa<linalg::IndexOp>(body->front()))
    return std::nullopt;
  Elementwise result{generic, &body->front(), {}};
  for (Value value : body->front().getOperands()) {
    ScalarOperand operand;
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() == body) {
      OpOperand *source = generic.getMatchingOpOperand(argument);
      if (generic.isDpsInit(source))
        return std::nullopt;
      operand.map = generic.getMatchingIndexingMap(source);
      // A scalar input is the same for all elements.
      if (isa<RankedTensorType>(source->get().getType())) {
        operand.tensor = source->get();
        operand.constant = getSplat(source->get());
      } else {
        matchPattern(source->get(), m_Constant(&operand.constant));
      }
    } else {
      Attribute constant;
      if (matchPattern(value, m_Constant(&constant)))
        operand.constant = dyn_cast<TypedAttr>(constant);
    }
    result.operands.push_back(operand);
  }
  return result;
}

std::optional<Sum> moe::matchSum(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || !generic.hasPureTensorSemantics() ||
      generic.getNumReductionLoops() == 0 || generic.getNumDpsInits() != 1 ||
      !isZero(getSplat(generic.getDpsInits().front())))
    return std::nullopt;
  Block *body = generic.getBody();
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp>(add) || add->getBlock() != body)
    return std::nullopt;
  Value out = body->getArguments().back();
  if (!llvm::is_contained(add->getOperands(), out) ||
      add->getOperand(0) == add->getOperand(1))
    return std::nullopt;
  Value term = add->getOperand(add->getOperand(0) == out ? 1 : 0);
  SmallVector<Value> values{term};
  size_t operations = 2;
  if (auto product = term.getDefiningOp<arith::MulFOp>()) {
    values = {product.getLhs(), product.getRhs()};
    ++operations;
  }
  if (body->getOperations().size() != operations)
    return std::nullopt;
  Sum result{generic, {}};
  for (Value value : values) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != body || argument == out)
      return std::nullopt;
    result.factors.push_back(generic.getMatchingOpOperand(argument));
  }
  return result;
}
