//===- Statistics.h - What a run did ----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What was counted while compiled code ran, next to what the dense form would
// have done, as JSON and as text.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_STATISTICS_H
#define MOE_EXECUTION_STATISTICS_H

#include "mlir/IR/BuiltinOps.h"
#include "moe/Execution/Session.h"

namespace mlir::moe {

/// Where a dispatch or a conditional comes from.
struct DispatchPlace {
  /// "FILE:line:col", or nothing.
  std::string location;
  /// The layer of the user's model, or nothing.
  std::string layer;
};

/// One dispatch on one static call path, summed over its runs.
struct DispatchStatistics {
  DispatchPlace place;
  int64_t experts = 0;
  /// Work of the dense form; none where it depends on data.
  std::optional<int64_t> denseFlops;
  int64_t totalWeightBytes = 0;
  /// On a device: kernels that the dispatch launched; those of each expert if
  /// experts differ.
  std::optional<int64_t> kernelsLaunched;
  std::vector<int64_t> kernelsPerExpert;
  rt::DispatchCounters counters;
};

/// One conditional of the model on one static call path: its sides, and how
/// often each ran.
struct ConditionalStatistics {
  DispatchPlace place;
  std::vector<std::pair<std::string, int64_t>> sides;
};

struct Statistics {
  /// In the order of the program.
  std::vector<DispatchStatistics> dispatches;
  std::vector<ConditionalStatistics> conditionals;
  /// Bodies of unlike experts: those that became machine code, and all.
  int64_t functionsCompiled = 0;
  int64_t functionsTotal = 0;
  /// Bytes that were copied from buffer to buffer.
  int64_t copiedBytes = 0;
  /// Misaligned tensors that had to be copied.
  int64_t alignedCopies = 0;
  /// Tensors at hand that the model does not use.
  int64_t unusedParameters = 0;

  void printJSON(raw_ostream &os) const;
  /// A bar for each expert.
  void printText(raw_ostream &os) const;
};

/// What must be asked of a lowered module before it is gone.
class StatisticsTable {
public:
  explicit StatisticsTable(ModuleOp module);
  /// Joined with what a session counted.
  Statistics collect(const Session &session) const;
  /// The place of each dispatch in the model, by its number.
  /// Of each dispatch, by the number of the layer that it ran for, if it stands
  /// for several.
  std::vector<std::vector<DispatchPlace>> locations() const;

private:
  struct Dispatch {
    /// By the number of the layer; one, where the dispatch stands for itself.
    std::vector<DispatchPlace> places;
    int64_t experts;
    std::optional<int64_t> denseFixed;
    std::optional<int64_t> densePerToken;
    int64_t weightBytes;
  };
  DispatchStatistics join(const Dispatch &dispatch,
                          rt::DispatchCounters counters) const;
  std::vector<ConditionalStatistics>
  collectConditionals(const rt::Context &context) const;

  std::vector<Dispatch> dispatches;
  std::vector<ConditionalStatistics> conditionals;
  int64_t functionsTotal = 0;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_STATISTICS_H
