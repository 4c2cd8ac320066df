//===- Conversions.h - Conversions of short floats --------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conversions that LLVM calls where the CPU has no instruction for them;
// not every libgcc has them. A short float travels in the low half of a vector
// register: spelled here as a float with those low bits, which every compiler
// can say. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_CONVERSIONS_H
#define MOE_LIB_RUNTIME_CONVERSIONS_H

namespace mlir::moe::rt {

float truncateFloatToBF16(float value);
float truncateDoubleToBF16(double value);
float truncateFloatToHalf(float value);
float truncateDoubleToHalf(double value);
float extendHalfToFloat(float half);
double extendHalfToDouble(float half);

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_CONVERSIONS_H
