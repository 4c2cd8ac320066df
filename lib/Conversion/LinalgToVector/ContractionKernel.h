//===- ContractionKernel.h - Loops and vectors of a contraction -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A contraction as a kernel needs it (which loop dimension is the row, the
// column and the depth, and how each operand is indexed), and the code made
// from it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTIONKERNEL_H
#define MOE_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTIONKERNEL_H

#include "moe/Target/CPUTarget.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace mlir::moe {

/// A tensor and, for each of its dimensions, the loop that runs over it.
struct ContractionOperand {
  Value tensor;
  SmallVector<unsigned> loops;
};

/// result[.., n] += lhs[.., m, .., k] * rhs[.., n, .., k], where `result`
/// holds the element type of the accumulation.
struct Contraction {
  ContractionOperand lhs, rhs, result;
  /// What every element of the result starts from, instead of what it holds.
  Value initial;
  /// Extents of all loops; those that are none of the three below are run
  /// one by one around the kernel, in the order given by `outer`.
  SmallVector<OpFoldResult> extents;
  SmallVector<unsigned> outer;
  /// Loop of the rows of the left-hand side; none for a single row.
  std::optional<unsigned> rows;
  unsigned columns;
  unsigned depth;
};

/// Creates the loops and vector operations that compute `contraction`, and
/// returns the new value of its result. For every element the products are
/// added in ascending order of the depth, however many rows there are.
Value createContractionKernel(OpBuilder &builder, Location loc,
                              const Contraction &contraction,
                              const CPUTarget &target);

/// Given `lanes` vectors of `lanes` elements, returns the vectors of the
/// transposed square. 128-bit blocks are transposed by unpacking, then moved
/// whole: every step is one instruction on x86.
SmallVector<Value> createTranspose(OpBuilder &builder, Location loc,
                                   ArrayRef<Value> rows);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOVECTOR_CONTRACTIONKERNEL_H
