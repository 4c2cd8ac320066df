//===- ParametersToMemRef.cpp - Weights as symbols -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights are read where the checkpoint is mapped. A public memref.global
// without a value is a symbol that the loader defines; a private one would be
// undefined memory. to_tensor is never `writable`, so that nothing is written
// in place.
//
//===----------------------------------------------------------------------===//

#include "moe/Conversion/ParametersToMemRef/ParametersToMemRef.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/MLProgram/IR/MLProgramAttributes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/DeviceSymbols.h"
#include "moe/Conversion/Passes.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::moe {
#define GEN_PASS_DEF_CONVERTPARAMETERSTOMEMREFPASS
#include "moe/Conversion/Passes.h.inc"
} // namespace mlir::moe

using namespace mlir;
using namespace mlir::moe;

static constexpr StringLiteral arenaName = "moe.arena";
static constexpr StringLiteral alignName = "moe_rt_align";
// Larger than any mapping: the loader defines the symbol, and an offset must
// not seem to lie outside of it.
static constexpr int64_t arenaBytes = int64_t(1) << 46;

/// A public memref.global without a value; the one there is if there is one.
static memref::GlobalOp declare(ImplicitLocOpBuilder &b, ModuleOp module,
                                StringRef name, MemRefType type) {
  if (auto known = module.lookupSymbol<memref::GlobalOp>(name))
    return known;
  return memref::GlobalOp::create(
      b, name, /*sym_visibility=*/StringAttr(), type,
      /*initial_value=*/Attribute(), /*constant=*/false,
      /*alignment=*/IntegerAttr());
}

static MemRefType bufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

static Value toTensor(ImplicitLocOpBuilder &b, Type type, Value buffer) {
  return bufferization::ToTensorOp::create(b, type, buffer, /*restrict=*/true);
}

/// Copies the tensor at `buffer` to aligned memory if that was not done yet.
static void align(ImplicitLocOpBuilder &b, Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value argument = arith::IndexCastOp::create(b, b.getI64Type(), address);
  func::CallOp::create(b, alignName, TypeRange(), argument);
}

Value mlir::moe::makeStackView(ImplicitLocOpBuilder &b, ModuleOp module,
                               ParameterOp parameter, ValueRange numbers) {
  auto family = SymbolTable::lookupNearestSymbolFrom<ParametersOp>(
      parameter, parameter.getParametersAttr());
  auto member = cast<RankedTensorType>(family.getType());
  SmallVector<int64_t> shape = llvm::to_vector(family.getCounts());
  llvm::append_range(shape, member.getShape());
  auto type = MemRefType::get(shape, member.getElementType());
  std::string name = (stackPrefix + family.getSymName()).str();
  auto top =
      ImplicitLocOpBuilder::atBlockBegin(family.getLoc(), module.getBody());
  auto global = declare(top, module, name, type);
  global->setAttr(parameterPatternAttr, family.getPatternAttr());
  global->setAttr(parameterTypeAttr, TypeAttr::get(bufferType(member)));
  Value stack = memref::GetGlobalOp::create(b, type, name);
  if (numbers.empty())
    return stack;
  SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), shape);
  SmallVector<OpFoldResult> strides(shape.size(), b.getIndexAttr(1));
  for (auto [dim, number] : llvm::enumerate(numbers)) {
    offsets[dim] = number;
    sizes[dim] = b.getIndexAttr(1);
  }
  MemRefType view = memref::SubViewOp::inferRankReducedResultType(
      ArrayRef<int64_t>(shape).drop_front(numbers.size()), type, offsets, sizes,
      strides);
  return memref::SubViewOp::create(b, view, stack, offsets, sizes, strides);
}

namespace {
struct ConvertParametersToMemRefPass
    : moe::impl::ConvertParametersToMemRefPassBase<
          ConvertParametersToMemRefPass> {
  using Base::Base;

  void runOnOperation() final {
    ModuleOp module = getOperation();
    for (const std::string &name : misaligned)
      toAlign.insert(name);
    if (!toAlign.empty())
      declareAlign(module);
    module.walk([&](ml_program::GlobalLoadConstOp load) { convert(load); });
    module.walk([&](ParameterOp parameter) {
      if (stacked)
        convertToStack(parameter);
      else
        convert(parameter);
    });
    for (auto global :
         llvm::make_early_inc_range(module.getOps<ml_program::GlobalOp>()))
      if (!global.getIsMutable())
        global.erase();
    for (auto parameters :
         llvm::make_early_inc_range(module.getOps<ParametersOp>()))
      parameters.erase();
  }

private:
  void declareAlign(ModuleOp module) {
    auto b =
        ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
    func::FuncOp::create(b, alignName, b.getFunctionType(b.getI64Type(), {}))
        .setPrivate();
  }

  void convert(ml_program::GlobalLoadConstOp load) {
    ModuleOp module = getOperation();
    ImplicitLocOpBuilder b(load.getLoc(), load);
    auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
        load, load.getGlobalAttr());
    Attribute value = global.getValueAttr();
    if (!isa_and_nonnull<ml_program::ExternAttr>(value)) {
      // A constant that the model itself holds.
      auto constant = arith::ConstantOp::create(b, cast<TypedAttr>(value));
      load.replaceAllUsesWith(constant.getResult());
      return load.erase();
    }
    std::string name = (weightPrefix + global.getSymName()).str();
    MemRefType type = bufferType(load.getType());
    auto top =
        ImplicitLocOpBuilder::atBlockBegin(global.getLoc(), module.getBody());
    declare(top, module, name, type);
    Value buffer = memref::GetGlobalOp::create(b, type, name);
    if (toAlign.contains(global.getSymName()))
      align(b, buffer);
    load.replaceAllUsesWith(toTensor(b, load.getType(), buffer));
    load.erase();
  }

  void convert(ParameterOp parameter) {
    ModuleOp module = getOperation();
    ImplicitLocOpBuilder b(parameter.getLoc(), parameter);
    auto family = SymbolTable::lookupNearestSymbolFrom<ParametersOp>(
        parameter, parameter.getParametersAttr());
    std::string name = (offsetsPrefix + family.getSymName()).str();
    auto tableType = MemRefType::get(family.getCounts(), b.getIndexType());
    auto arenaType = MemRefType::get({arenaBytes}, b.getI8Type());
    auto top =
        ImplicitLocOpBuilder::atBlockBegin(family.getLoc(), module.getBody());
    auto offsets = declare(top, module, name, tableType);
    offsets->setAttr(parameterPatternAttr, family.getPatternAttr());
    offsets->setAttr(parameterTypeAttr,
                     TypeAttr::get(bufferType(family.getType())));
    declare(top, module, arenaName, arenaType);
    Value table = memref::GetGlobalOp::create(b, tableType, name);
    Value offset = memref::LoadOp::create(b, table, parameter.getNumbers());
    Value arena = memref::GetGlobalOp::create(b, arenaType, arenaName);
    Value buffer =
        memref::ViewOp::create(b, bufferType(parameter.getType()), arena,
                               offset, /*sizes=*/ValueRange());
    if (anyMisaligned(family))
      align(b, buffer);
    parameter.replaceAllUsesWith(toTensor(b, parameter.getType(), buffer));
    parameter.erase();
  }

  /// The tensor is a slice of all tensors of the family.
  void convertToStack(ParameterOp parameter) {
    ImplicitLocOpBuilder b(parameter.getLoc(), parameter);
    Value buffer =
        makeStackView(b, getOperation(), parameter, parameter.getNumbers());
    parameter.replaceAllUsesWith(toTensor(b, parameter.getType(), buffer));
    parameter.erase();
  }

  bool anyMisaligned(ParametersOp family) {
    if (toAlign.empty())
      return false;
    ArrayRef<int64_t> counts = family.getCounts();
    SmallVector<int64_t> numbers(counts.size(), 0);
    while (true) {
      if (toAlign.contains(family.getParameterName(numbers)))
        return true;
      size_t dim = counts.size();
      while (dim > 0 && ++numbers[dim - 1] == counts[dim - 1])
        numbers[--dim] = 0;
      if (dim == 0)
        return false;
    }
  }

  llvm::StringSet<> toAlign;
};
} // namespace
