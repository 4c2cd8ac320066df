//===- Conversions.cpp - Conversions of short floats ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All round to nearest even. From double, a first rounding to odd keeps the
// second one exact.
//
//===----------------------------------------------------------------------===//

#include "Conversions.h"

#include <cmath>
#include <cstdint>
#include <cstring>

using namespace mlir::moe;

static uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// The float next to `value` with an odd last bit, unless `value` is a float.
static float roundToOdd(double value) {
  float nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value)
    return nearest;
  // Truncate towards zero, then set the last bit.
  uint32_t bits = bitsOf(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value))
    --bits;
  return floatOf(bits | 1);
}

/// `bits` without the lowest `count`, rounded to nearest even.
static uint32_t shiftRounded(uint32_t bits, unsigned count) {
  uint32_t half = (uint32_t(1) << (count - 1)) - 1;
  return (bits + half + ((bits >> count) & 1)) >> count;
}

float rt::truncateFloatToBF16(float value) {
  uint32_t bits = bitsOf(value);
  if (std::isnan(value))
    return floatOf((bits >> 16) | 0x40); // Quiet, or it might become infinite.
  return floatOf(shiftRounded(bits, 16));
}

float rt::truncateDoubleToBF16(double value) {
  return truncateFloatToBF16(roundToOdd(value));
}

float rt::truncateFloatToHalf(float value) {
  constexpr uint32_t infinity = 0x7c00;
  uint32_t bits = bitsOf(value);
  uint32_t sign = (bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  int exponent = static_cast<int>(magnitude >> 23) - 127;
  if (std::isnan(value))
    return floatOf(sign | infinity | 0x200 | ((magnitude >> 13) & 0x3ff));
  if (exponent > 15)
    return floatOf(sign | infinity);
  if (exponent >= -14) // A carry out of the mantissa is the right next half.
    return floatOf(sign | shiftRounded(magnitude - (uint32_t(112) << 23), 13));
  if (exponent < -25)
    return floatOf(sign);
  uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
  return floatOf(sign | shiftRounded(mantissa, -1 - exponent));
}

float rt::truncateDoubleToHalf(double value) {
  return truncateFloatToHalf(roundToOdd(value));
}

float rt::extendHalfToFloat(float half) {
  uint32_t bits = bitsOf(half) & 0xffff;
  uint32_t sign = (bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1f;
  uint32_t mantissa = bits & 0x3ff;
  if (exponent == 31) {
    uint32_t quiet = mantissa ? 0x400000 : 0;
    return floatOf(sign | 0x7f800000 | quiet | (mantissa << 13));
  }
  if (exponent != 0)
    return floatOf(sign | ((exponent + 112) << 23) | (mantissa << 13));
  float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return floatOf(sign | bitsOf(magnitude));
}

double rt::extendHalfToDouble(float half) { return extendHalfToFloat(half); }
