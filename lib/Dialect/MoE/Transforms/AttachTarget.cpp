//===- AttachTarget.cpp - What a module is compiled for -------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's way to say it, so that a printed module does: what comes to it
// later cannot take code for one machine as that for another.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Target/CPUTarget.h"
#include "moe/Target/GPUTarget.h"

namespace mlir::moe {
#define GEN_PASS_DEF_ATTACHTARGETPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct AttachTargetPass : moe::impl::AttachTargetPassBase<AttachTargetPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) final {
    Builder b(context);
    llvm::Error error = chip.empty() ? describeCPU(b) : describeGPU(b);
    if (error)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(std::move(error));
    return success();
  }

  void runOnOperation() final {
    ModuleOp module = getOperation();
    Builder b(&getContext());
    auto device = TargetDeviceSpecAttr::get(&getContext(), entries);
    DataLayoutEntryInterface entry = DataLayoutEntryAttr::get(
        b.getStringAttr(chip.empty() ? "CPU" : "GPU"), device);
    auto spec = TargetSystemSpecAttr::get(&getContext(), {entry});
    StringRef name = DLTIDialect::kTargetSystemDescAttrName;
    Attribute before = module->getAttr(name);
    // That of the model's author says nothing about this compiler.
    if (before && before != spec && goesOn) {
      module.emitError("was compiled for ")
          << before << " so far, and cannot go on for " << spec;
      return signalPassFailure();
    }
    module->setAttr(name, spec);
  }

private:
  void add(Builder &b, StringRef name, Attribute value) {
    entries.push_back(DataLayoutEntryAttr::get(b.getStringAttr(name), value));
  }

  llvm::Error describeCPU(Builder &b) {
    llvm::Expected<CPUTarget> cpu = CPUTarget::fromName(target);
    if (!cpu)
      return cpu.takeError();
    add(b, "vector_bits", b.getI32IntegerAttr(cpu->vectorBits));
    add(b, "vector_registers", b.getI32IntegerAttr(cpu->vectorRegisters));
    add(b, "fma", b.getBoolAttr(cpu->hasFMA));
    return llvm::Error::success();
  }

  llvm::Error describeGPU(Builder &b) {
    llvm::Expected<GPUTarget> gpu = GPUTarget::fromName(chip, ptxVersion);
    if (!gpu)
      return gpu.takeError();
    if (llvm::Error error = gpu->limitTo(kernels))
      return error;
    add(b, "chip", b.getStringAttr(gpu->chip));
    add(b, "ptx", b.getI32IntegerAttr(gpu->ptxVersion));
    add(b, "kernels", b.getStringAttr(kernels));
    return llvm::Error::success();
  }

  SmallVector<DataLayoutEntryInterface> entries;
};
} // namespace
