//===- GPUToRuntime.cpp - The host's side of a device -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream lowers launches to calls that make and wait for a stream around each
// kernel; here all is ordered by the one stream of the runtime's device, and
// the host waits only where it reads.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"
#include "moe/Runtime/Device.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTGPUTORUNTIMEPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

namespace {

/// What the patterns share.
template <typename OpTy> struct RuntimePattern : ConvertOpToLLVMPattern<OpTy> {
  using ConvertOpToLLVMPattern<OpTy>::ConvertOpToLLVMPattern;

  /// Calls `name`; its first result, if there is one.
  FailureOr<Value> call(ImplicitLocOpBuilder &b, Operation *op, StringRef name,
                        ValueRange operands, Type result = {}) const {
    auto module = op->getParentOfType<ModuleOp>();
    FailureOr<LLVM::LLVMFuncOp> function = LLVM::lookupOrCreateFn(
        b, module, name, llvm::to_vector(operands.getTypes()),
        result ? result : LLVM::LLVMVoidType::get(b.getContext()));
    if (failed(function))
      return failure();
    auto call = LLVM::CallOp::create(b, *function, operands);
    return result ? call.getResult() : Value();
  }

  static Value constant(ImplicitLocOpBuilder &b, int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  }

  /// The address of the first element.
  Value firstElement(ImplicitLocOpBuilder &b, MemRefType type,
                     Value descriptor) const {
    return MemRefDescriptor(descriptor)
        .bufferPtr(b, b.getLoc(), *this->getTypeConverter(), type);
  }
};

struct ConvertAlloc : RuntimePattern<gpu::AllocOp> {
  using RuntimePattern::RuntimePattern;

  LogicalResult
  matchAndRewrite(gpu::AllocOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    MemRefType type = op.getType();
    if (!isConvertibleAndHasIdentityMaps(type) || op.getAsyncToken())
      return rewriter.notifyMatchFailure(
          op, "expects an identity layout and no token");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(op.getLoc(), type, adaptor.getDynamicSizes(),
                             rewriter, sizes, strides, bytes);
    FailureOr<Value> block =
        call(b, op, "moe_rt_device_alloc", bytes, getPtrType());
    if (failed(block))
      return failure();
    rewriter.replaceOp(
        op, {createMemRefDescriptor(op.getLoc(), type, *block, *block, sizes,
                                    strides, rewriter)});
    return success();
  }
};

/// Of one element, from the device to the host.
struct ConvertMemcpy : RuntimePattern<gpu::MemcpyOp> {
  using RuntimePattern::RuntimePattern;

  LogicalResult
  matchAndRewrite(gpu::MemcpyOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    auto target = cast<MemRefType>(op.getDst().getType());
    auto source = cast<MemRefType>(op.getSrc().getType());
    Operation *buffer = op.getDst().getDefiningOp();
    if (!isa_and_nonnull<memref::AllocaOp, memref::AllocOp>(buffer) ||
        !target.hasStaticShape() || !target.getLayout().isIdentity())
      return rewriter.notifyMatchFailure(
          op, "expects to copy to a buffer of the host of static shape");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value element =
        getSizeInBytes(op.getLoc(), target.getElementType(), rewriter);
    Value count =
        LLVM::ConstantOp::create(b, element.getType(), target.getNumElements());
    Value bytes = LLVM::MulOp::create(b, element, count);
    FailureOr<Value> done =
        call(b, op, "moe_rt_device_read",
             {firstElement(b, target, adaptor.getDst()),
              firstElement(b, source, adaptor.getSrc()), bytes});
    if (failed(done))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertGetGlobal : RuntimePattern<memref::GetGlobalOp> {
  using RuntimePattern::RuntimePattern;

  LogicalResult
  matchAndRewrite(memref::GetGlobalOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    MemRefType type = op.getType();
    Value address = LLVM::AddressOfOp::create(b, getPtrType(), op.getName());
    if (!op.getName().starts_with(stackPrefix)) {
      SmallVector<Value> sizes, strides;
      Value bytes;
      getMemRefDescriptorSizes(op.getLoc(), type, {}, rewriter, sizes, strides,
                               bytes);
      FailureOr<Value> copy =
          call(b, op, "moe_rt_device_constant", {address, bytes}, getPtrType());
      if (failed(copy))
        return failure();
      address = *copy;
    }
    rewriter.replaceOp(
        op, {MemRefDescriptor::fromStaticShape(
                b, op.getLoc(), *getTypeConverter(), type, address)});
    return success();
  }
};

struct ConvertLaunch : RuntimePattern<gpu::LaunchFuncOp> {
  using RuntimePattern::RuntimePattern;

  LogicalResult
  matchAndRewrite(gpu::LaunchFuncOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const final {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto module = op->getParentOfType<ModuleOp>();
    auto maps = op->getAttrOfType<ArrayAttr>(launchMapsAttr);
    SmallVector<Value> arguments;
    if (maps)
      arguments = getAddresses(b, op, adaptor.getKernelOperands());
    else
      arguments = getTypeConverter()->promoteOperands(
          op.getLoc(), op.getKernelOperands(), adaptor.getKernelOperands(),
          rewriter);
    int64_t numMaps = maps ? maps.size() : 0;
    Value addresses = storeArguments(b, op, arguments, numMaps);
    for (int64_t i = 0; i < numMaps; ++i) {
      auto entry = cast<DenseI64ArrayAttr>(maps[i]);
      FailureOr<Value> map =
          makeTensorMap(b, op, entry.asArrayRef(), adaptor.getKernelOperands());
      if (failed(map))
        return failure();
      storeAt(b, *map, addresses, arguments.size() + i);
    }
    LLVM::GlobalOp record = getRecord(module, op);
    gpu::KernelDim3 grid = op.getGridSizeOperandValues();
    gpu::KernelDim3 block = op.getBlockSizeOperandValues();
    SmallVector<Value> operands{LLVM::AddressOfOp::create(b, record)};
    for (Value size : {grid.x, grid.y, grid.z, block.x, block.y, block.z})
      operands.push_back(rewriter.getRemappedValue(size));
    Value shared = adaptor.getDynamicSharedMemorySize();
    operands.push_back(
        shared ? LLVM::ZExtOp::create(b, b.getI64Type(), shared).getResult()
               : constant(b, 0));
    operands.push_back(addresses);
    if (failed(call(b, op, "moe_rt_device_launch", operands)))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }

  /// Buffers as the addresses of their first elements.
  SmallVector<Value> getAddresses(ImplicitLocOpBuilder &b, gpu::LaunchFuncOp op,
                                  ValueRange converted) const {
    SmallVector<Value> addresses;
    for (auto [original, value] :
         llvm::zip_equal(op.getKernelOperands(), converted)) {
      auto type = dyn_cast<MemRefType>(original.getType());
      addresses.push_back(type ? firstElement(b, type, value) : value);
    }
    return addresses;
  }

  /// In the entry block, so that a loop around a launch does not let the stack
  /// grow.
  static ImplicitLocOpBuilder atEntry(gpu::LaunchFuncOp op) {
    auto function = op->getParentOfType<FunctionOpInterface>();
    return ImplicitLocOpBuilder::atBlockBegin(
        op.getLoc(), &function.getFunctionBody().front());
  }

  void storeAt(ImplicitLocOpBuilder &b, Value value, Value array,
               int64_t index) const {
    Value slot = LLVM::GEPOp::create(
        b, getPtrType(), value.getType(), array,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    LLVM::StoreOp::create(b, value, slot);
  }

  /// A map of the buffer that `entry` names, described by the runtime.
  FailureOr<Value> makeTensorMap(ImplicitLocOpBuilder &b, gpu::LaunchFuncOp op,
                                 ArrayRef<int64_t> entry,
                                 ValueRange converted) const {
    auto type = cast<MemRefType>(op.getKernelOperands()[entry[0]].getType());
    MemRefDescriptor buffer(converted[entry[0]]);
    int64_t rank = type.getRank();
    int64_t elementBytes = type.getElementTypeBitWidth() / 8;
    ImplicitLocOpBuilder top = atEntry(op);
    auto space = [&](Type element, int64_t count, unsigned alignment) -> Value {
      return LLVM::AllocaOp::create(top, getPtrType(), element,
                                    constant(top, count), alignment);
    };
    Value map = space(b.getI8Type(), MoETensorMapBytes, 64);
    Value sizes = space(b.getI64Type(), rank, 8);
    Value strides = space(b.getI64Type(), rank, 8);
    Value box = space(b.getI64Type(), rank, 8);
    for (int64_t i = 0; i < rank; ++i) {
      int64_t dim = rank - 1 - i;
      storeAt(b, buffer.size(b, b.getLoc(), dim), sizes, i);
      storeAt(b, constant(b, entry[i + 1]), box, i);
      if (i > 0)
        storeAt(b,
                LLVM::MulOp::create(b, buffer.stride(b, b.getLoc(), dim),
                                    constant(b, elementBytes)),
                strides, i - 1);
    }
    FailureOr<Value> done =
        call(b, op, "moe_rt_device_tensor_map",
             {map, firstElement(b, type, buffer), constant(b, elementBytes),
              constant(b, rank), sizes, strides, box});
    if (failed(done))
      return failure();
    return map;
  }

  /// The addresses of the values of `arguments`, as an array with room for
  /// `more`.
  Value storeArguments(ImplicitLocOpBuilder &b, gpu::LaunchFuncOp op,
                       ValueRange arguments, int64_t more) const {
    ImplicitLocOpBuilder top = atEntry(op);
    Type pointer = getPtrType();
    Value one = constant(top, 1);
    auto structType = LLVM::LLVMStructType::getLiteral(
        b.getContext(), llvm::to_vector(arguments.getTypes()));
    Value values = LLVM::AllocaOp::create(top, pointer, structType, one);
    Value addresses = LLVM::AllocaOp::create(
        top, pointer,
        LLVM::LLVMArrayType::get(pointer, arguments.size() + more), one);
    for (auto [index, argument] : llvm::enumerate(arguments)) {
      auto number = static_cast<int32_t>(index);
      Value place = LLVM::GEPOp::create(b, pointer, structType, values,
                                        ArrayRef<LLVM::GEPArg>{0, number});
      LLVM::StoreOp::create(b, argument, place);
      storeAt(b, place, addresses, index);
    }
    return addresses;
  }

  static LLVM::GlobalOp getRecord(ModuleOp module, gpu::LaunchFuncOp op) {
    std::string name =
        getKernelRecordName(op.getKernelModuleName(), op.getKernelName());
    if (auto known = module.lookupSymbol<LLVM::GlobalOp>(name))
      return known;
    auto b = ImplicitLocOpBuilder::atBlockBegin(op.getLoc(), module.getBody());
    return LLVM::GlobalOp::create(b, getKernelRecordType(b.getContext()),
                                  /*isConstant=*/false, LLVM::Linkage::External,
                                  name, Attribute());
  }
};

struct ConvertGPUToRuntimePass
    : moe::impl::ConvertGPUToRuntimePassBase<ConvertGPUToRuntimePass> {
  using Base::Base;

  void runOnOperation() final {
    LowerToLLVMOptions options(&getContext());
    options.useGenericFunctions = true;
    LLVMTypeConverter converter(&getContext(), options);
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertAlloc, ConvertMemcpy, ConvertGetGlobal, ConvertLaunch>(
        converter, /*benefit=*/2);
    SymbolTableCollection symbols;
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns,
                                                   &symbols);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<func::FuncOp, gpu::GPUModuleOp>();
    target.addIllegalDialect<gpu::GPUDialect>();
    target.markOpRecursivelyLegal<gpu::GPUModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
