//===- NVVMToEmulator.cpp - Kernels for the CPU ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves the kernels of all GPU modules into the host's, and has every
// instruction that a CPU lacks converted.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "SharedLayout.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "moe/Conversion/Passes.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTNVVMTOEMULATORPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

/// { name, image, bytes of it, handle }, as MoEKernel of the runtime.
static Type kernelType(MLIRContext *context) {
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  return LLVM::LLVMStructType::getLiteral(context,
                                          {pointer, pointer, i64, i64});
}

namespace {
/// One GPU module on its way.
class ModuleConverter {
public:
  ModuleConverter(gpu::GPUModuleOp gpuModule, ModuleOp module)
      : gpuModule(gpuModule), module(module),
        layout(SharedLayout::of(gpuModule)) {}

  LogicalResult run();

private:
  LogicalResult convertBody(LLVM::LLVMFuncOp function);
  LogicalResult convertAddress(LLVM::AddressOfOp op);
  LogicalResult convert(Operation *op);
  /// Plain pointers, and names in the host's module.
  void replaceTypesAndNames(Operation *op);
  void stripAttributes(LLVM::LLVMFuncOp function);
  LogicalResult addEntry(LLVM::LLVMFuncOp kernel, StringRef name);
  LogicalResult addKernelGlobal(Location loc, StringRef name,
                                LLVM::LLVMFuncOp entry);

  gpu::GPUModuleOp gpuModule;
  ModuleOp module;
  SharedLayout layout;
  /// Old names to new ones.
  llvm::StringMap<StringAttr> names;
};
} // namespace

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

LogicalResult ModuleConverter::convertAddress(LLVM::AddressOfOp op) {
  auto place = layout.places.find(op.getGlobalName());
  if (place == layout.places.end())
    return success();
  CallBuilder b(op, module);
  Value address = place->second.isDynamic
                      ? b.call("moe_emu_shared_dynamic", b.pointer(),
                               {b.i32(place->second.alignment)})
                      : b.call("moe_emu_shared_static", b.pointer(),
                               {b.i32(place->second.offset)});
  // The type still says that it is shared, for the accesses through it.
  Value shared = LLVM::AddrSpaceCastOp::create(b, op.getType(), address);
  op.getResult().replaceAllUsesWith(shared);
  op.erase();
  return success();
}

LogicalResult ModuleConverter::convert(Operation *op) {
  CallBuilder b(op, module);
  for (auto family : {convertThreadOp, convertBarrierOp, convertMemoryOp,
                      convertCopyOp, convertMatrixOp, convertMathOp})
    if (std::optional<LogicalResult> result = family(op, b))
      return *result;
  if (isa_and_present<NVVM::NVVMDialect, gpu::GPUDialect>(op->getDialect()))
    return notEmulated(op);
  return success();
}

LogicalResult ModuleConverter::convertBody(LLVM::LLVMFuncOp function) {
  if (failed(checkWarpgroupRegisters(function)))
    return failure();
  SmallVector<LLVM::AddressOfOp> addresses;
  function.walk([&](LLVM::AddressOfOp op) { addresses.push_back(op); });
  for (LLVM::AddressOfOp op : addresses)
    if (failed(convertAddress(op)))
      return failure();
  SmallVector<Operation *> ops, casts;
  // Casts go last: accesses need to know what is shared.
  function.walk([&](Operation *op) {
    (isa<LLVM::AddrSpaceCastOp>(op) ? casts : ops).push_back(op);
  });
  ops.append(casts);
  for (Operation *op : ops)
    if (op != function && failed(convert(op)))
      return failure();
  function.walk([](LLVM::AllocaOp op) { op->removeAttr("moe.local"); });
  return success();
}

void ModuleConverter::replaceTypesAndNames(Operation *op) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](LLVM::LLVMPointerType type) -> Type {
    return LLVM::LLVMPointerType::get(type.getContext());
  });
  replacer.addReplacement([&](FlatSymbolRefAttr name) -> Attribute {
    auto known = names.find(name.getValue());
    return known == names.end() ? name : FlatSymbolRefAttr::get(known->second);
  });
  replacer.recursivelyReplaceElementsIn(op, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// A number that NVVM gives a kernel, or 0; of an array the product.
static int64_t numberOf(Operation *kernel, StringRef name) {
  if (auto number = kernel->getAttrOfType<IntegerAttr>(name))
    return number.getInt();
  if (auto sizes = kernel->getAttrOfType<DenseI32ArrayAttr>(name)) {
    int64_t product = 1;
    for (int32_t size : sizes.asArrayRef())
      product *= size;
    return product;
  }
  return 0;
}

LogicalResult ModuleConverter::addEntry(LLVM::LLVMFuncOp kernel,
                                        StringRef name) {
  if (numberOf(kernel, "nvvm.cluster_dim") > 1)
    return kernel.emitError("a cluster of blocks is not emulated");
  if (!isa<LLVM::LLVMVoidType>(kernel.getFunctionType().getReturnType()))
    return kernel.emitError("a kernel that returns a value");
  Location loc = kernel.getLoc();
  OpBuilder outside = OpBuilder::atBlockEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(module.getContext()), {pointer});
  auto entry = LLVM::LLVMFuncOp::create(outside, loc,
                                        (kernel.getName() + ".entry").str(),
                                        type, LLVM::Linkage::Internal);
  Block *block = entry.addEntryBlock(outside);
  auto end = LLVM::ReturnOp::create(outside, loc, ValueRange());
  end->moveBefore(block, block->end());
  CallBuilder b(end, module);
  b.call("moe_emu_enter", {b.i32(layout.staticBytes.lookup(name)),
                           b.i32(numberOf(kernel, "nvvm.reqntid")),
                           b.i32(numberOf(kernel, "nvvm.maxnreg")),
                           b.i32(numberOf(kernel, "nvvm.minctasm"))});
  SmallVector<Value> arguments;
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    Value place =
        LLVM::GEPOp::create(b, pointer, pointer, block->getArgument(0),
                            ArrayRef<LLVM::GEPArg>(int32_t(i)));
    Value argument = LLVM::LoadOp::create(b, pointer, place);
    // By value: the kernel gets the address of the bytes.
    if (!kernel.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
      argument = LLVM::LoadOp::create(b, type, argument);
    arguments.push_back(argument);
  }
  LLVM::CallOp::create(b, kernel, arguments);
  return addKernelGlobal(loc, name, entry);
}

LogicalResult ModuleConverter::addKernelGlobal(Location loc, StringRef name,
                                               LLVM::LLVMFuncOp entry) {
  std::string symbol = ("moe.kernel." + gpuModule.getName() + "." + name).str();
  Type type = kernelType(module.getContext());
  auto global = module.lookupSymbol<LLVM::GlobalOp>(symbol);
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  if (!global)
    global =
        LLVM::GlobalOp::create(outside, loc, type, /*isConstant=*/false,
                               LLVM::Linkage::Internal, symbol, Attribute());
  else if (global.getGlobalType() != type || global.getInitializerBlock())
    return global.emitError() << "expected a declaration of the type " << type;
  global.setLinkage(LLVM::Linkage::Internal);
  global.setConstant(false);
  SmallString<64> text(name);
  text.push_back('\0');
  auto textType = LLVM::LLVMArrayType::get(outside.getI8Type(), text.size());
  auto textGlobal = LLVM::GlobalOp::create(
      outside, loc, textType, /*isConstant=*/true, LLVM::Linkage::Internal,
      symbol + ".name", outside.getStringAttr(text));

  Block *block = outside.createBlock(&global.getInitializerRegion());
  auto b = ImplicitLocOpBuilder::atBlockEnd(loc, block);
  Value value = LLVM::ZeroOp::create(b, type);
  value = LLVM::InsertValueOp::create(
      b, value, LLVM::AddressOfOp::create(b, textGlobal), ArrayRef<int64_t>{0});
  value = LLVM::InsertValueOp::create(
      b, value, LLVM::AddressOfOp::create(b, entry), ArrayRef<int64_t>{1});
  LLVM::ReturnOp::create(b, value);
  return success();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

void ModuleConverter::stripAttributes(LLVM::LLVMFuncOp function) {
  // What they promise to a GPU does not hold where threads take turns inside of
  // calls, such as noalias of memory that other threads write.
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  SmallVector<StringAttr> foreign;
  for (NamedAttribute attribute : function->getDiscardableAttrs())
    foreign.push_back(attribute.getName());
  for (StringAttr name : foreign)
    function->removeDiscardableAttr(name);
  function.removePassthroughAttr();
  function.removeTargetCpuAttr();
  function.removeTargetFeaturesAttr();
}

LogicalResult ModuleConverter::run() {
  SmallVector<LLVM::LLVMFuncOp> functions;
  SmallVector<LLVM::GlobalOp> globals;
  for (Operation &op : gpuModule.getBody()->getOperations()) {
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op))
      functions.push_back(function);
    else if (auto global = dyn_cast<LLVM::GlobalOp>(op))
      globals.push_back(global);
    else if (!op.hasTrait<OpTrait::IsTerminator>())
      return notEmulated(&op);
  }
  std::string prefix = (gpuModule.getName() + ".").str();
  for (Operation &op : gpuModule.getBody()->getOperations())
    if (auto symbol = dyn_cast<SymbolOpInterface>(op))
      names[symbol.getName()] =
          StringAttr::get(op.getContext(), prefix + symbol.getName());

  for (LLVM::GlobalOp global : globals) {
    if (layout.places.contains(global.getName()))
      continue;
    global->moveBefore(module.getBody(), module.getBody()->end());
    global.setName(names[global.getName()]);
    global.setAddrSpace(0);
    global.setLinkage(LLVM::Linkage::Internal);
    replaceTypesAndNames(global);
  }
  for (LLVM::LLVMFuncOp function : functions) {
    if (function.isExternal())
      continue;
    std::string name = function.getName().str();
    function->moveBefore(module.getBody(), module.getBody()->end());
    if (failed(convertBody(function)))
      return failure();
    function.setName(names[name]);
    replaceTypesAndNames(function);
    function.setLinkage(LLVM::Linkage::Internal);
    if (isKernel(function) && failed(addEntry(function, name)))
      return failure();
    stripAttributes(function);
  }
  // What is left is the declarations of what nobody calls any more.
  for (LLVM::LLVMFuncOp function : functions)
    if (function->getParentOp() == gpuModule.getOperation() &&
        !SymbolTable::symbolKnownUseEmpty(names[function.getName()], module))
      return function.emitError()
             << "'" << function.getName() << "' is not emulated";
  gpuModule.erase();
  return success();
}

namespace {
struct ConvertNVVMToEmulatorPass
    : moe::impl::ConvertNVVMToEmulatorPassBase<ConvertNVVMToEmulatorPass> {
  using Base::Base;

  void runOnOperation() final {
    ModuleOp module = getOperation();
    for (auto gpuModule :
         llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
      if (failed(ModuleConverter(gpuModule, module).run()))
        return signalPassFailure();
    module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }
};
} // namespace
