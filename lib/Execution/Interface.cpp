//===- Interface.cpp - What a module in machine code offers ---------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Interface.h.
//
//===----------------------------------------------------------------------===//

#include "Interface.h"
#include "mlir/IR/Builders.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/IR/State.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral interfaceAttr = "moe.interface";

/// Buffers in place of tensors, which phase `machine` has none of.
static Type withoutTensors(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType())
                : type;
}

/// The names in a list of `count` dictionaries of attributes, one for each
/// argument or result; the list may be null.
static std::vector<ValueName> readNames(ArrayAttr list, size_t count) {
  std::vector<ValueName> names(count);
  if (!list || list.size() != count)
    return names;
  for (auto [name, attributes] : llvm::zip(names, list)) {
    auto dictionary = dyn_cast<DictionaryAttr>(attributes);
    if (!dictionary)
      continue;
    if (auto text = dictionary.getAs<StringAttr>(nameAttr))
      name.text = text.str();
    name.keywordOnly = dictionary.contains(keywordOnlyAttr);
    name.donated = dictionary.contains(donatedAttr);
  }
  return names;
}

/// What readNames reads.
static ArrayAttr writeNames(ArrayRef<ValueName> names, Builder &b) {
  auto lists = llvm::map_to_vector(names, [&](const ValueName &name) {
    NamedAttrList attributes;
    if (!name.text.empty())
      attributes.set(nameAttr, b.getStringAttr(name.text));
    if (name.keywordOnly)
      attributes.set(keywordOnlyAttr, b.getUnitAttr());
    if (name.donated)
      attributes.set(donatedAttr, b.getUnitAttr());
    return Attribute(attributes.getDictionary(b.getContext()));
  });
  return b.getArrayAttr(lists);
}

void moe::recordInterface(ModuleOp module) {
  auto required = collectRequirements(module, "");
  if (!required) {
    // Said where weights are bound.
    llvm::consumeError(required.takeError());
    return;
  }
  Builder b(module.getContext());
  NamedAttrList functions, parameters, families;
  for (const Signature &signature : getSignatures(module)) {
    auto convert = [](TypeRange types) {
      return llvm::map_to_vector(types, withoutTensors);
    };
    auto type = b.getFunctionType(convert(signature.type.getInputs()),
                                  convert(signature.type.getResults()));
    functions.set(signature.function,
                  b.getArrayAttr({TypeAttr::get(type),
                                  writeNames(signature.inputNames, b),
                                  writeNames(signature.resultNames, b)}));
  }
  for (const RequiredParameter &parameter : required->parameters)
    parameters.set(parameter.name,
                   TypeAttr::get(withoutTensors(parameter.type)));
  for (const RequiredFamily &family : required->families)
    families.set(family.symbol,
                 b.getArrayAttr({b.getStringAttr(family.pattern),
                                 b.getDenseI64ArrayAttr(family.counts),
                                 TypeAttr::get(withoutTensors(
                                     family.members.front().type))}));
  MLIRContext *context = module.getContext();
  module->setAttr(
      interfaceAttr,
      b.getDictionaryAttr(
          {b.getNamedAttr("families", families.getDictionary(context)),
           b.getNamedAttr("functions", functions.getDictionary(context)),
           b.getNamedAttr("parameters", parameters.getDictionary(context))}));
}

/// The recorded entries of one kind.
static ArrayRef<NamedAttribute> getRecorded(ModuleOp module, StringRef kind) {
  auto recorded = module->getAttrOfType<DictionaryAttr>(interfaceAttr);
  auto entries = recorded ? recorded.getAs<DictionaryAttr>(kind) : nullptr;
  return entries ? entries.getValue() : ArrayRef<NamedAttribute>();
}

static Signature makeSignature(StringRef name, FunctionType type,
                               ArrayAttr inputs, ArrayAttr results) {
  return {name.str(), type, readNames(inputs, type.getNumInputs()),
          readNames(results, type.getNumResults())};
}

/// The first `count` of a list that may be null.
static ArrayAttr takeFront(ArrayAttr list, size_t count) {
  return list && list.size() >= count
             ? ArrayAttr::get(list.getContext(),
                              list.getValue().take_front(count))
             : list;
}

/// Of a function as callers see it: without the arguments and results that are
/// its states.
static Signature makeSignature(ModuleOp module, func::FuncOp function) {
  auto all = module->getAttrOfType<DictionaryAttr>(stateAttr);
  auto list = all ? all.getAs<ArrayAttr>(function.getName()) : ArrayAttr();
  FunctionType type = function.getFunctionType();
  size_t states = list ? list.size() : 0;
  states =
      std::min<size_t>({states, type.getNumInputs(), type.getNumResults()});
  size_t inputs = type.getNumInputs() - states;
  size_t results = type.getNumResults() - states;
  type = FunctionType::get(module.getContext(),
                           type.getInputs().take_front(inputs),
                           type.getResults().take_front(results));
  return makeSignature(function.getName(), type,
                       takeFront(function.getArgAttrsAttr(), inputs),
                       takeFront(function.getResAttrsAttr(), results));
}

SmallVector<Signature> moe::getSignatures(ModuleOp module) {
  SmallVector<Signature> signatures;
  for (func::FuncOp function : getEntryPoints(module))
    signatures.push_back(makeSignature(module, function));
  if (!signatures.empty())
    return signatures;
  for (NamedAttribute entry : getRecorded(module, "functions")) {
    auto fields = dyn_cast<ArrayAttr>(entry.getValue());
    if (!fields || fields.size() != 3)
      continue;
    auto type = dyn_cast<TypeAttr>(fields[0]);
    auto function = type ? dyn_cast<FunctionType>(type.getValue()) : nullptr;
    if (function)
      signatures.push_back(makeSignature(entry.getName(), function,
                                         dyn_cast<ArrayAttr>(fields[1]),
                                         dyn_cast<ArrayAttr>(fields[2])));
  }
  return signatures;
}

void moe::visitRecordedWeights(
    ModuleOp module, function_ref<void(StringRef, Type)> parameter,
    function_ref<void(StringRef, StringRef, ArrayRef<int64_t>, Type)> family) {
  for (NamedAttribute entry : getRecorded(module, "parameters"))
    if (auto type = dyn_cast<TypeAttr>(entry.getValue()))
      parameter(entry.getName(), type.getValue());
  for (NamedAttribute entry : getRecorded(module, "families")) {
    auto fields = dyn_cast<ArrayAttr>(entry.getValue());
    if (!fields || fields.size() != 3)
      continue;
    auto pattern = dyn_cast<StringAttr>(fields[0]);
    auto counts = dyn_cast<DenseI64ArrayAttr>(fields[1]);
    auto type = dyn_cast<TypeAttr>(fields[2]);
    if (pattern && counts && type)
      family(entry.getName(), pattern, counts.asArrayRef(), type.getValue());
  }
}
