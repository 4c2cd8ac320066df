//===- SharedLayout.cpp - Where globals in shared memory lie --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SharedLayout.h.
//
//===----------------------------------------------------------------------===//

#include "SharedLayout.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::moe;

bool mlir::moe::isKernel(LLVM::LLVMFuncOp function) {
  return function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()) ||
         function->hasAttr(gpu::GPUDialect::getKernelFuncAttrName());
}

/// The names of the globals that a function and what it calls refer to.
static llvm::SetVector<StringRef> globalsOf(LLVM::LLVMFuncOp function,
                                            SymbolTable &symbols) {
  llvm::SetVector<StringRef> globals;
  llvm::SetVector<Operation *> reached;
  reached.insert(function);
  for (size_t i = 0; i < reached.size(); ++i)
    reached[i]->walk([&](Operation *op) {
      if (auto address = dyn_cast<LLVM::AddressOfOp>(op)) {
        globals.insert(address.getGlobalName());
      } else if (auto call = dyn_cast<LLVM::CallOp>(op);
                 call && call.getCallee()) {
        if (Operation *callee = symbols.lookup(*call.getCallee()))
          reached.insert(callee);
      }
    });
  return globals;
}

SharedLayout SharedLayout::of(gpu::GPUModuleOp module) {
  SharedLayout layout;
  SymbolTable symbols(module);
  llvm::StringMap<SmallVector<StringRef>> kernelsOf;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (!isKernel(function))
      continue;
    layout.staticBytes[function.getName()] = 0;
    for (StringRef global : globalsOf(function, symbols))
      kernelsOf[global].push_back(function.getName());
  }
  DataLayout sizes(module->getParentOfType<ModuleOp>());
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    if (global.getAddrSpace() != 3)
      continue;
    const int64_t bytes = sizes.getTypeSize(global.getType());
    Place place;
    place.alignment =
        std::max<int64_t>(global.getAlignment().value_or(1),
                          sizes.getTypeABIAlignment(global.getType()));
    place.isDynamic = bytes == 0;
    for (StringRef kernel : kernelsOf[global.getName()])
      place.offset = std::max(place.offset, layout.staticBytes[kernel]);
    place.offset = llvm::alignTo(place.offset, place.alignment);
    if (!place.isDynamic)
      for (StringRef kernel : kernelsOf[global.getName()])
        layout.staticBytes[kernel] = place.offset + bytes;
    layout.places[global.getName()] = place;
  }
  return layout;
}
