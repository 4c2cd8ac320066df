//===- Benchmark.cpp - Measured times -------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of a report and its two formats.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Benchmark.h"
#include "moe/Execution/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <cmath>
#include <ctime>
#include <thread>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

static double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

llvm::Expected<Sample> moe::measure(llvm::function_ref<llvm::Error()> work) {
  double cpu = cpuSeconds();
  auto start = std::chrono::steady_clock::now();
  if (llvm::Error error = work())
    return error;
  std::chrono::duration<double> real = std::chrono::steady_clock::now() - start;
  return Sample{real.count(), cpuSeconds() - cpu};
}

/// One measurement, or a statistic of the measurements of a family.
struct Benchmark::Row {
  std::string runName;
  std::string aggregate; // empty for a measurement
  int64_t family;
  int64_t repetitions;
  int64_t index;
  Sample sample;

  std::string fullName() const {
    return aggregate.empty() ? runName : runName + "_" + aggregate;
  }
};

static double mean(ArrayRef<double> values) {
  double sum = 0;
  for (double value : values)
    sum += value;
  return sum / values.size();
}

static double median(ArrayRef<double> values) {
  SmallVector<double> sorted(values);
  llvm::sort(sorted);
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle]
                           : (sorted[middle - 1] + sorted[middle]) / 2;
}

/// Of a sample, as Google Benchmark computes it.
static double standardDeviation(ArrayRef<double> values) {
  double center = mean(values), sum = 0;
  for (double value : values)
    sum += (value - center) * (value - center);
  return values.size() < 2 ? 0 : std::sqrt(sum / (values.size() - 1));
}

static double variation(ArrayRef<double> values) {
  double center = mean(values);
  return center > 0 ? standardDeviation(values) / center : 0;
}

std::vector<Benchmark::Row> Benchmark::rows() const {
  using Statistic = double (*)(ArrayRef<double>);
  static constexpr std::pair<const char *, Statistic> statistics[] = {
      {"mean", mean},
      {"median", median},
      {"stddev", standardDeviation},
      {"cv", variation}};
  std::vector<Row> list;
  for (auto [number, family] : llvm::enumerate(families)) {
    int64_t count = family.samples.size();
    std::string runName = name + family.suffix.str();
    int64_t index = number;
    SmallVector<double> real, cpu;
    for (auto [repetition, sample] : llvm::enumerate(family.samples)) {
      list.push_back({runName, "", index, count,
                      static_cast<int64_t>(repetition), sample});
      real.push_back(sample.real);
      cpu.push_back(sample.cpu);
    }
    if (count < 2)
      continue;
    for (auto [aggregate, compute] : statistics)
      list.push_back(
          {runName, aggregate, index, count, 0, {compute(real), compute(cpu)}});
  }
  return list;
}

static std::string localTime() {
  std::time_t now = std::time(nullptr);
  char text[64];
  size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z",
                                std::localtime(&now));
  std::string date(text, length);
  if (length > 2) // +0000 is +00:00 in their format
    date.insert(length - 2, ":");
  return date;
}

static void printContext(llvm::json::OStream &json) {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  double load[3] = {};
  int loads = getloadavg(load, 3);
  json.attribute("date", localTime());
  json.attribute("host_name", llvm::json::fixUTF8(host));
  json.attribute("executable", "moe-run");
  json.attribute("num_cpus",
                 static_cast<int64_t>(std::thread::hardware_concurrency()));
  json.attribute("mhz_per_cpu", 0);
  json.attribute("cpu_scaling_enabled", false);
  json.attributeArray("caches", [] {});
  json.attributeArray("load_avg", [&] {
    for (int i = 0; i < loads; ++i)
      json.value(load[i]);
  });
#ifdef NDEBUG
  json.attribute("library_build_type", "release");
#else
  json.attribute("library_build_type", "debug");
#endif
}

void Benchmark::printJSON(raw_ostream &os) const {
  llvm::json::OStream json(os, 2);
  json.objectBegin();
  json.attributeObject("context", [&] { printContext(json); });
  json.attributeBegin("benchmarks");
  json.arrayBegin();
  for (const Row &row : rows()) {
    json.objectBegin();
    json.attribute("name", llvm::json::fixUTF8(row.fullName()));
    json.attribute("family_index", row.family);
    json.attribute("per_family_instance_index", 0);
    json.attribute("run_name", llvm::json::fixUTF8(row.runName));
    json.attribute("run_type",
                   row.aggregate.empty() ? "iteration" : "aggregate");
    json.attribute("repetitions", row.repetitions);
    if (row.aggregate.empty())
      json.attribute("repetition_index", row.index);
    json.attribute("threads", 1);
    if (!row.aggregate.empty()) {
      json.attribute("aggregate_name", row.aggregate);
      json.attribute("aggregate_unit",
                     row.aggregate == "cv" ? "percentage" : "time");
    }
    json.attribute("iterations",
                   row.aggregate.empty() ? int64_t(1) : row.repetitions);
    double scale = row.aggregate == "cv" ? 1 : 1e9;
    json.attribute("real_time", row.sample.real * scale);
    json.attribute("cpu_time", row.sample.cpu * scale);
    json.attribute("time_unit", "ns");
    json.objectEnd();
  }
  json.arrayEnd();
  json.attributeEnd();
  json.objectEnd();
  os << "\n";
}

void Benchmark::printConsole(raw_ostream &os) const {
  std::vector<Row> list = rows();
  size_t width = 9;
  for (const Row &row : list)
    width = std::max(width, row.fullName().size());
  std::string rule(width + 46, '-');
  os << rule << "\n"
     << llvm::left_justify("Benchmark", width)
     << "            Time             CPU   Iterations\n"
     << rule << "\n";
  for (const Row &row : list) {
    os << llvm::left_justify(row.fullName(), width);
    if (row.aggregate == "cv")
      os << llvm::format(" %12.2f %% %13.2f %%", row.sample.real * 100,
                         row.sample.cpu * 100);
    else
      os << llvm::format(" %12.4g ms %12.4g ms", row.sample.real * 1e3,
                         row.sample.cpu * 1e3);
    os << llvm::format(
        " %12lld\n",
        static_cast<long long>(row.aggregate.empty() ? 1 : row.repetitions));
  }
}
