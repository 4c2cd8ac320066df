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
#include "moe/Execution/Model.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral interfaceAttr = "moe.interface";

/// Buffers in place of tensors, which phase `machine` has none of.
static Type withoutTensors(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType())
                : type;
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
  for (auto &[name, type] : getSignatures(module)) {
    auto convert = [](TypeRange types) {
      return llvm::map_to_vector(types, withoutTensors);
    };
    functions.set(name,
                  TypeAttr::get(b.getFunctionType(convert(type.getInputs()),
                                                  convert(type.getResults()))));
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

SmallVector<std::pair<std::string, FunctionType>>
moe::getSignatures(ModuleOp module) {
  SmallVector<std::pair<std::string, FunctionType>> signatures;
  for (func::FuncOp function : getEntryPoints(module))
    signatures.emplace_back(function.getName().str(),
                            function.getFunctionType());
  if (!signatures.empty())
    return signatures;
  for (NamedAttribute entry : getRecorded(module, "functions"))
    if (auto type = dyn_cast<TypeAttr>(entry.getValue()))
      if (auto function = dyn_cast<FunctionType>(type.getValue()))
        signatures.emplace_back(entry.getName().str(), function);
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
