//===- ThreadContext.cpp - The context of compiled functions --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Last of all on the host's side, so that nothing before needs to know of
// contexts: all functions and calls are of one dialect here, and all that makes
// them has run.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "moe/Conversion/DataTable.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_THREADCONTEXTPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral runtimePrefix = "moe_rt_";
/// What a block has at least.
static constexpr int64_t blockAlignment = 64;

static bool isData(LLVM::GlobalOp global) {
  return global.getLinkage() == LLVM::Linkage::External &&
         !global.getValueAttr() && global.getInitializer().empty() &&
         global.getGlobalType() != getKernelRecordType(global.getContext());
}

static bool takesContext(LLVM::LLVMFuncOp function) {
  return !function.isExternal() ||
         function.getName().starts_with(runtimePrefix);
}

/// `attributes` of each argument, of which there is one more in front.
static ArrayAttr withOneMore(ArrayAttr attributes) {
  if (!attributes)
    return attributes;
  MLIRContext *context = attributes.getContext();
  SmallVector<Attribute> list{DictionaryAttr::get(context)};
  llvm::append_range(list, attributes);
  return ArrayAttr::get(context, list);
}

namespace {
struct ThreadContextPass : moe::impl::ThreadContextPassBase<ThreadContextPass> {
  using Base::Base;

  void runOnOperation() final {
    pointer = LLVM::LLVMPointerType::get(&getContext());
    if (failed(renameAllocations()))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (takesContext(function))
        addArgument(function);
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      function.walk([&](LLVM::CallOp call) { passOn(call, symbols); });
    if (failed(tabulateData()))
      signalPassFailure();
  }

  void addArgument(LLVM::LLVMFuncOp function) {
    LLVM::LLVMFunctionType type = function.getFunctionType();
    SmallVector<Type> parameters{pointer};
    llvm::append_range(parameters, type.getParams());
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        type.getReturnType(), parameters, type.isVarArg()));
    if (ArrayAttr attributes = withOneMore(function.getArgAttrsAttr()))
      function.setArgAttrsAttr(attributes);
    if (!function.isExternal())
      function.front().insertArgument(0u, pointer, function.getLoc());
  }

  void passOn(LLVM::CallOp call, SymbolTable &symbols) {
    std::optional<StringRef> name = call.getCallee();
    auto callee = name ? symbols.lookup<LLVM::LLVMFuncOp>(*name) : nullptr;
    if (!callee || !takesContext(callee))
      return;
    SmallVector<Value> operands{contextOf(call)};
    llvm::append_range(operands, call.getCalleeOperands());
    call.getCalleeOperandsMutable().assign(operands);
    if (ArrayAttr attributes = withOneMore(call.getArgAttrsAttr()))
      call.setArgAttrsAttr(attributes);
  }

  static Value contextOf(Operation *op) {
    return op->getParentOfType<LLVM::LLVMFuncOp>().getArgument(0);
  }

  /// Calls of what MLIR's lowering allocates with, in terms of the runtime.
  LogicalResult renameAllocations() {
    Type i64 = IntegerType::get(&getContext(), 64);
    Type none = LLVM::LLVMVoidType::get(&getContext());
    return success(
        succeeded(rename("_mlir_memref_to_llvm_alloc", "moe_rt_alloc",
                         {i64, i64}, pointer,
                         [&](ImplicitLocOpBuilder &b, ValueRange operands) {
                           Value alignment = LLVM::ConstantOp::create(
                               b, i64, b.getI64IntegerAttr(blockAlignment));
                           return SmallVector<Value>{operands[0], alignment};
                         })) &&
        succeeded(rename("_mlir_memref_to_llvm_free", "moe_rt_free", {pointer},
                         none, [](ImplicitLocOpBuilder &, ValueRange operands) {
                           return SmallVector<Value>(operands);
                         })));
  }

  LogicalResult
  rename(StringRef from, StringRef to, ArrayRef<Type> parameters, Type result,
         function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)>
             convert) {
    ModuleOp module = getOperation();
    auto old = module.lookupSymbol<LLVM::LLVMFuncOp>(from);
    if (!old)
      return success();
    SmallVector<LLVM::CallOp> calls;
    module.walk([&](LLVM::CallOp call) {
      if (call.getCallee() == from)
        calls.push_back(call);
    });
    OpBuilder top(module.getBodyRegion());
    FailureOr<LLVM::LLVMFuncOp> function =
        LLVM::lookupOrCreateFn(top, module, to, parameters, result);
    if (failed(function))
      return failure();
    for (LLVM::CallOp call : calls) {
      ImplicitLocOpBuilder b(call.getLoc(), call);
      auto renamed = LLVM::CallOp::create(b, *function,
                                          convert(b, call.getCalleeOperands()));
      call.replaceAllUsesWith(renamed.getResults());
      call.erase();
    }
    old.erase();
    return success();
  }

  LogicalResult tabulateData() {
    ModuleOp module = getOperation();
    llvm::MapVector<StringAttr, LLVM::GlobalOp> data;
    for (auto global : module.getOps<LLVM::GlobalOp>())
      if (isData(global))
        data.insert({global.getSymNameAttr(), global});
    DataLayout layout(module);
    WalkResult result = module.walk([&](LLVM::AddressOfOp address) {
      auto *found = data.find(address.getGlobalNameAttr().getAttr());
      if (found == data.end())
        return WalkResult::advance();
      if (!address->getParentOfType<LLVM::LLVMFuncOp>()) {
        address.emitError("expects weights to be used by functions only");
        return WalkResult::interrupt();
      }
      load(address, found - data.begin(), found->second, layout);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    Builder b(&getContext());
    SmallVector<Attribute> names;
    for (auto &[name, global] : data) {
      names.push_back(name);
      global.erase();
    }
    module->setAttr(dataTableAttr, b.getArrayAttr(names));
    return success();
  }

  /// The address from the table. Both loads are of what never changes, so that
  /// LLVM moves them like the address of a variable.
  void load(LLVM::AddressOfOp op, int64_t index, LLVM::GlobalOp global,
            const DataLayout &layout) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    auto table = LLVM::LoadOp::create(b, pointer, contextOf(op));
    table.setInvariant(true);
    Value slot = LLVM::GEPOp::create(
        b, pointer, pointer, table,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    auto address = LLVM::LoadOp::create(b, pointer, slot);
    address.setInvariant(true);
    // Reads may be moved out of loops that may have no round.
    uint64_t bytes = layout.getTypeSize(global.getGlobalType());
    if (bytes && global.getName().starts_with(weightPrefix))
      address.setDereferenceableAttr(
          LLVM::DereferenceableAttr::get(&getContext(), bytes, false));
    op.replaceAllUsesWith(address.getResult());
    op.erase();
  }

  Type pointer;
};
} // namespace
