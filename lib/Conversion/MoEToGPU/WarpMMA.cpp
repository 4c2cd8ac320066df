//===- WarpMMA.cpp - Products of a warp from shared memory ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WarpMMA.h"

using namespace mlir;
using namespace mlir::moe;

Value SwizzledRows::offset(KernelBuilder &k, Value row, Value chunk) const {
  // Two rows of four chunks go once around the banks, one of eight does.
  Value turn = k.remainder(k.divide(row, 8 / chunksPerRow), chunksPerRow);
  return k.add(k.multiply(row, rowBytes()),
               k.multiply(k.exclusiveOr(chunk, turn), chunkBytes));
}

// ldmatrix takes the addresses of the rows of its four matrices from lanes 0 to
// 7, 8 to 15 and so on.

Value WarpMMA::lhsOffset(int64_t step) {
  return layout.offset(k, k.remainder(lane, 16),
                       k.add(k.divide(lane, 16), 2 * step));
}

Value WarpMMA::rhsOffset(int64_t step) {
  Value row =
      k.add(k.remainder(lane, 8), k.multiply(k.divide(lane, 16), columns));
  return layout.offset(k, row,
                       k.add(k.remainder(k.divide(lane, 8), 2), 2 * step));
}

Value WarpMMA::narrowRhsOffset(int64_t step) {
  return layout.offset(k, k.remainder(lane, 8),
                       k.add(k.divide(lane, 8), 4 * step));
}

SmallVector<Value, 4> WarpMMA::load(Value offset) {
  auto type = LLVM::LLVMStructType::getLiteral(
      k.b.getContext(), SmallVector<Type>(4, k.b.getI32Type()));
  Value matrices = NVVM::LdMatrixOp::create(
      k.b, type, k.shared(offset), 4, NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(k.b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value, 4> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(k.b, matrices, i));
  return registers;
}

SmallVector<Value, 4> WarpMMA::multiply(ArrayRef<Value> lhs,
                                        ArrayRef<Value> rhs,
                                        ArrayRef<Value> accumulators) {
  bool half = k.spec.elementType.isF16();
  // The operation wants pairs of f16 as vectors, and of bf16 as i32.
  auto operand = [&](ArrayRef<Value> registers) {
    SmallVector<Value> pairs(registers);
    if (half)
      for (Value &pair : pairs)
        pair = LLVM::BitcastOp::create(
            k.b, VectorType::get(2, k.b.getF16Type()), pair);
    return pairs;
  };
  NVVM::MMATypes type = half ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  auto resultType = LLVM::LLVMStructType::getLiteral(
      k.b.getContext(),
      SmallVector<Type>(WarpMMA::accumulators, k.b.getF32Type()));
  Value product = NVVM::MmaOp::create(
      k.b, resultType, operand(lhs), operand(rhs), accumulators,
      ArrayRef<int64_t>{rows, columns, depth}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{type, type},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value, 4> results;
  for (int64_t i = 0; i < WarpMMA::accumulators; ++i)
    results.push_back(LLVM::ExtractValueOp::create(k.b, product, i));
  return results;
}

bool mlir::moe::canBuildFromChunks(const GroupedContraction &spec,
                                   const GPUTarget &target, std::string &why) {
  constexpr int64_t chunkBytes = SwizzledRows::chunkBytes;
  if (!target.hasMMA)
    why = "chip '" + target.chip + "' is to do without tensor cores";
  else if (!isa_and_nonnull<BFloat16Type, Float16Type>(spec.elementType))
    why = "mma.sync multiplies bf16 and f16 here";
  else if (!isa<Float32Type, BFloat16Type, Float16Type>(spec.resultType))
    why = "results of mma.sync are stored as f32, bf16 or f16";
  else if (spec.depth * 2 % chunkBytes != 0)
    why = "rows of " + std::to_string(spec.depth * 2) +
          " bytes are not aligned to " + std::to_string(chunkBytes) +
          ", which cp.async needs";
  else
    return true;
  return false;
}
