//===- KernelBuilder.cpp - What kernels of all variants need --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
enum AddressSpace : unsigned { Global = 1, Shared = 3 };

/// Bytes of a tensor map, MoETensorMapBytes of the runtime.
constexpr int64_t tensorMapBytes = 128;
constexpr int64_t tensorMapAlignment = 64;
/// What swizzles of 128 bytes repeat after.
constexpr int64_t sharedAlignment = 1024;
} // namespace

KernelBuilder::KernelBuilder(OpBuilder &builder, Location loc,
                             const GroupedContraction &spec,
                             const GPUTarget &target, const KernelShape &shape)
    : spec(spec), target(target), b(loc, builder) {
  MLIRContext *context = b.getContext();
  auto targetAttr =
      NVVM::NVVMTargetAttr::get(context, /*optLevel=*/3, "nvptx64-nvidia-cuda",
                                target.chip, target.features());
  module = gpu::GPUModuleOp::create(b, spec.name + "_module",
                                    ArrayRef<Attribute>{targetAttr});
  b.setInsertionPointToStart(module.getBody());
  auto memory = LLVM::GlobalOp::create(
      b, LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
      LLVM::Linkage::External, "dynamic_shared_memory", Attribute(),
      sharedAlignment, AddressSpace::Shared);

  SmallVector<Type> types;
  int64_t pointers = 5 + spec.numContractions + spec.operands.size();
  int64_t maps = shape.mapsLhs + (shape.mapsRhs ? spec.numContractions : 0);
  types.append(pointers, pointerType(AddressSpace::Global));
  types.append(maps, LLVM::LLVMPointerType::get(context));
  auto function = LLVM::LLVMFuncOp::create(
      b, spec.name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types));
  function->setAttr("gpu.kernel", b.getUnitAttr());
  function->setAttr("nvvm.kernel", b.getUnitAttr());
  function->setAttr(
      "nvvm.reqntid",
      b.getDenseI32ArrayAttr({static_cast<int32_t>(shape.threads), 1, 1}));
  function->setAttr("nvvm.minctasm",
                    b.getI32IntegerAttr(static_cast<int32_t>(shape.minBlocks)));
  for (int64_t i = 0; i < pointers; ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                        b.getUnitAttr());
  for (int64_t i = pointers; i < pointers + maps; ++i) {
    function.setArgAttr(
        i, LLVM::LLVMDialect::getByValAttrName(),
        TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), tensorMapBytes)));
    function.setArgAttr(i, "nvvm.grid_constant", b.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(tensorMapAlignment));
  }

  b.setInsertionPointToStart(function.addEntryBlock(b));
  sharedMemory = LLVM::AddressOfOp::create(b, memory);
  auto argument = function.getArguments().begin();
  lhs = *argument++;
  for (int64_t i = 0; i < spec.numContractions; ++i)
    rhs.push_back(*argument++);
  ids = *argument++;
  table = *argument++;
  count = *argument++;
  for (size_t i = 0; i < spec.operands.size(); ++i)
    operands.push_back(*argument++);
  out = *argument++;
  if (shape.mapsLhs)
    lhsMap = *argument++;
  if (shape.mapsRhs)
    for (int64_t i = 0; i < spec.numContractions; ++i)
      rhsMaps.push_back(*argument++);
}

gpu::GPUModuleOp KernelBuilder::finish() {
  LLVM::ReturnOp::create(b, ValueRange());
  return module;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static Value constantLike(ImplicitLocOpBuilder &b, Value like, int64_t value) {
  return arith::ConstantIntOp::create(b, like.getType(), value);
}

Value KernelBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(b, b.getI32Type(), value);
}
Value KernelBuilder::i64(int64_t value) {
  return arith::ConstantIntOp::create(b, b.getI64Type(), value);
}
Value KernelBuilder::add(Value lhs, Value rhs) {
  return b.createOrFold<arith::AddIOp>(lhs, rhs);
}
Value KernelBuilder::add(Value lhs, int64_t rhs) {
  return add(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::subtract(Value lhs, Value rhs) {
  return b.createOrFold<arith::SubIOp>(lhs, rhs);
}
Value KernelBuilder::subtract(Value lhs, int64_t rhs) {
  return subtract(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::multiply(Value lhs, Value rhs) {
  return b.createOrFold<arith::MulIOp>(lhs, rhs);
}
Value KernelBuilder::multiply(Value lhs, int64_t rhs) {
  return multiply(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::divide(Value lhs, Value rhs) {
  return b.createOrFold<arith::DivUIOp>(lhs, rhs);
}
Value KernelBuilder::divide(Value lhs, int64_t rhs) {
  return divide(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::remainder(Value lhs, Value rhs) {
  return b.createOrFold<arith::RemUIOp>(lhs, rhs);
}
Value KernelBuilder::remainder(Value lhs, int64_t rhs) {
  return remainder(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::exclusiveOr(Value lhs, Value rhs) {
  return b.createOrFold<arith::XOrIOp>(lhs, rhs);
}
Value KernelBuilder::minimum(Value lhs, Value rhs) {
  return b.createOrFold<arith::MinUIOp>(lhs, rhs);
}
Value KernelBuilder::minimum(Value lhs, int64_t rhs) {
  return minimum(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::less(Value lhs, Value rhs) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, lhs, rhs);
}
Value KernelBuilder::less(Value lhs, int64_t rhs) {
  return less(lhs, constantLike(b, lhs, rhs));
}
Value KernelBuilder::equal(Value lhs, int64_t rhs) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, lhs,
                                       constantLike(b, lhs, rhs));
}
Value KernelBuilder::both(Value lhs, Value rhs) {
  return b.createOrFold<arith::AndIOp>(lhs, rhs);
}
Value KernelBuilder::select(Value condition, Value yes, Value no) {
  return b.createOrFold<arith::SelectOp>(condition, yes, no);
}
Value KernelBuilder::extend(Value value) {
  return b.createOrFold<arith::ExtUIOp>(b.getI64Type(), value);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Type KernelBuilder::pointerType(unsigned addressSpace) {
  return LLVM::LLVMPointerType::get(b.getContext(), addressSpace);
}

Value KernelBuilder::shared(Value offset) {
  return LLVM::GEPOp::create(b, pointerType(AddressSpace::Shared),
                             b.getI8Type(), sharedMemory, offset);
}
Value KernelBuilder::shared(int64_t offset) { return shared(i32(offset)); }

Value KernelBuilder::element(Value base, Type elementType, Value index) {
  return LLVM::GEPOp::create(b, base.getType(), elementType, base, index);
}

Value KernelBuilder::byte(Value base, Value offset) {
  return element(base, b.getI8Type(), offset);
}

Value KernelBuilder::loadConstant(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, pointer, alignment,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::ifThen(Value condition, Body body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  body();
}

void KernelBuilder::ifThenElse(Value condition, Body then, Body otherwise) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  then();
  b.setInsertionPoint(branch.elseYield());
  otherwise();
}

SmallVector<Value> KernelBuilder::ifThenElse(Value condition,
                                             ArrayRef<Type> types,
                                             ValuesBody then,
                                             ValuesBody otherwise) {
  auto branch = scf::IfOp::create(b, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [region, body] : {std::pair(&branch.getThenRegion(), then),
                              std::pair(&branch.getElseRegion(), otherwise)}) {
    b.setInsertionPointToStart(&region->front());
    scf::YieldOp::create(b, body());
  }
  return branch.getResults();
}

SmallVector<Value>
KernelBuilder::ifThenElse(Value condition,
                          llvm::function_ref<SmallVector<Value>()> then,
                          ValueRange otherwise) {
  auto branch = scf::IfOp::create(b, TypeRange(otherwise), condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, otherwise);
  return branch.getResults();
}

SmallVector<Value> KernelBuilder::loop(Value from, Value to, Value step,
                                       ValueRange init, LoopBody body) {
  auto loop = scf::ForOp::create(b, from, to, step, init);
  OpBuilder::InsertionGuard guard(b);
  if (init.empty())
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, carried);
  return loop.getResults();
}

Value KernelBuilder::thread() {
  return NVVM::ThreadIdXOp::create(b, b.getI32Type());
}
Value KernelBuilder::block() {
  return NVVM::BlockIdXOp::create(b, b.getI32Type());
}
Value KernelBuilder::blockY() {
  return NVVM::BlockIdYOp::create(b, b.getI32Type());
}
Value KernelBuilder::blocks() {
  return NVVM::GridDimXOp::create(b, b.getI32Type());
}

Value KernelBuilder::uniform(Value value) {
  return NVVM::ShflOp::create(b, value.getType(), i32(-1), value, i32(0),
                              i32(31), NVVM::ShflKind::idx, UnitAttr());
}

void KernelBuilder::syncWarp() { NVVM::SyncWarpOp::create(b, i32(-1)); }

void KernelBuilder::syncBlock() { NVVM::BarrierOp::create(b); }

//===----------------------------------------------------------------------===//
// The contraction
//===----------------------------------------------------------------------===//

Tile KernelBuilder::tile(Value index) {
  auto lineType = VectorType::get(4, b.getI32Type());
  Value line =
      loadConstant(lineType, element(table, lineType, extend(index)), 16);
  auto field = [&](int64_t i) -> Value {
    return LLVM::ExtractElementOp::create(b, line, i32(i));
  };
  Tile tile;
  tile.expert = field(0);
  tile.first = field(1);
  tile.rows = field(2);
  return tile;
}

Value KernelBuilder::row(const Tile &tile, Value r) {
  Value last = subtract(tile.rows, 1);
  Value position = extend(add(tile.first, minimum(r, last)));
  if (!spec.gather)
    return position;
  return loadConstant(b.getI64Type(), element(ids, b.getI64Type(), position));
}
