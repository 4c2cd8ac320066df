//===- EmulatedKernel.cpp - A kernel that the emulator runs ---------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Conversion/Passes.h"
#include "moe/Runtime/Runtime.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::moe;

static constexpr const char *accessor = "kernel_of_test";

/// Adds a function that returns the address of the kernel's description, which
/// only the module itself can name.
static void addAccessor(ModuleOp module) {
  auto gpuModule = *module.getOps<gpu::GPUModuleOp>().begin();
  auto kernel = *gpuModule.getOps<LLVM::LLVMFuncOp>().begin();
  std::string name =
      ("moe.kernel." + gpuModule.getName() + "." + kernel.getName()).str();
  auto b = ImplicitLocOpBuilder::atBlockEnd(module.getLoc(), module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto description = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {pointer, pointer, b.getI64Type(), b.getI64Type()});
  auto global =
      LLVM::GlobalOp::create(b, description, /*isConstant=*/false,
                             LLVM::Linkage::External, name, Attribute());
  auto function = LLVM::LLVMFuncOp::create(
      b, accessor, LLVM::LLVMFunctionType::get(pointer, {}));
  b.setInsertionPointToStart(function.addEntryBlock(b));
  LLVM::ReturnOp::create(b, Value(LLVM::AddressOfOp::create(b, global)));
}

std::unique_ptr<EmulatedKernel> EmulatedKernel::create(ModuleOp module) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  addAccessor(module);
  PassManager passes(module.getContext());
  OpPassManager &kernels = passes.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  passes.addPass(createConvertNVVMToEmulatorPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module))) {
    ADD_FAILURE() << "the kernel cannot be lowered";
    return nullptr;
  }

  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Less;
  auto emulated = std::make_unique<EmulatedKernel>();
  llvm::Expected<std::unique_ptr<ExecutionEngine>> engine =
      ExecutionEngine::create(module, options);
  if (!engine) {
    ADD_FAILURE() << llvm::toString(engine.takeError());
    return nullptr;
  }
  emulated->engine = std::move(*engine);
  emulated->engine->registerSymbols([](llvm::orc::MangleAndInterner intern) {
    llvm::orc::SymbolMap map;
    for (const auto &symbols : {rt::symbols(), emulatorSymbols()})
      for (const rt::Symbol &symbol : symbols)
        map[intern(symbol.name)] = {
            llvm::orc::ExecutorAddr::fromPtr(symbol.address),
            llvm::JITSymbolFlags::Exported};
    return map;
  });
  auto function = emulated->engine->lookup(accessor);
  if (!function) {
    ADD_FAILURE() << llvm::toString(function.takeError());
    return nullptr;
  }
  emulated->kernel = reinterpret_cast<MoEKernel *(*)()>(*function)();
  return emulated;
}

std::string EmulatedKernel::launch(rt::Device &device,
                                   const rt::Launch &launch) {
  std::string problem = device.launch(*kernel, launch);
  return problem.empty() ? device.synchronize() : problem;
}
