//===- MergeKernels.cpp - One module for the kernels of a function --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream makes a module for each kernel, and the driver loads modules one by
// one. What one function launches is loaded at once; what another launches,
// such as an expert, when that is first called.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_MERGEKERNELSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct MergeKernelsPass : moe::impl::MergeKernelsPassBase<MergeKernelsPass> {
  using Base::Base;

  void runOnOperation() final {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      gpu::GPUModuleOp merged;
      function.walk([&](gpu::LaunchFuncOp launch) {
        auto source =
            symbols.lookup<gpu::GPUModuleOp>(launch.getKernelModuleName());
        auto kernel =
            source.lookupSymbol<gpu::GPUFuncOp>(launch.getKernelName());
        // Modules that were not outlined stay as they were made.
        if (!kernel || source == merged)
          return;
        if (!merged)
          merged = makeModule(function, symbols);
        move(launch, kernel, merged);
        if (source.getOps<gpu::GPUFuncOp>().empty())
          symbols.erase(source);
      });
    }
  }

private:
  gpu::GPUModuleOp makeModule(func::FuncOp function, SymbolTable &symbols) {
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    auto module = gpu::GPUModuleOp::create(
        b, function.getLoc(), (function.getName() + "_kernels").str());
    symbols.insert(module);
    return module;
  }

  static void move(gpu::LaunchFuncOp launch, gpu::GPUFuncOp kernel,
                   gpu::GPUModuleOp merged) {
    int64_t number = llvm::range_size(merged.getOps<gpu::GPUFuncOp>());
    StringRef function = launch->getParentOfType<func::FuncOp>().getName();
    std::string name = (function + "_" + Twine(number)).str();
    // Upstream's name of a kernel that was given none.
    if (kernel.getName() != (function + "_kernel").str())
      name += ("_" + kernel.getName()).str();
    kernel->moveBefore(merged.getBody(), merged.getBody()->end());
    kernel.setName(name);
    launch.setKernelAttr(SymbolRefAttr::get(
        merged.getNameAttr(),
        {FlatSymbolRefAttr::get(launch.getContext(), name)}));
  }
};
} // namespace
