//===- Executable.cpp - A model as machine code ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the llvm dialect to a function pointer.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Executable.h"
#include "StateTypes.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "moe/Conversion/DataTable.h"
#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "moe/Emulator/Emulator.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/SymbolGate.h"
#include "moe/Runtime/Runtime.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::moe;

bool moe::isReservedName(StringRef name) {
  for (const std::vector<rt::Symbol> *table :
       {&rt::symbols(), &rt::deviceSymbols(), &emulatorSymbols()})
    for (const rt::Symbol &symbol : *table)
      if (name == symbol.name)
        return true;
  const StringRef prefixes[] = {"moe_rt_",    "moe_invoke_", expertPrefix,
                                familyPrefix, "_mlir_",      "moe.",
                                "llvm.",      "__"};
  for (StringRef prefix : prefixes)
    if (name.starts_with(prefix))
      return true;
  return name.empty() || name.contains('\0');
}

/// Adds a function of a context and an array of pointers, through which it
/// loads the other arguments of `callee`, so that the host needs no signature.
static void addWrapper(llvm::Function &callee, StringRef name) {
  llvm::Module &module = *callee.getParent();
  llvm::IRBuilder<> builder(module.getContext());
  llvm::PointerType *pointer = builder.getPtrTy();
  auto *type =
      llvm::FunctionType::get(builder.getVoidTy(), {pointer, pointer}, false);
  auto *wrapper = llvm::Function::Create(
      type, llvm::GlobalValue::ExternalLinkage, name, module);
  builder.SetInsertPoint(
      llvm::BasicBlock::Create(module.getContext(), "", wrapper));
  auto place = [&](unsigned index) {
    llvm::Value *slot =
        builder.CreateConstGEP1_32(pointer, wrapper->getArg(1), index);
    return builder.CreateLoad(pointer, slot);
  };
  SmallVector<llvm::Value *> arguments{wrapper->getArg(0)};
  for (llvm::Argument &argument : llvm::drop_begin(callee.args()))
    arguments.push_back(
        builder.CreateLoad(argument.getType(), place(argument.getArgNo() - 1)));
  llvm::Value *result = builder.CreateCall(&callee, arguments);
  if (!result->getType()->isVoidTy())
    builder.CreateStore(result, place(arguments.size() - 1));
  builder.CreateRetVoid();
}

/// The names of what the code of a module reads through its context.
static llvm::Expected<std::vector<std::string>> readDataNames(ModuleOp module) {
  std::vector<std::string> names;
  auto list = module->getAttrOfType<ArrayAttr>(dataTableAttr);
  for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
    auto name = dyn_cast<StringAttr>(entry);
    if (!name)
      return makeError("attribute 'moe.data' is not a list of names");
    names.push_back(name.str());
  }
  if (!list)
    return makeError("the functions take no context; compile the module again "
                     "from an earlier phase");
  return names;
}

static llvm::Expected<std::unique_ptr<llvm::Module>>
translate(ModuleOp module, const EntryPoint &entry,
          llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*module->getContext());
  registerLLVMDialectTranslation(*module->getContext());
  DiagnosticCollector diagnostics(module->getContext(), entry.name);
  auto translated = translateModuleToLLVMIR(module, context, entry.name);
  if (!translated)
    return diagnostics.takeError("the module cannot be translated to LLVM IR");
  llvm::Function *callee =
      translated->getFunction("_mlir_ciface_" + entry.symbol);
  if (!callee || callee->isDeclaration() || callee->arg_empty() ||
      !callee->getArg(0)->getType()->isPointerTy())
    return makeError("function " + quote(entry.name) +
                     " has no C interface after lowering");
  addWrapper(*callee, "moe_invoke_" + entry.symbol);
  return translated;
}

llvm::Expected<std::unique_ptr<Executable>>
Executable::create(ModuleOp module, EntryPoint entry,
                   ExecutableOptions options) {
  auto data = readDataNames(module);
  if (!data)
    return data.takeError();
  auto states = readStates(module, entry.symbol);
  if (!states)
    return states.takeError();
  auto context = std::make_unique<llvm::LLVMContext>();
  auto translated = translate(module, entry, *context);
  if (!translated)
    return translated.takeError();

  LazyJITOptions jit;
  for (const rt::Symbol &symbol : rt::symbols())
    jit.symbols[symbol.name] = symbol.address;
  if (options.machine != MachineKind::CPU)
    for (const rt::Symbol &symbol : rt::deviceSymbols())
      jit.symbols[symbol.name] = symbol.address;
  if (options.machine == MachineKind::Emulator)
    for (const rt::Symbol &symbol : emulatorSymbols())
      jit.symbols[symbol.name] = symbol.address;
  jit.dumpObjectsDir = std::move(options.dumpObjectsDir);
  jit.optLevel = options.optLevel;
  jit.trace = options.trace;
  if (!options.trusted)
    if (llvm::Error error = checkLinkage(**translated, [&](StringRef name) {
          return jit.symbols.contains(name);
        }))
      return error;

  std::unique_ptr<Executable> executable(new Executable(std::move(entry)));
  executable->stateTypes = std::move(*states);
  executable->data = std::move(*data);
  executable->misaligned = std::move(options.misaligned);
  auto code = LazyJIT::create(std::move(jit));
  if (!code)
    return code.takeError();
  executable->code = std::move(*code);
  if (llvm::Error error = executable->code->addModule(std::move(*translated),
                                                      std::move(context)))
    return error;
  auto address =
      executable->code->lookup("moe_invoke_" + executable->entry.symbol);
  if (!address)
    return address.takeError();
  executable->invoke = reinterpret_cast<Function>(*address);
  return executable;
}

llvm::Error Executable::checkInputs(const EntryPoint &entry,
                                    ArrayRef<HostTensor> inputs) {
  if (llvm::Error error = entry.checkCount(inputs.size()))
    return error;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    const ValueType &type = entry.inputs[index];
    std::string place = entry.inputNames[index].str("input", index);
    if (!type.accepts(input))
      return makeError(place + " is " + input.typeString() + ", function " +
                       quote(entry.name) + " takes " + type.str());
    if (llvm::Error error = input.checkBooleans(place))
      return error;
  }
  return llvm::Error::success();
}
