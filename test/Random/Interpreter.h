//===- Interpreter.h - What a module computes, word for word ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs models of a few hundred numbers in less time than it takes to compile
// one: each operation does what its documentation says, element by element, in
// the order of its loops. Two modules that say the same give the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_RANDOM_INTERPRETER_H
#define MOE_TEST_RANDOM_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include <memory>
#include <string>
#include <vector>

namespace mlir::moe {

/// Of floating-point types the value; of others the bits, with the sign, where
/// an i1 is 0 or 1.
union Number {
  double f;
  int64_t i;
};
inline Number real(double value) {
  Number number;
  number.f = value;
  return number;
}
inline Number whole(int64_t value) {
  Number number;
  number.i = value;
  return number;
}

struct HostArray {
  SmallVector<int64_t> shape;
  std::vector<Number> elements;
};
using Array = std::shared_ptr<HostArray>;

/// As docs/Dialect.md defines it.
struct HostRouting {
  int64_t tokens = 0, experts = 0;
  std::vector<int64_t> expert, token;
  std::vector<double> weight;

  /// The assignments of an expert, a range.
  std::pair<size_t, size_t> of(int64_t number) const;
};

/// Rounds what was computed in f64, or wraps an integer, to a type.
Number roundTo(Type type, Number number);

class Interpreter {
public:
  /// The results of a function; nothing after a failure.
  std::vector<Array> run(func::FuncOp function, ArrayRef<Array> inputs);

  /// The first thing that went wrong.
  std::string error;
  /// Of each time that a dispatch ran, the rows of each expert.
  std::vector<std::vector<int64_t>> rows;

private:
  // Control.
  void run(Block &block);
  void run(Operation *op);
  bool runControl(Operation *op);
  void fail(Operation *op, const llvm::Twine &why);
  /// Gives values to others, all at once.
  void copy(ValueRange from, ValueRange to);

  // Scalars.
  bool runScalar(Operation *op);
  bool runMath(Operation *op);
  Number number(Value value) const { return numbers.lookup(value); }
  int64_t size(OpFoldResult size);

  // Tensors.
  bool runTensor(Operation *op);
  bool runReshape(Operation *op);
  bool runSlice(Operation *op);
  void runStructured(linalg::LinalgOp op);
  void runConstant(Operation *op, ElementsAttr value);
  Array array(Value value) const { return arrays.lookup(value); }
  SmallVector<int64_t> sizes(RankedTensorType type, ValueRange dynamic);
  /// Of numbers that nothing has written.
  Array makeEmpty(Type element, ArrayRef<int64_t> shape);
  void define(Value value, Array array);

  // Experts.
  bool runExperts(Operation *op);
  void runWhere(WhereOp op);
  void runRoute(RouteOp op);
  void runRouteAll(RouteAllOp op);
  void runDispatch(DispatchOp op);
  void runCombine(CombineOp op);
  bool runReader(Operation *op);

  llvm::DenseMap<Value, Number> numbers;
  llvm::DenseMap<Value, Array> arrays;
  llvm::DenseMap<Value, std::shared_ptr<HostRouting>> routings;
  /// Of the loops of the structured operation that runs.
  SmallVector<int64_t> loops;
};

/// Visits all positions of a shape, in row-major order.
void forEachPosition(ArrayRef<int64_t> shape,
                     llvm::function_ref<void(ArrayRef<int64_t>)> visit);
/// Where an element lies; -1 outside.
int64_t offsetOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> position);

} // namespace mlir::moe

#endif // MOE_TEST_RANDOM_INTERPRETER_H
