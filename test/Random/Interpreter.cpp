//===- Interpreter.cpp - Control flow -------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace mlir::moe;

void Interpreter::fail(Operation *op, const llvm::Twine &why) {
  if (!error.empty())
    return;
  llvm::raw_string_ostream stream(error);
  stream << op->getName() << ": " << why << " (" << op->getLoc() << ")";
}

void Interpreter::define(Value value, Array array) {
  auto type = cast<RankedTensorType>(value.getType());
  for (auto [wanted, size] : llvm::zip(type.getShape(), array->shape))
    if (!ShapedType::isDynamic(wanted) && wanted != size)
      fail(value.getDefiningOp(), "a size is not that of the type");
  arrays[value] = std::move(array);
}

void Interpreter::copy(ValueRange from, ValueRange to) {
  SmallVector<Number> scalars;
  SmallVector<Array> tensors;
  SmallVector<std::shared_ptr<HostRouting>> choices;
  for (Value value : from) {
    scalars.push_back(numbers.lookup(value));
    tensors.push_back(arrays.lookup(value));
    choices.push_back(routings.lookup(value));
  }
  for (auto [i, value] : llvm::enumerate(to)) {
    if (isa<RankedTensorType>(value.getType()))
      arrays[value] = tensors[i];
    else if (isa<RoutingType>(value.getType()))
      routings[value] = choices[i];
    else
      numbers[value] = scalars[i];
  }
}

void Interpreter::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (!error.empty())
      return;
    run(&op);
  }
}

void Interpreter::run(Operation *op) {
  if (runScalar(op) || runMath(op))
    return;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return runStructured(structured);
  if (!runTensor(op) && !runReshape(op) && !runSlice(op) && !runExperts(op) &&
      !runControl(op))
    fail(op, "is not known here");
}

bool Interpreter::runControl(Operation *op) {
  auto leave = [&](Block &block, ValueRange to) {
    copy(block.getTerminator()->getOperands(), to);
  };
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    Region &region = number(branch.getCondition()).i ? branch.getThenRegion()
                                                     : branch.getElseRegion();
    if (region.empty())
      return true;
    run(region.front());
    leave(region.front(), op->getResults());
    return true;
  }
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    int64_t end = number(loop.getUpperBound()).i;
    int64_t step = number(loop.getStep()).i;
    copy(loop.getInitArgs(), loop.getRegionIterArgs());
    for (int64_t i = number(loop.getLowerBound()).i; i < end && error.empty();
         i += step) {
      numbers[loop.getInductionVar()].i = i;
      run(*loop.getBody());
      leave(*loop.getBody(), loop.getRegionIterArgs());
    }
    copy(ValueRange(loop.getRegionIterArgs()), op->getResults());
    return true;
  }
  if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    copy(loop.getInits(), loop.getBeforeArguments());
    while (error.empty()) {
      run(*loop.getBeforeBody());
      scf::ConditionOp condition = loop.getConditionOp();
      copy(condition.getArgs(), loop.getAfterArguments());
      if (!number(condition.getCondition()).i)
        break;
      run(*loop.getAfterBody());
      leave(*loop.getAfterBody(), loop.getBeforeArguments());
    }
    copy(ValueRange(loop.getAfterArguments()), op->getResults());
    return true;
  }
  if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
    if (!number(assertion.getArg()).i)
      fail(op, assertion.getMsg());
    return true;
  }
  return false;
}

std::vector<Array> Interpreter::run(func::FuncOp function,
                                    ArrayRef<Array> inputs) {
  std::vector<Array> results;
  if (!llvm::hasSingleElement(function.getBody()) ||
      function.getNumArguments() != inputs.size()) {
    fail(function, "has other inputs, or blocks");
    return results;
  }
  Block &body = function.getBody().front();
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), inputs))
    arrays[argument] = input;
  run(body);
  if (error.empty())
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(array(value));
  return results;
}
