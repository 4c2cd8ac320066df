//===- Benchmark.h - Measured times -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Times of a compilation and of runs, in the format of Google Benchmark, so
// that its tools read them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_BENCHMARK_H
#define MOE_EXECUTION_BENCHMARK_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir::moe {

/// Seconds by the clock, and of all threads of the process.
struct Sample {
  double real = 0;
  double cpu = 0;
};

/// Calls `work` and measures it.
llvm::Expected<Sample> measure(llvm::function_ref<llvm::Error()> work);

class Benchmark {
public:
  /// `name` leads the names of the measurements: NAME/compile, NAME/first,
  /// NAME/steady, and for a run that a device repeats without the host
  /// NAME/graph, with the time to start it and to wait for it, and NAME/queued,
  /// one of many that are started in a row.
  explicit Benchmark(StringRef name) : name(name) {}

  void setCompile(Sample sample) { families[0].samples = {sample}; }
  void setFirst(Sample sample) { families[1].samples = {sample}; }
  void addSteady(Sample sample) { families[2].samples.push_back(sample); }
  void addGraph(Sample sample) { families[3].samples.push_back(sample); }
  void addQueued(Sample sample) { families[4].samples.push_back(sample); }

  void printJSON(raw_ostream &os) const;
  void printConsole(raw_ostream &os) const;

private:
  struct Family {
    StringRef suffix;
    std::vector<Sample> samples;
  };
  struct Row;
  std::vector<Row> rows() const;

  std::string name;
  Family families[5] = {{"/compile", {}},
                        {"/first", {}},
                        {"/steady", {}},
                        {"/graph", {}},
                        {"/queued", {}}};
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_BENCHMARK_H
