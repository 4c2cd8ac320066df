//===- Compare.cpp - Comparing a result with what is expected -------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Tensor/Compare.h"

#include "moe/Tensor/Literal.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace mlir::moe;

/// Sets `difference` and returns whether the floats agree.
static bool agree(double got, double expected, double rtol, double atol,
                  double &difference) {
  if (std::isnan(got) && std::isnan(expected))
    return true;
  if (got == expected)
    return true;
  difference = std::fabs(got - expected);
  if (!std::isfinite(got) || !std::isfinite(expected)) {
    difference = INFINITY;
    return false;
  }
  return difference <= atol + rtol * std::fabs(expected);
}

/// The index of each dimension, as "[3, 17]".
static std::string printIndex(ArrayRef<int64_t> shape, int64_t linear) {
  std::string text;
  for (int64_t d = shape.size(); d-- > 0; linear /= shape[d])
    text =
        std::to_string(linear % shape[d]) + (text.empty() ? "" : ", ") + text;
  return "[" + text + "]";
}

static std::string describe(const Comparison &result, const HostTensor &got,
                            const HostTensor &expected, double rtol,
                            double atol) {
  std::string text;
  llvm::raw_string_ostream os(text);
  int64_t count = got.numElements(), worst = result.worstIndex;
  os << result.differing << " of " << count << " elements differ ("
     << llvm::format("%.3g", 100.0 * result.differing / count) << "%), most at "
     << printIndex(got.shape(), worst) << ": " << printElement(got, worst)
     << ", expected " << printElement(expected, worst) << " (difference "
     << llvm::format("%.3g", result.worstDifference);
  if (isFloat(got.elementType()))
    os << ", allowed "
       << llvm::format("%.3g",
                       atol + rtol * std::fabs(expected.readDouble(worst)));
  os << ")";
  return text;
}

Comparison mlir::moe::compareTensors(const HostTensor &got,
                                     const HostTensor &expected, double rtol,
                                     double atol) {
  Comparison result;
  if (got.elementType() != expected.elementType() ||
      got.shape() != expected.shape()) {
    result.equal = false;
    result.message =
        "type " + got.typeString() + ", expected " + expected.typeString();
    return result;
  }
  bool isInteger = !isFloat(got.elementType());
  for (int64_t i = 0; i < got.numElements(); ++i) {
    double difference = 0;
    if (isInteger) {
      if (got.readBits(i) == expected.readBits(i))
        continue;
      difference = std::fabs(got.readDouble(i) - expected.readDouble(i));
    } else if (agree(got.readDouble(i), expected.readDouble(i), rtol, atol,
                     difference)) {
      continue;
    }
    ++result.differing;
    if (result.worstIndex < 0 || difference > result.worstDifference) {
      result.worstIndex = i;
      result.worstDifference = difference;
    }
  }
  result.equal = result.differing == 0;
  if (!result.equal)
    result.message = describe(result, got, expected, rtol, atol);
  return result;
}
