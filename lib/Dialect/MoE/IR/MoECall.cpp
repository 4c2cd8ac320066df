//===- MoECall.cpp - The operation moe.call -------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/IR/MoE.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::moe;

void CallOp::build(OpBuilder &builder, OperationState &state, TypeRange results,
                   StringRef callee, ValueRange inputs, ValueRange outs) {
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), callee);
  build(builder, state, results, /*number=*/Value(),
        builder.getArrayAttr(symbol), inputs, outs);
}

LogicalResult CallOp::verify() {
  // call_c4
  if (getCallees().empty() ||
      (getNumber() != nullptr) != (getCallees().size() > 1))
    return emitOpError("expects one function, or a number and several, got ")
           << getCallees().size() << (getNumber() ? " and a number" : "");
  // call_c3
  if (getOuts().empty())
    return emitOpError("expects at least one destination");
  if (getOuts().size() != getResults().size())
    return emitOpError("expects a result for each destination, got ")
           << getResults().size() << " results and " << getOuts().size()
           << " destinations";
  return success();
}

/// Whether `type` is the tensor type `other` with more static sizes.
static bool isMoreStatic(Type type, Type other) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto wanted = dyn_cast<RankedTensorType>(other);
  return tensor && wanted && tensor.getRank() == wanted.getRank() &&
         tensor.getElementType() == wanted.getElementType() &&
         llvm::all_of(llvm::zip(tensor.getShape(), wanted.getShape()),
                      [](auto sizes) {
                        auto [mine, theirs] = sizes;
                        return mine == theirs || ShapedType::isDynamic(theirs);
                      });
}

/// Whether each value of a type of `mine` is one of that of `function`.
static bool haveTypes(TypeRange function, TypeRange mine) {
  return function.size() == mine.size() &&
         llvm::all_of(llvm::zip(function, mine), [](auto types) {
           auto [wanted, type] = types;
           return wanted == type || isMoreStatic(type, wanted);
         });
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  for (auto callee : getCallees().getAsRange<FlatSymbolRefAttr>()) {
    // call_c1
    auto function =
        symbolTable.lookupNearestSymbolFrom<FunctionOpInterface>(*this, callee);
    if (!function)
      return emitOpError("expects '")
             << callee.getValue() << "' to be a function";
    // call_c2
    TypeRange given =
        TypeRange(getOperandTypes()).drop_front(getNumber() ? 1 : 0);
    if (!haveTypes(function.getArgumentTypes(), given))
      return emitOpError("expects operands of types ")
             << function.getArgumentTypes() << ", got " << given;
    if (!haveTypes(function.getResultTypes(), getResultTypes()))
      return emitOpError("expects results of types ")
             << function.getResultTypes() << ", got " << getResultTypes();
  }
  return success();
}
