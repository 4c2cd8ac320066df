//===- MatrixOps.cpp - Matrix instructions --------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync, ldmatrix, stmatrix, wgmma. Accumulators go through memory of the
// thread.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::moe;

/// As moe_emu_mma and moe_emu_wgmma number the types of multiplicands.
enum MatrixType : int64_t { BF16 = 0, F16 = 1, TF32 = 2 };

static LogicalResult replaceByLoad(Operation *op, Value memory,
                                   CallBuilder &b) {
  Type type = op->getResult(0).getType();
  op->getResult(0).replaceAllUsesWith(LLVM::LoadOp::create(b, type, memory));
  op->erase();
  return success();
}

static bool isStructOfFloats(Type type, size_t count) {
  auto structure = dyn_cast<LLVM::LLVMStructType>(type);
  return structure && structure.getBody().size() == count &&
         llvm::all_of(structure.getBody(), llvm::IsaPred<Float32Type>);
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

static std::optional<MatrixType> typeOf(NVVM::MmaOp op) {
  auto a = op.getMultiplicandAPtxType(), b = op.getMultiplicandBPtxType();
  if (a != b || !a)
    return std::nullopt;
  int64_t depth = op.getShape().getK();
  switch (*a) {
  case NVVM::MMATypes::bf16:
    return depth == 16 ? std::optional(BF16) : std::nullopt;
  case NVVM::MMATypes::f16:
    return depth == 16 ? std::optional(F16) : std::nullopt;
  case NVVM::MMATypes::tf32:
    return depth == 8 ? std::optional(TF32) : std::nullopt;
  default:
    return std::nullopt;
  }
}

static LogicalResult convertMultiply(NVVM::MmaOp op, CallBuilder &b) {
  std::optional<MatrixType> type = typeOf(op);
  NVVM::MMAShapeAttr shape = op.getShape();
  if (!type || shape.getM() != 16 || shape.getN() != 8 ||
      op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col ||
      !isStructOfFloats(op.getType(), 4) || op.getOperandC().size() != 4)
    return notEmulated(op, "but for m16n8k16 of bf16 and f16 and m16n8k8 of "
                           "tf32, in f32");
  Value memory = b.local(op.getType());
  Value sums = LLVM::UndefOp::create(b, op.getType());
  for (auto [i, value] : llvm::enumerate(op.getOperandC()))
    sums = LLVM::InsertValueOp::create(b, sums, value, i);
  LLVM::StoreOp::create(b, sums, memory);
  SmallVector<Value> operands = {memory, b.i32(*type)};
  for (ValueRange range :
       {ValueRange(op.getOperandA()), ValueRange(op.getOperandB())})
    for (Value value : range)
      operands.push_back(
          value.getType().isInteger(32)
              ? value
              : LLVM::BitcastOp::create(b, b.getI32Type(), value).getResult());
  b.call("moe_emu_mma", operands);
  return replaceByLoad(op, memory, b);
}

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix
//===----------------------------------------------------------------------===//

template <typename Op> static bool isOfShorts(Op op) {
  return op.getShape().getM() == 8 && op.getShape().getN() == 8 &&
         op.getEltType() == NVVM::LdStMatrixEltType::B16;
}

static LogicalResult convertLoad(NVVM::LdMatrixOp op, CallBuilder &b) {
  if (!isOfShorts(op))
    return notEmulated(op, "but for 8x8 elements of 16 bits");
  Value memory = b.local(op.getType());
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  b.call("moe_emu_ldmatrix",
         {memory, op.getPtr(), b.i32(op.getNum()), b.i32(transposed)});
  return replaceByLoad(op, memory, b);
}

static LogicalResult convertStore(NVVM::StMatrixOp op, CallBuilder &b) {
  if (!isOfShorts(op))
    return notEmulated(op, "but for 8x8 elements of 16 bits");
  constexpr size_t maximumMatrices = 4;
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  SmallVector<Value> operands = {op.getPtr(), b.i32(op.getSources().size()),
                                 b.i32(transposed)};
  llvm::append_range(operands, op.getSources());
  Value zero = b.i32(0);
  operands.append(maximumMatrices - op.getSources().size(), zero);
  b.call("moe_emu_stmatrix", operands);
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

static LogicalResult convertWarpgroup(NVVM::WgmmaMmaAsyncOp op,
                                      CallBuilder &b) {
  NVVM::MMAShapeAttr shape = op.getShape();
  bool isBF16 = op.getTypeA() == NVVM::WGMMATypes::bf16;
  if ((!isBF16 && op.getTypeA() != NVVM::WGMMATypes::f16) ||
      op.getTypeB() != op.getTypeA() ||
      op.getTypeD() != NVVM::WGMMATypes::f32 || shape.getM() != 64 ||
      shape.getK() != 16 || op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col ||
      !isStructOfFloats(op.getType(), shape.getN() / 2))
    return notEmulated(op, "but for m64nNk16 of bf16 and f16 in f32, row by "
                           "column");
  Value memory = b.local(op.getType());
  bool accumulate = op.getScaleD() == NVVM::WGMMAScaleOut::one;
  if (accumulate)
    LLVM::StoreOp::create(b, op.getInouts(), memory);
  b.call("moe_emu_wgmma",
         {memory, op.getDescriptorA(), op.getDescriptorB(), b.i32(shape.getN()),
          b.i32(isBF16 ? BF16 : F16), b.i32(accumulate),
          b.i32(int64_t(op.getScaleA())), b.i32(int64_t(op.getScaleB()))});
  return replaceByLoad(op, memory, b);
}

std::optional<LogicalResult> mlir::moe::convertMatrixOp(Operation *op,
                                                        CallBuilder &b) {
  using Result = std::optional<LogicalResult>;
  auto replaceByCall = [&](StringRef name, ValueRange operands) -> Result {
    b.call(name, operands);
    op->erase();
    return success();
  };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](NVVM::MmaOp op) { return convertMultiply(op, b); })
      .Case([&](NVVM::LdMatrixOp op) { return convertLoad(op, b); })
      .Case([&](NVVM::StMatrixOp op) { return convertStore(op, b); })
      .Case([&](NVVM::WgmmaMmaAsyncOp op) { return convertWarpgroup(op, b); })
      .Case([&](NVVM::WgmmaFenceAlignedOp) {
        return replaceByCall("moe_emu_wgmma_fence", {});
      })
      .Case([&](NVVM::WgmmaGroupSyncAlignedOp) {
        return replaceByCall("moe_emu_wgmma_commit_group", {});
      })
      .Case([&](NVVM::WgmmaWaitGroupSyncOp op) {
        return replaceByCall("moe_emu_wgmma_wait_group", b.i64(op.getGroup()));
      })
      .Default([](Operation *) { return std::nullopt; });
}
