//===- FamilyStages.h - A family's body in stages -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cuts the body of a family into stages that are kernels of their own: one or
// two contractions of the rows with weights of the expert, and whatever is done
// with each element of their results until rows must be whole again.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_FAMILYSTAGES_H
#define MOE_LIB_CONVERSION_MOETOGPU_FAMILYSTAGES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "moe/Conversion/MoEToGPU/GroupedContraction.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::moe {

/// One kernel. Values are those of the body.
struct FamilyStage {
  /// What it computes, [rows, columns].
  Value result;
  int64_t columns = 0, depth = 0;
  /// What the contractions have in common; null if there is none.
  Value lhs;
  SmallVector<linalg::LinalgOp> contractions;
  /// Weights of the expert, [columns, depth] each.
  SmallVector<Value> rhs;
  /// What else an element depends on.
  SmallVector<std::pair<Value, EpilogueOperand>> operands;
};

class FamilyStages {
public:
  explicit FamilyStages(DispatchOp op);

  /// Null, or why the body has no stages.
  std::string analyze();
  ArrayRef<FamilyStage> stages() const { return plan; }

  /// The element of the result of `stage`, from those of its contractions and
  /// operands, in the order they have there.
  Value emitElement(ImplicitLocOpBuilder &b, const FamilyStage &stage,
                    ValueRange accumulators, ValueRange operands) const;

  /// The parameters of which `weight`, a value of the body, is the tensor of
  /// the expert; null if it is none.
  ParameterOp parameterOf(Value weight) const;

private:
  std::string planStages();
  /// Adds what an element of `value` depends on to `stage`.
  std::string collect(Value value, FamilyStage &stage);
  std::string collectContraction(linalg::LinalgOp op, FamilyStage &stage);
  std::string collectElementwise(linalg::LinalgOp op, FamilyStage &stage);
  std::string addOperand(Value value, EpilogueIndex index, FamilyStage &stage);
  std::string findContraction(linalg::LinalgOp op, Value &lhs, Value &rhs);

  Value emit(ImplicitLocOpBuilder &b, Value value, const FamilyStage &stage,
             ValueRange accumulators, ValueRange operands) const;
  bool isToken(Value value) const;

  mutable DispatchOp op;
  Block *body;
  SmallVector<FamilyStage> plan;
  /// Values that are kept in memory, in the order in which they are computed.
  SetVector<Value> kept;
  /// A value that must be kept as well, found on the way.
  Value toKeep;
  /// The stage's result that each contraction is a part of.
  DenseMap<Operation *, Value> owners;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_FAMILYSTAGES_H
