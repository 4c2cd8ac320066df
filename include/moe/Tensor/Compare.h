//===- Compare.h - Comparing a result with what is expected -----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_COMPARE_H
#define MOE_TENSOR_COMPARE_H

#include "moe/Tensor/HostTensor.h"

namespace mlir::moe {

struct Comparison {
  bool equal = true;
  /// Elements that differ, of those compared.
  int64_t differing = 0;
  /// Linear index of the element that differs most, -1 if none does.
  int64_t worstIndex = -1;
  /// Its absolute difference; infinite where one of the two is NaN or infinite.
  double worstDifference = 0;
  /// One line; empty if equal.
  std::string message;
};

/// Floats agree if |got - expected| <= atol + rtol * |expected|, if both are
/// NaN, or if they are the same infinity; integers and booleans if they are
/// equal. Another type or shape is a difference.
Comparison compareTensors(const HostTensor &got, const HostTensor &expected,
                          double rtol, double atol);

} // namespace mlir::moe

#endif // MOE_TENSOR_COMPARE_H
