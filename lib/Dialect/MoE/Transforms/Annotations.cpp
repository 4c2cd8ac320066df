//===- Annotations.cpp - What passes say about a dispatch -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Annotations.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Dialect/MoE/Transforms/Annotations.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "moe/Dialect/MoE/IR/Locations.h"

using namespace mlir;
using namespace mlir::moe;

int64_t mlir::moe::getDispatchNumber(DispatchOp op) {
  auto number = op->getAttrOfType<IntegerAttr>(dispatchNumberAttr);
  return number ? number.getInt() : 0;
}

SmallVector<bool> mlir::moe::getRowWiseExperts(DispatchOp op) {
  size_t experts = op.getNumExperts();
  auto proved = op->getAttrOfType<DenseBoolArrayAttr>(rowWiseAttr);
  SmallVector<bool> flags(proved ? proved.asArrayRef() : ArrayRef<bool>());
  if (op.isFamily() && flags.size() == 1)
    return SmallVector<bool>(experts, flags.front());
  flags.resize(experts, false);
  return flags;
}

bool mlir::moe::isRowWise(DispatchOp op, Region &region) {
  SmallVector<bool> flags = getRowWiseExperts(op);
  if (op.isFamily())
    return llvm::all_of(flags, [](bool flag) { return flag; });
  return flags[region.getRegionNumber()];
}

static Location mark(Location location, Attribute metadata) {
  return FusedLoc::get({location}, metadata, location.getContext());
}

/// What `mark` has put there, or null.
static Attribute getMark(Location location) {
  while (auto call = dyn_cast<CallSiteLoc>(location))
    location = call.getCallee();
  auto fused = dyn_cast<FusedLoc>(location);
  return fused ? fused.getMetadata() : Attribute();
}

Location mlir::moe::markConditional(Location location) {
  return mark(location, UnitAttr::get(location.getContext()));
}

bool mlir::moe::isMarkedConditional(Location location) {
  return isa_and_nonnull<UnitAttr>(getMark(location));
}

Location mlir::moe::markSide(Location location, bool isElse) {
  return mark(location, BoolAttr::get(location.getContext(), isElse));
}

std::optional<bool> mlir::moe::isMarkedElse(Location location) {
  auto side = dyn_cast_or_null<BoolAttr>(getMark(location));
  return side ? std::optional(side.getValue()) : std::nullopt;
}

/// The induction variable around `op` that numbers the layers it stands for, or
/// else weights; or null.
static Value findLayer(DispatchOp op) {
  size_t layers = getLayers(op.getLoc()).size();
  for (auto loop = op->getParentOfType<scf::ForOp>(); loop;
       loop = loop->getParentOfType<scf::ForOp>()) {
    Value iv = loop.getInductionVar();
    if (layers > 1) {
      // Layers that are alike are not part of another loop.
      if (!loop->getParentOfType<scf::ForOp>())
        return iv;
      continue;
    }
    for (Operation *user : iv.getUsers())
      if (isa<ParameterOp, PickOp>(user))
        return iv;
  }
  return Value();
}

Counting::Counting(DispatchOp op)
    : counted(op->hasAttr(countedAttr)), number(getDispatchNumber(op)),
      experts(op.getNumExperts()), instance(counted ? findLayer(op) : Value()) {
}

namespace {
struct Counter {
  StringLiteral name;
  unsigned arguments;
};
} // namespace

static constexpr Counter counters[] = {
    {"moe_rt_dispatch", 5},    {"moe_rt_dispatch_end", 2},
    {"moe_rt_evaluate", 3},    {"moe_rt_evaluate_end", 3},
    {"moe_rt_count_flops", 3}, {"moe_rt_count_tiles", 4},
    {"moe_rt_touch_weight", 4}};

void Counting::declare(ModuleOp module) {
  auto b =
      ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
  for (const Counter &counter : counters) {
    if (module.lookupSymbol(counter.name))
      continue;
    SmallVector<Type> inputs(counter.arguments, b.getI64Type());
    auto function =
        func::FuncOp::create(b, counter.name, b.getFunctionType(inputs, {}));
    function.setPrivate();
  }
}

void Counting::call(ImplicitLocOpBuilder &b, StringRef name,
                    ValueRange operands) const {
  SmallVector<Value> arguments{
      arith::ConstantIndexOp::create(b, number),
      instance ? instance : arith::ConstantIndexOp::create(b, 0).getResult()};
  llvm::append_range(arguments, operands);
  for (Value &argument : arguments)
    argument = arith::IndexCastOp::create(b, b.getI64Type(), argument);
  func::CallOp::create(b, name, TypeRange(), arguments);
}

/// Bytes of one element in memory; an index is 64 bits wide.
static int64_t elementBytes(Type element) {
  return element.isIndex()
             ? 8
             : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

/// Address of the first element of `tensor`, whose buffer is only read.
static Value addressOf(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto layout = StridedLayoutAttr::get(
      b.getContext(), ShapedType::kDynamic,
      SmallVector<int64_t>(type.getRank(), ShapedType::kDynamic));
  auto buffer = bufferization::ToBufferOp::create(
      b, MemRefType::get(type.getShape(), type.getElementType(), layout),
      tensor, /*read_only=*/true);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value offset =
      memref::ExtractStridedMetadataOp::create(b, buffer).getOffset();
  int64_t bytes = elementBytes(type.getElementType());
  Value size = arith::ConstantIndexOp::create(b, bytes);
  return arith::AddIOp::create(b, base, arith::MulIOp::create(b, offset, size));
}

void Counting::run(ImplicitLocOpBuilder &b, Value routing) const {
  if (!counted)
    return;
  Value tokens = NumTokensOp::create(b, routing);
  Value count = arith::ConstantIndexOp::create(b, experts);
  Value perExpert = CountsOp::create(b, routing);
  call(b, "moe_rt_dispatch", {tokens, count, addressOf(b, perExpert)});
}

void Counting::evaluate(ImplicitLocOpBuilder &b, Value expert) const {
  if (counted)
    call(b, "moe_rt_evaluate", expert);
}

void Counting::endRun(ImplicitLocOpBuilder &b) const {
  if (counted)
    call(b, "moe_rt_dispatch_end", {});
}

void Counting::endEvaluate(ImplicitLocOpBuilder &b, Value expert) const {
  if (counted)
    call(b, "moe_rt_evaluate_end", expert);
}

void Counting::flops(ImplicitLocOpBuilder &b, Value flops) const {
  if (counted)
    call(b, "moe_rt_count_flops", flops);
}

void Counting::tiles(ImplicitLocOpBuilder &b, Value expert, Value tiles) const {
  if (counted)
    call(b, "moe_rt_count_tiles", {expert, tiles});
}

void Counting::touch(ImplicitLocOpBuilder &b, Value tensor) const {
  if (!counted)
    return;
  auto type = cast<RankedTensorType>(tensor.getType());
  Value bytes =
      arith::ConstantIndexOp::create(b, elementBytes(type.getElementType()));
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    bytes = arith::MulIOp::create(
        b, bytes,
        tensor::DimOp::create(b, tensor,
                              arith::ConstantIndexOp::create(b, dim)));
  call(b, "moe_rt_touch_weight", {addressOf(b, tensor), bytes});
}
