//===- Masks.h - Which values are zero by choice ----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A *mask* is a tensor some of whose elements are exactly zero because the
// program chose so: a comparison, a select against zero, numbers scattered into
// zeros, and what is computed from them in such a way that a zero stays one. A
// number that only happens to be zero (a rounded one, a sign) is none. Where a
// mask is zero is known while running; that it is a mask says that looking is
// worth while.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_MASKS_H
#define MOE_ANALYSIS_MASKS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::moe {

class MaskAnalysis {
public:
  /// Whether some elements of `tensor` are zero by choice.
  bool isMask(Value tensor);
  /// Whether `tensor` looks like a mask to a reader, but is not known to be
  /// zero anywhere: it is chosen among other numbers, or rounded.
  bool isNearMask(Value tensor);

private:
  /// Constants that some elements of a tensor are. They are `chosen` if other
  /// elements are not, by a decision of the program.
  struct Choice {
    llvm::SmallVector<TypedAttr, 4> constants;
    bool chosen = false;

    bool hasZero() const;
    void add(TypedAttr constant);
  };

  Choice of(Value tensor);
  Choice compute(Value tensor);
  Choice ofScalar(Operation *scalar, llvm::ArrayRef<Choice> choices);
  Choice ofBody(Operation *op);
  Choice ofElementwise(const struct Elementwise &op);
  Choice ofReduction(Operation *op);

  llvm::DenseMap<Value, Choice> known;
};

} // namespace mlir::moe

#endif // MOE_ANALYSIS_MASKS_H
