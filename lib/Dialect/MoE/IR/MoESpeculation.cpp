//===- MoESpeculation.cpp - Operations that may fail ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operation that ends the run for some operands must not be moved to where
// it would not have run. It may be, where it can be seen not to fail.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Matchers.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;
using Speculation::NotSpeculatable;
using Speculation::Speculatability;
using Speculation::Speculatable;

static Speculatability speculatableIf(bool neverFails) {
  return neverFails ? Speculatable : NotSpeculatable;
}

/// Whether 0 <= number < count: a constant, or the number of an expert.
static bool isBelow(Value number, int64_t count) {
  APInt constant;
  if (matchPattern(number, m_ConstantInt(&constant)))
    return constant.isNonNegative() && constant.slt(count);
  auto argument = dyn_cast<BlockArgument>(number);
  if (!argument)
    return false;
  auto dispatch = dyn_cast<DispatchOp>(argument.getOwner()->getParentOp());
  return dispatch &&
         dispatch.getExpertArgument(*argument.getParentRegion()) == number &&
         dispatch.getNumExperts() <= count;
}

/// Whether `packed` has as many rows as `routing` has assignments.
static bool isPackedBy(Value packed, Value routing) {
  auto dispatch = packed.getDefiningOp<DispatchOp>();
  return dispatch && dispatch.getRouting() == routing;
}

Speculatability RouteOp::getSpeculatability() {
  auto choice = cast<RankedTensorType>(getChoice().getType());
  return speculatableIf(!getMost() &&
                        (!getWeights() || !choice.isDynamicDim(0)));
}

Speculatability RowsOp::getSpeculatability() {
  return speculatableIf(isPackedBy(getPacked(), getRouting()));
}

Speculatability CombineOp::getSpeculatability() {
  return speculatableIf(!getInit() && isPackedBy(getPacked(), getRouting()));
}

Speculatability PickOp::getSpeculatability() {
  return speculatableIf(isBelow(getNumber(), getTensors().size()));
}

Speculatability ParameterOp::getSpeculatability() {
  auto parameters = SymbolTable::lookupNearestSymbolFrom<ParametersOp>(
      *this, getParametersAttr());
  return speculatableIf(
      parameters &&
      llvm::all_of_zip(getNumbers(), parameters.getCounts(), isBelow));
}
