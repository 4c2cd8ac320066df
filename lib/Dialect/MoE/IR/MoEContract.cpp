//===- MoEContract.cpp - The operation moe.contract -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/IR/MoE.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::moe;

ArrayRef<BlockArgument> ContractOp::getSums() {
  return getBody().getArguments().take_front(getWeights().size());
}

ArrayRef<BlockArgument> ContractOp::getElements() {
  return getBody().getArguments().drop_front(getWeights().size());
}

AffineMap ContractOp::getMap(unsigned other) {
  return cast<AffineMapAttr>(getMaps()[other]).getValue();
}

static bool agree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

/// contract_c1 and the part of contract_c2 on rows and weights.
static LogicalResult verifyProducts(ContractOp op, RankedTensorType out) {
  if (bool(op.getRows()) != !op.getWeights().empty())
    return op.emitOpError("expects rows if and only if there are weights, got ")
           << (op.getRows() ? "rows" : "no rows") << " and "
           << op.getWeights().size() << " weights";
  if (!op.getRows())
    return success();
  auto rows = cast<RankedTensorType>(op.getRows().getType());
  Type element = rows.getElementType();
  if (rows.getRank() != 2 ||
      !(element.isF32() || element.isBF16() || element.isF16()))
    return op.emitOpError("expects rows [M, K] of f32, bf16 or f16, got ")
           << rows;
  if (!agree(rows.getDimSize(0), out.getDimSize(0)))
    return op.emitOpError("expects as many rows as the result ")
           << out << " has, got " << rows;
  for (Value weight : op.getWeights()) {
    auto type = cast<RankedTensorType>(weight.getType());
    if (type.getRank() != 2 || type.getElementType() != element ||
        !agree(type.getDimSize(0), out.getDimSize(1)) ||
        !agree(type.getDimSize(1), rows.getDimSize(1)))
      return op.emitOpError("expects weights [N, K] for rows ")
             << rows << " and the result " << out << ", got " << type;
  }
  return success();
}

/// contract_c3.
static LogicalResult verifyOperand(ContractOp op, unsigned number,
                                   RankedTensorType out) {
  AffineMap map = op.getMap(number);
  Type type = op.getOthers()[number].getType();
  bool inOrder = map.getNumDims() == 2 && map.getNumSymbols() == 0 &&
                 map.isProjectedPermutation() &&
                 (map.getNumResults() < 2 || map.isIdentity());
  if (!inOrder)
    return op.emitOpError("expects a map of (d0, d1) to both, one of them or "
                          "none, in order, got ")
           << AffineMapAttr::get(map);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if ((tensor ? tensor.getRank() : 0) != map.getNumResults())
    return op.emitOpError("expects an operand with ")
           << map.getNumResults() << " dimensions for the map "
           << AffineMapAttr::get(map) << ", got " << type;
  for (unsigned dim = 0; dim < map.getNumResults(); ++dim)
    if (!agree(tensor.getDimSize(dim), out.getDimSize(map.getDimPosition(dim))))
      return op.emitOpError("expects an operand with the sizes of the result ")
             << out << ", got " << type;
  return success();
}

LogicalResult ContractOp::verify() {
  auto out = cast<RankedTensorType>(getOut().getType());
  // contract_c2
  if (out.getRank() != 2)
    return emitOpError("expects a destination [M, N], got ") << out;
  if (failed(verifyProducts(*this, out)))
    return failure();
  // contract_c3
  if (getMaps().size() != getOthers().size())
    return emitOpError("expects a map for each operand, got ")
           << getMaps().size() << " maps and " << getOthers().size()
           << " operands";
  for (unsigned number = 0; number < getOthers().size(); ++number)
    if (failed(verifyOperand(*this, number, out)))
      return failure();
  return success();
}

LogicalResult ContractOp::verifyRegions() {
  // contract_c4
  SmallVector<Type> expected(getWeights().size(),
                             Float32Type::get(getContext()));
  for (Value operand : getOthers())
    expected.push_back(getElementTypeOrSelf(operand.getType()));
  if (!llvm::equal(getBody().getArgumentTypes(), expected))
    return emitOpError("expects a region with arguments of types ")
           << expected << ", got "
           << llvm::to_vector(getBody().getArgumentTypes());
  Operation *end = getBody().front().getTerminator();
  Type element = getElementTypeOrSelf(getOut().getType());
  auto yield = dyn_cast<YieldElementOp>(end);
  if (!yield)
    return emitOpError("expects a region that ends in moe.yield_element, got ")
           << end->getName();
  if (yield.getValue().getType() != element)
    return emitOpError("expects a region that yields an element of type ")
           << element << ", got " << yield.getValue().getType();
  return success();
}
