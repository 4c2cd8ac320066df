//===- Numbers.h - Short floats ---------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between float and bf16, f16 and tf32, to nearest even.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_NUMBERS_H
#define MOE_LIB_EMULATOR_NUMBERS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace mlir::moe::emu {

inline uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float floatOfBF16(uint16_t bits) {
  return floatOfBits(uint32_t(bits) << 16);
}

/// NaN becomes 0x7fff, as in PTX.
inline uint16_t bf16OfFloat(float value) {
  if (std::isnan(value))
    return 0x7fff;
  uint32_t bits = bitsOfFloat(value);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float floatOfHalf(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 31)
    return floatOfBits(sign | 0x7f800000 | fraction << 13);
  if (exponent)
    return floatOfBits(sign | (exponent + 112) << 23 | fraction << 13);
  const float value = std::ldexp(float(fraction), -24);
  return sign ? -value : value;
}

/// NaN becomes 0x7fff, as in PTX.
inline uint16_t halfOfFloat(float value) {
  if (std::isnan(value))
    return 0x7fff;
  const uint16_t sign = bitsOfFloat(value) >> 16 & 0x8000;
  const float magnitude = std::fabs(value);
  // 65520 is where rounding leaves the range.
  if (magnitude >= 65520.0f)
    return sign | 0x7c00;
  // Subnormal halfs are multiples of 2^-24; nearbyint rounds to even.
  if (magnitude < 0x1p-14f)
    return sign | uint16_t(std::nearbyint(std::ldexp(magnitude, 24)));
  uint32_t bits = bitsOfFloat(magnitude);
  bits += 0xfff + (bits >> 13 & 1);
  return sign | uint16_t((bits >> 13) - (112u << 10));
}

/// An element of a matrix: 0 bf16, 1 f16.
inline float floatOfShort(uint16_t bits, int32_t type) {
  return type ? floatOfHalf(bits) : floatOfBF16(bits);
}

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_NUMBERS_H
