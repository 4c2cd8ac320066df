//===- AssembledKernel.cpp - What ptxas makes of a kernel -----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssembledKernel.h"

#include "TestFiles.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::moe;

std::unique_ptr<MLIRContext> mlir::moe::makeKernelContext() {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, gpu::GPUDialect,
                  LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
                  scf::SCFDialect>();
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

std::optional<std::string> mlir::moe::findCUDAToolkit() {
  SmallVector<std::string> roots;
  if (auto ptxas = llvm::sys::findProgramByName("ptxas")) {
    SmallString<128> real;
    if (!llvm::sys::fs::real_path(*ptxas, real)) {
      StringRef bin = llvm::sys::path::parent_path(real);
      roots.push_back(llvm::sys::path::parent_path(bin).str());
    }
  }
  roots.push_back("/usr/local/cuda");
  for (const std::string &root : roots)
    if (llvm::sys::fs::can_execute(root + "/bin/ptxas") &&
        llvm::sys::fs::exists(root + "/nvvm/libdevice/libdevice.10.bc"))
      return root;
  return std::nullopt;
}

std::string mlir::moe::lowerToPTX(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  OpPassManager &kernels = passes.nest<gpu::GPUModuleOp>();
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  GpuModuleToBinaryPassOptions options;
  options.compilationTarget = "isa";
  if (std::optional<std::string> toolkit = findCUDAToolkit())
    options.toolkitPath = *toolkit;
  passes.addPass(createGpuModuleToBinaryPass(options));
  if (failed(passes.run(module)))
    return {};
  auto binaries = module.getOps<gpu::BinaryOp>();
  if (!llvm::hasSingleElement(binaries))
    return {};
  auto object = cast<gpu::ObjectAttr>((*binaries.begin()).getObjects()[0]);
  return object.getObject().getValue().rtrim('\0').str();
}

static int64_t numberIn(StringRef log, StringRef pattern) {
  SmallVector<StringRef> groups;
  int64_t number = -1;
  if (llvm::Regex(pattern).match(log, &groups))
    (void)groups[1].getAsInteger(10, number);
  return number;
}

static std::map<unsigned, int64_t> countOpcodes(StringRef path) {
  std::map<unsigned, int64_t> opcodes;
  auto file = llvm::object::ObjectFile::createObjectFile(path);
  if (!file) {
    ADD_FAILURE() << llvm::toString(file.takeError());
    return opcodes;
  }
  constexpr size_t instructionBytes = 16;
  for (const llvm::object::SectionRef &section :
       file->getBinary()->sections()) {
    if (!llvm::cantFail(section.getName()).starts_with(".text."))
      continue;
    StringRef text = llvm::cantFail(section.getContents());
    for (; text.size() >= instructionBytes;
         text = text.drop_front(instructionBytes))
      ++opcodes[llvm::support::endian::read32le(text.data()) & 0xfff];
  }
  return opcodes;
}

AssembledKernel mlir::moe::assemble(const std::string &ptx,
                                    const std::string &chip) {
  AssembledKernel kernel;
  TestDirectory directory;
  std::string source = directory.write("kernel.ptx", ptx);
  std::string object = directory.path("kernel.cubin");
  std::string log = directory.path("log"),
              ptxas = *findCUDAToolkit() + "/bin/ptxas";
  std::string arch = "-arch=" + chip;
  std::optional<StringRef> redirects[] = {std::nullopt, log, log};
  int status = llvm::sys::ExecuteAndWait(
      ptxas, {ptxas, arch, "-v", "-O3", source, "-o", object}, std::nullopt,
      redirects);
  kernel.log = directory.read("log");
  EXPECT_EQ(status, 0) << kernel.log;
  if (status != 0)
    return kernel;
  kernel.registers = numberIn(kernel.log, "Used ([0-9]+) registers");
  kernel.spilledBytes = numberIn(kernel.log, "([0-9]+) bytes spill stores");
  kernel.opcodes = countOpcodes(object);
  return kernel;
}
