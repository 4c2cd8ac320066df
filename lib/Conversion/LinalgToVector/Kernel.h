//===- Kernel.h - Building the code of a contraction ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ContractionKernel.cpp (loops and tiles) and Packing.cpp (panels of the
// right-hand side) share.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOVECTOR_KERNEL_H
#define MOE_LIB_CONVERSION_LINALGTOVECTOR_KERNEL_H

#include "ContractionKernel.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

using LoopBody = llvm::function_ref<Value(Value index, Value carried)>;

/// The code of one contraction: blocks of depth, panels and tiles.
class Kernel {
public:
  Kernel(OpBuilder &builder, Location loc, const Contraction &contraction,
         const CPUTarget &target);
  Value create();

private:
  // Index arithmetic, folded where the values are known.
  Value constant(int64_t value);
  Value add(Value lhs, Value rhs);
  Value subtract(Value lhs, Value rhs);
  Value minimum(Value lhs, Value rhs);
  /// `value` less what is left over when it is divided by `divisor`.
  Value roundDown(Value value, int64_t divisor);
  Value loop(Value from, Value to, Value step, Value init, LoopBody body);
  Value loop(Value from, Value to, int64_t step, Value init, LoopBody body) {
    return loop(from, to, constant(step), init, body);
  }
  /// Whether a loop is known not to run.
  static bool isEmpty(Value from, Value to);
  bool isMultiple(unsigned loop, int64_t divisor) const;

  /// Position in `operand` with the given row, column and depth, each of them
  /// null where the operand does not have it.
  SmallVector<Value> position(const ContractionOperand &operand, Value row,
                              Value column, Value depth) const;
  Value readVector(Value tensor, ValueRange position, bool inBounds,
                   int64_t lanes);
  Value readVector(Value tensor, ValueRange position, bool inBounds) {
    return readVector(tensor, position, inBounds, sizes.lanes);
  }
  Value writeVector(Value vector, Value tensor, ValueRange position,
                    bool inBounds);
  Value widen(Value value);

  Value panels(Value result);
  Value packedPanels(Value result);
  Value inPlace(Value result);
  Value blockDepth();
  Value blocks(
      Value size, Value result,
      llvm::function_ref<Value(Value from, Value count, Value carried)> body);
  Value pack(Value panel, Value column, Value from, Value count);
  Value packRows(Value panel, Value column, Value from, Value count);
  Value packTransposed(Value panel, Value column, Value from, Value count);
  SmallVector<Value> readSquare(ArrayRef<Value> columns, Value depth,
                                int64_t steps);
  Value packElements(Value panel, Value column, Value from, Value begin,
                     Value count);
  Value tiles(Value result, Value panel, Value column, Value from, Value count);
  Value tile(int64_t height, Value result, Value panel, Value row, Value column,
             Value from, Value count);
  SmallVector<Value> start(Value result, ArrayRef<SmallVector<Value>> positions,
                           Value from);
  void step(MutableArrayRef<Value> accumulators, Value panel, Value row,
            Value column, Value from, Value k);

  ImplicitLocOpBuilder b;
  const Contraction &op;
  ContractionTile sizes;
  bool hasFMA;
  Type accumulator;
  VectorType vector;
  Value zero;
  SmallVector<Value> extents;
  /// The current iteration of the outer loops.
  SmallVector<Value> outer;
  bool wholePanels;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOVECTOR_KERNEL_H
