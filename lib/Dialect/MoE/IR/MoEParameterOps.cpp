//===- MoEParameterOps.cpp - Weights of a family -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// moe.pick, moe.parameters and moe.parameter.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "moe/Dialect/MoE/IR/MoE.h"

using namespace mlir;
using namespace mlir::moe;

//===----------------------------------------------------------------------===//
// PickOp
//===----------------------------------------------------------------------===//

ParseResult PickOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand number;
  SmallVector<OpAsmParser::UnresolvedOperand> tensors;
  Type type;
  if (parser.parseOperand(number) ||
      parser.parseOperandList(tensors, OpAsmParser::Delimiter::Square) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(number, parser.getBuilder().getIndexType(),
                            result.operands) ||
      parser.resolveOperands(tensors, type, result.operands))
    return failure();
  result.addTypes(type);
  return success();
}

void PickOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getNumber() << " [" << getTensors() << ']';
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getType();
}

LogicalResult PickOp::verify() {
  // pick_c1
  if (getTensors().empty())
    return emitOpError("expects at least one tensor");
  // pick_c2
  for (Value tensor : getTensors())
    if (tensor.getType() != getType())
      return emitOpError("expects tensors of type ")
             << getType() << ", got " << tensor.getType();
  return success();
}

OpFoldResult PickOp::fold(FoldAdaptor adaptor) {
  auto number = dyn_cast_or_null<IntegerAttr>(adaptor.getNumber());
  if (!number)
    return {};
  int64_t index = number.getInt();
  // Out of range stays what it is: an error while running.
  if (index < 0 || index >= int64_t(getTensors().size()))
    return {};
  return getTensors()[index];
}

//===----------------------------------------------------------------------===//
// ParametersOp and ParameterOp
//===----------------------------------------------------------------------===//

/// Calls `text` for literal pieces of `pattern` and `number` for each {n}.
static void scanPattern(StringRef pattern, function_ref<void(StringRef)> text,
                        function_ref<void(uint64_t)> number) {
  while (!pattern.empty()) {
    size_t open = pattern.find('{');
    size_t close = pattern.find('}', open);
    uint64_t value;
    if (close == StringRef::npos) {
      text(pattern);
      return;
    }
    if (pattern.slice(open + 1, close).getAsInteger(10, value)) {
      text(pattern.take_front(open + 1));
      pattern = pattern.drop_front(open + 1);
      continue;
    }
    text(pattern.take_front(open));
    number(value);
    pattern = pattern.drop_front(close + 1);
  }
}

std::string ParametersOp::formatName(StringRef pattern,
                                     ArrayRef<int64_t> numbers) {
  std::string name;
  scanPattern(
      pattern, [&](StringRef text) { name += text; },
      [&](uint64_t index) {
        name += index < numbers.size() ? std::to_string(numbers[index])
                                       : "{" + std::to_string(index) + "}";
      });
  return name;
}

std::string ParametersOp::getParameterName(ArrayRef<int64_t> numbers) {
  return formatName(getPattern(), numbers);
}

LogicalResult ParametersOp::verify() {
  // parameters_c1
  ArrayRef<int64_t> counts = getCounts();
  if (counts.empty())
    return emitOpError("expects at least one count");
  int64_t total = 1;
  for (int64_t count : counts) {
    if (count < 1)
      return emitOpError("expects counts of at least 1, got ") << count;
    if (llvm::MulOverflow(total, count, total) || total > kMaxParameters)
      return emitOpError("expects at most ") << kMaxParameters << " tensors";
  }
  // parameters_c2
  SmallVector<bool> seen(counts.size(), false);
  std::optional<uint64_t> unknown;
  scanPattern(
      getPattern(), [](StringRef) {},
      [&](uint64_t index) {
        if (index < seen.size())
          seen[index] = true;
        else
          unknown = index;
      });
  if (unknown)
    return emitOpError("has {") << *unknown << "} in its pattern, but only "
                                << counts.size() << " counts";
  for (auto [index, used] : llvm::enumerate(seen))
    if (!used)
      return emitOpError("expects {") << index << "} in its pattern";
  // parameters_c3
  auto type = cast<RankedTensorType>(getType());
  if (!type.getElementType().isIntOrFloat())
    return emitOpError("expects elements that are integers or floating-point "
                       "numbers, got ")
           << type;
  return success();
}

LogicalResult
ParameterOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // parameter_c1
  auto parameters = symbolTable.lookupNearestSymbolFrom<ParametersOp>(
      *this, getParametersAttr());
  if (!parameters)
    return emitOpError("expects '")
           << getParameters() << "' to be a moe.parameters";
  // parameter_c2
  if (getNumbers().size() != parameters.getCounts().size())
    return emitOpError("expects ") << parameters.getCounts().size()
                                   << " numbers, got " << getNumbers().size();
  // parameter_c3
  if (getType() != parameters.getType())
    return emitOpError("expects a result of type ")
           << parameters.getType() << ", got " << getType();
  return success();
}
