//===- StateTypes.cpp - The states of a function --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the attribute of a module, which a text may have in any form.
//
//===----------------------------------------------------------------------===//

#include "StateTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "moe/Dialect/MoE/IR/State.h"
#include "moe/Execution/Error.h"
#include <cstring>

using namespace mlir;
using namespace mlir::moe;

/// The storage of `value` for as many elements as `tensor` has; whether it has
/// so many.
static bool fill(HostTensor &tensor, ElementsAttr value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob ||
        static_cast<int64_t>(blob->getData().size()) != tensor.sizeInBytes())
      return false;
    std::memcpy(tensor.data(), blob->getData().data(), tensor.sizeInBytes());
    return true;
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense || dense.getNumElements() != tensor.numElements())
    return false;
  int64_t index = 0;
  auto write = [&](const APInt &bits) {
    tensor.writeBits(index++, bits.getZExtValue());
  };
  if (isa<FloatType>(dense.getElementType()))
    for (const APFloat &number : dense.getValues<APFloat>())
      write(number.bitcastToAPInt());
  else
    for (const APInt &number : dense.getValues<APInt>())
      write(number);
  return true;
}

static bool isZero(ElementsAttr value) {
  auto splat = dyn_cast<SplatElementsAttr>(value);
  if (!splat)
    return false;
  if (isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>().isPosZero();
  return splat.getSplatValue<APInt>().isZero();
}

static llvm::Expected<StateType> readState(Attribute entry) {
  auto fields = dyn_cast<ArrayAttr>(entry);
  auto field = [&](size_t i) { return fields[i]; };
  bool isWhole = fields && fields.size() == 3 && isa<StringAttr>(field(0)) &&
                 isa<TypeAttr>(field(1));
  if (!isWhole)
    return makeError("attribute 'moe.state' does not describe a state");
  std::string name = cast<StringAttr>(field(0)).str();
  std::optional<ValueType> type =
      getValueType(cast<TypeAttr>(field(1)).getValue());
  if (!type || !type->isTensor)
    return makeError("state " + quote(name) +
                     " is of a type that no tensor of the host has");
  StateType state{std::move(name), std::move(*type), std::nullopt};
  auto value = dyn_cast<ElementsAttr>(field(2));
  bool isPlain = value && isZero(value) &&
                 llvm::none_of(state.type.shape, ShapedType::isDynamic);
  if (!value || isPlain)
    return state;
  auto tensor = HostTensor::create(state.type.elementType,
                                   value.getShapedType().getShape());
  if (!tensor)
    return tensor.takeError();
  if (!fill(*tensor, value) || !state.type.accepts(*tensor))
    return makeError("state " + quote(state.name) + " begins as " +
                     tensor->typeString() + ", it is " + state.type.str());
  state.initial = std::move(*tensor);
  return state;
}

llvm::Expected<std::vector<StateType>> moe::readStates(ModuleOp module,
                                                       StringRef function) {
  std::vector<StateType> states;
  auto all = module->getAttrOfType<DictionaryAttr>(stateAttr);
  auto list = all ? all.getAs<ArrayAttr>(function) : ArrayAttr();
  for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
    auto state = readState(entry);
    if (!state)
      return state.takeError();
    states.push_back(std::move(*state));
  }
  return states;
}
