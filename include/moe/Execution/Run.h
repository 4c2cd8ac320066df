//===- Run.h - What moe-run does --------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole way of a model: found, checked, compiled, run, compared, measured.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_RUN_H
#define MOE_EXECUTION_RUN_H

#include "mlir/IR/DialectRegistry.h"
#include "moe/Pipelines/Pipelines.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlir::moe {

struct RunOptions {
  std::string model;
  std::string function = "main";
  bool describe = false;

  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> expectedOutputs;
  double rtol = 1e-5;
  double atol = 1e-5;

  std::vector<std::string> parameters;
  bool allowUnusedParameters = false;

  /// As parseDevice takes it.
  std::string device = "cpu";
  /// The best that kernels of a GPU may use: "wgmma", "mma" or "simt".
  std::string kernels = "wgmma";
  /// "active" or "all".
  std::string experts = "active";
  /// Whether nothing that a mask multiplies by zero is infinite or NaN.
  bool assumeFinite = false;

  enum class Format { None, Text, JSON };
  Format stats = Format::None;
  std::string statsOut;

  /// How often the function is called with these inputs; states stay from call
  /// to call, and results are those of the last.
  int64_t calls = 1;

  Format benchmark = Format::None;
  std::string benchmarkOut;
  int64_t warmup = 1;
  int64_t repetitions = 10;

  /// Print a table of times; write a trace to the file, unless it is empty.
  bool profile = false;
  std::string traceOut;

  std::optional<Phase> compileTo;
  std::optional<Phase> compileFrom;
  std::string output; // of compileTo
  std::string dumpPhasesDir;
  std::string dumpObjectsDir;

  /// How hard LLVM works on the code of a CPU, 0 to 3.
  unsigned optLevel = 3;
  /// Of a parallel loop; 0 is what OpenMP says.
  int threads = 0;
  /// Bytes that a run may hold at a time; 0 is the default, eight tenths of
  /// the machine's memory.
  int64_t maxMemory = 0;
  /// Seconds; 0 is no limit.
  double timeout = 0;
  bool trustModel = false;

  /// Is shown inputs and results: before the first run, when there are no
  /// results, and after each.
  std::function<void(ArrayRef<HostTensor> inputs, ArrayRef<HostTensor> results)>
      observe;

  /// What a lowering needs beyond the dialects of a model.
  const DialectRegistry *registry = nullptr;

  /// Whether compiled code counts what it does.
  bool counts() const {
    return stats != Format::None || profile || !traceOut.empty();
  }
};

/// Does what the options say. An error carries its exit code; a comparison that
/// failed is one too.
llvm::Error run(const RunOptions &options);

} // namespace mlir::moe

#endif // MOE_EXECUTION_RUN_H
