//===- FamilyKernels.h - A family as kernels over tiles -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches the stages of a family over a table of the tiles of the experts that
// have rows. The table is made on the device, and the host waits for nothing.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_FAMILYKERNELS_H
#define MOE_LIB_CONVERSION_MOETOGPU_FAMILYKERNELS_H

#include "Parallel.h"
#include "moe/Conversion/MoEToGPU/GroupedContraction.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

class FamilyKernels {
public:
  FamilyKernels(DispatchOp op, ParallelRouting routing, ValueRange tokens,
                const GPUTarget &target);

  /// Whether the body is made of contractions at all.
  bool hasStages() const { return !stages.empty(); }

  /// Null, or why some stage has no kernel on the target.
  std::string build();

  /// Launches the kernels. The packed results, each with as many rows as the
  /// routing has places for assignments.
  SmallVector<Value> launch(ImplicitLocOpBuilder &b);

private:
  /// A way to compute all stages: for few rows of an expert, or for many.
  using Kernels = SmallVector<ContractionKernel>;

  /// Null, or why the contractions of the body are none of kernels.
  std::string check() const;
  bool isToken(Value value) const;
  EpilogueIndex indexOf(ContractOp stage, unsigned other) const;
  GroupedContraction describe(size_t stage, StringRef purpose,
                              int64_t expectedRows = 0) const;
  std::optional<ContractionKernel>
  buildFirst(ArrayRef<ContractionVariant> variants,
             const GroupedContraction &spec, std::string &why);

  void launchAll(ImplicitLocOpBuilder &b, const Kernels &kernels,
                 ValueRange outs);
  void launchStage(ImplicitLocOpBuilder &b, const ContractionKernel &kernel,
                   ContractOp stage, ValueRange table, Value out);
  void countTiles(ImplicitLocOpBuilder &b, int64_t tileRows);
  /// The tiles of at most `tileRows` rows, and how many there can be.
  SmallVector<Value> makeTable(ImplicitLocOpBuilder &b, int64_t tileRows);
  /// The tokens or packed rows that a value of the body stands for.
  Value rowsOf(ImplicitLocOpBuilder &b, Value value);
  /// The parameters of all experts.
  Value stackOf(ImplicitLocOpBuilder &b, Value weight) const;
  Value bufferOf(ImplicitLocOpBuilder &b, Value value) const;

  mutable DispatchOp op;
  ParallelRouting routing;
  SmallVector<Value> tokens;
  const GPUTarget &target;
  mutable SmallVector<ContractOp> stages;
  Kernels many, few;
  /// The buffers of what stages have computed, by the value of the body.
  DenseMap<Value, Value> buffers;
};

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_FAMILYKERNELS_H
