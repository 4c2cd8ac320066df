//===- Executable.cpp - A model as machine code ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the llvm dialect to a function pointer.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Executable.h"
#include "CallFrame.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "moe/Conversion/DeviceSymbols.h"
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

/// Adds a function that loads each argument of `callee` through an array of
/// pointers, so that the host needs no signature.
static void addWrapper(llvm::Function &callee, StringRef name) {
  llvm::Module &module = *callee.getParent();
  llvm::IRBuilder<> builder(module.getContext());
  llvm::PointerType *pointer = builder.getPtrTy();
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), {pointer}, false);
  auto *wrapper = llvm::Function::Create(
      type, llvm::GlobalValue::ExternalLinkage, name, module);
  builder.SetInsertPoint(
      llvm::BasicBlock::Create(module.getContext(), "", wrapper));
  auto place = [&](unsigned index) {
    llvm::Value *slot =
        builder.CreateConstGEP1_32(pointer, wrapper->getArg(0), index);
    return builder.CreateLoad(pointer, slot);
  };
  SmallVector<llvm::Value *> arguments;
  for (llvm::Argument &argument : callee.args())
    arguments.push_back(
        builder.CreateLoad(argument.getType(), place(argument.getArgNo())));
  llvm::Value *result = builder.CreateCall(&callee, arguments);
  if (!result->getType()->isVoidTy())
    builder.CreateStore(result, place(arguments.size()));
  builder.CreateRetVoid();
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
  if (!callee || callee->isDeclaration())
    return makeError("function " + quote(entry.name) +
                     " has no C interface after lowering");
  addWrapper(*callee, "moe_invoke_" + entry.symbol);
  return translated;
}

llvm::Expected<std::unique_ptr<Executable>>
Executable::create(ModuleOp module, EntryPoint entry,
                   ExecutableOptions options) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto translated = translate(module, entry, *context);
  if (!translated)
    return translated.takeError();

  LazyJITOptions jit;
  jit.symbols = std::move(options.symbols);
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
  if (!options.trusted)
    if (llvm::Error error = checkLinkage(**translated, [&](StringRef name) {
          return jit.symbols.contains(name);
        }))
      return error;

  std::unique_ptr<Executable> executable(new Executable(std::move(entry)));
  auto code = LazyJIT::create(std::move(jit));
  if (!code)
    return code.takeError();
  executable->code = std::move(*code);
  if (llvm::Error error = executable->code->addModule(std::move(*translated),
                                                      std::move(context)))
    return error;
  return executable;
}

llvm::Error Executable::compile() {
  if (invoke)
    return llvm::Error::success();
  auto address = code->lookup("moe_invoke_" + entry.symbol);
  if (!address)
    return address.takeError();
  invoke = reinterpret_cast<void (*)(void **)>(*address);
  return llvm::Error::success();
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

static llvm::Error toError(rt::Result result) {
  if (result.status == rt::Status::Limit)
    return limitError(result.message);
  if (result.status == rt::Status::Error)
    return makeError(result.message);
  return llvm::Error::success();
}

llvm::Expected<std::vector<HostTensor>>
Executable::run(ArrayRef<HostTensor> inputs) {
  if (llvm::Error error = compile())
    return error;
  CallFrame frame(entry, inputs);
  if (llvm::Error error = frame.upload(inputs))
    return error;
  void **arguments = frame.arguments();
  auto *function = invoke;
  if (llvm::Error error = toError(rt::invoke([=] { function(arguments); })))
    return error;
  return frame.takeResults();
}

struct Executable::Step::Frame {
  Frame(const EntryPoint &entry, ArrayRef<HostTensor> inputs)
      : call(entry, inputs), device(*rt::currentDevice()) {}
  ~Frame() {
    if (ran)
      llvm::consumeError(call.takeResults().takeError());
    if (graph)
      device.releaseGraph(graph);
  }

  CallFrame call;
  rt::Device &device;
  int64_t graph = 0;
  bool ran = false;
};

Executable::Step::Step(std::unique_ptr<Frame> frame)
    : frame(std::move(frame)) {}
Executable::Step::~Step() = default;

llvm::Error Executable::Step::replay(int64_t times) {
  for (int64_t i = 0; i < times; ++i)
    if (llvm::Error error = toError(rt::replay(frame->graph)))
      return error;
  return toError(rt::synchronize());
}

llvm::Expected<std::unique_ptr<Executable::Step>>
Executable::capture(ArrayRef<HostTensor> inputs) {
  auto frame = std::make_unique<Step::Frame>(entry, inputs);
  if (llvm::Error error = frame->call.upload(inputs))
    return error;
  if (std::string problem = frame->device.beginCapture(); !problem.empty())
    return makeError("device " + frame->device.name() + ": " + problem);
  void **arguments = frame->call.arguments();
  auto *function = invoke;
  rt::Result result = rt::invoke([=] { function(arguments); });
  std::string problem;
  frame->graph = frame->device.endCapture(problem);
  if (llvm::Error error = toError(std::move(result)))
    return error;
  frame->ran = true;
  if (!frame->graph)
    return makeError("device " + frame->device.name() + ": " + problem);
  return std::unique_ptr<Step>(new Step(std::move(frame)));
}
