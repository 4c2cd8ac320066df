//===- EmbedKernels.cpp - The code of kernels in the host's module --------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime loads a module when one of its kernels is first launched, so that
// the code of an expert that is never chosen stays bytes.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_EMBEDKERNELSPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {
struct EmbedKernelsPass : moe::impl::EmbedKernelsPassBase<EmbedKernelsPass> {
  using Base::Base;

  void runOnOperation() final {
    for (auto binary :
         llvm::make_early_inc_range(getOperation().getOps<gpu::BinaryOp>())) {
      if (binary.getObjects().size() != 1) {
        binary.emitOpError("expects one object, has ")
            << binary.getObjects().size();
        return signalPassFailure();
      }
      embed(binary);
      binary.erase();
    }
  }

  void embed(gpu::BinaryOp binary) {
    StringRef module = binary.getSymName();
    auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
    std::string image = object.getObject().getValue().str();
    // Text ends in a zero byte.
    if (object.getFormat() == gpu::CompilationTarget::Assembly)
      image.push_back('\0');
    LLVM::GlobalOp bytes = makeBytes(binary.getLoc(), module, image);
    std::string prefix = getKernelRecordName(module, "");
    for (auto record : getOperation().getOps<LLVM::GlobalOp>())
      if (record.getSymName().starts_with(prefix) &&
          record.getInitializer().empty())
        define(record, record.getSymName().drop_front(prefix.size()), bytes,
               image.size());
  }

  LLVM::GlobalOp makeBytes(Location loc, const Twine &name, StringRef value) {
    auto b = ImplicitLocOpBuilder::atBlockBegin(loc, getOperation().getBody());
    return LLVM::GlobalOp::create(
        b, LLVM::LLVMArrayType::get(b.getI8Type(), value.size()),
        /*isConstant=*/true, LLVM::Linkage::Internal,
        ("moe.image." + name).str(), b.getStringAttr(value));
  }

  void define(LLVM::GlobalOp record, StringRef kernel, LLVM::GlobalOp image,
              int64_t size) {
    std::string text = kernel.str();
    text.push_back('\0');
    LLVM::GlobalOp name =
        makeBytes(record.getLoc(), "name." + record.getSymName(), text);
    record.setLinkage(LLVM::Linkage::Internal);
    ImplicitLocOpBuilder b(record.getLoc(), record.getContext());
    b.createBlock(&record.getInitializerRegion());
    Value value = LLVM::UndefOp::create(b, record.getType());
    auto set = [&](int64_t field, Value element) {
      value = LLVM::InsertValueOp::create(b, value, element, field);
    };
    auto number = [&](int64_t n) -> Value {
      return LLVM::ConstantOp::create(b, b.getI64Type(),
                                      b.getI64IntegerAttr(n));
    };
    set(0, LLVM::AddressOfOp::create(b, name));
    set(1, LLVM::AddressOfOp::create(b, image));
    set(2, number(size));
    set(3, number(0));
    LLVM::ReturnOp::create(b, value);
  }
};
} // namespace
