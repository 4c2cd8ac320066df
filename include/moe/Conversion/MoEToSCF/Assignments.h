//===- Assignments.h - What a moe.route describes ------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the assignments from the tensors of a moe.route, a mask or expert
// numbers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOSCF_ASSIGNMENTS_H
#define MOE_CONVERSION_MOETOSCF_ASSIGNMENTS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// The assignments that a moe.route describes, one by one.
class Assignments {
public:
  Assignments(RouteOp op, Value choice, Value weights);

  int64_t numExperts() const { return experts; }
  int64_t numColumns() const { return columns; }
  bool isMask() const { return mask; }
  Value numTokens(ImplicitLocOpBuilder &b) const;
  /// Fails while running unless there are weights for each token.
  void checkWeights(ImplicitLocOpBuilder &b) const;
  /// A bound of the assignments of a token, and whether it is to be checked.
  int64_t mostPerToken() const { return most; }
  bool isBounded() const { return most < columns; }
  /// Fails while running if `count` (index), of one token, is more.
  void checkMost(ImplicitLocOpBuilder &b, Value count) const;

  /// The expert at (token, column), and whether there is one.
  std::pair<Value, Value> expertAt(ImplicitLocOpBuilder &b, Value token,
                                   Value column) const;
  /// Weight of the assignment at (token, column), in f32.
  Value weightAt(ImplicitLocOpBuilder &b, Value token, Value column) const;

  /// Calls `update` with the expert of every assignment of every token, in
  /// order; what it returns is carried.
  SmallVector<Value>
  visit(ImplicitLocOpBuilder &b, ValueRange inits,
        function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value token,
                                        Value column, Value expert,
                                        ValueRange carried)>
            update) const;

private:
  Value choice, weights;
  bool mask;
  int64_t experts, columns, most;
};

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOSCF_ASSIGNMENTS_H
