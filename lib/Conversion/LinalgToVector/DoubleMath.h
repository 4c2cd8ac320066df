//===- DoubleMath.h - Functions of f64 in arithmetic ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For a machine without a library of functions.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOVECTOR_DOUBLEMATH_H
#define MOE_LIB_CONVERSION_LINALGTOVECTOR_DOUBLEMATH_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::moe {

/// Adds patterns that compute functions of f64, scalars or vectors, by fused
/// multiply-adds, divisions and square roots. Results are within a few units in
/// the last place; angles are reduced exactly up to about 10^15.
void populateDoubleMathPatterns(RewritePatternSet &patterns);
/// The one of them that upstream's lowering of functions to LLVM makes inexact.
void populateDoubleExpM1Pattern(RewritePatternSet &patterns);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOVECTOR_DOUBLEMATH_H
