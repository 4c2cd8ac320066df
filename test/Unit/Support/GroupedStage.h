//===- GroupedStage.h - A grouped contraction on random data ----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of experts at random, among them none at all, fewer and more than a tile
// has, and what the contraction means, in f64. What a kernel must not read is
// NaN: weights and biases of experts without rows, tokens that no row has.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_SUPPORT_GROUPEDSTAGE_H
#define MOE_TEST_UNIT_SUPPORT_GROUPEDSTAGE_H

#include "moe/Conversion/MoEToGPU/GroupedContraction.h"
#include "moe/Runtime/Device.h"

#include <functional>
#include <random>

namespace mlir::moe {

/// Epilogues of tests, in f32 and in f64.
enum class TestEpilogue {
  /// The sum of all accumulators.
  Sum,
  /// Of two accumulators.
  SwiGLU,
  /// The accumulator times an operand by row.
  RowWeight,
  /// (sum + by column) * by row + by element + by gathered element.
  EveryOperand,
};
/// Sets the operands and the epilogue of `spec`, whose types are set.
void setEpilogue(GroupedContraction &spec, TestEpilogue epilogue);

/// The values of a tensor as they are after rounding to its type.
struct StageTensor {
  Type type;
  std::vector<double> values;

  std::vector<uint8_t> bytes() const;
  void assignBytes(const std::vector<uint8_t> &bytes);
};

class GroupedStage {
public:
  /// `tileRows` is the most rows of a line of the table.
  GroupedStage(const GroupedContraction &spec, TestEpilogue epilogue,
               int64_t tileRows, unsigned seed);

  /// Lines of four for each tile.
  std::vector<int32_t> table;
  std::vector<int64_t> ids;
  StageTensor lhs;
  std::vector<StageTensor> rhs, operands;
  int64_t tokens, assignments;

  int64_t tiles() const { return table.size() / 4; }
  /// What `spec` means: [assignments, columns].
  std::vector<double> expected() const;

private:
  double operandAt(size_t operand, int64_t expert, int64_t position,
                   int64_t column) const;

  const GroupedContraction &spec;
  TestEpilogue epilogue;
  std::vector<int64_t> experts;
};

/// The result of a kernel on `device`, rounded to the type of the result.
/// Arguments and the grid are those of `kernel`; of a grid by tiles there are
/// a few more than the table has. A problem of the device is a failure of the
/// test.
using LaunchFunction = std::function<std::string(const rt::Launch &)>;
StageTensor runStage(const GroupedContraction &spec, const GroupedStage &stage,
                     const ContractionKernel &kernel, rt::Device &device,
                     LaunchFunction launch);

} // namespace mlir::moe

#endif // MOE_TEST_UNIT_SUPPORT_GROUPEDSTAGE_H
