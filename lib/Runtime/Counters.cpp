//===- Counters.cpp - What compiled code reports of its work --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counters of a context per dispatch and instance. A run lasts from one
// moe_rt_dispatch to the next of the same key; bytes of weights count once per
// run. A dispatch inside a body of a parallel loop runs on one thread, beside
// other runs of the same dispatch: such a run is kept by its thread until the
// body ends.
//
//===----------------------------------------------------------------------===//

#include "ContextState.h"
#include "Invocation.h"
#include "moe/Runtime/Trace.h"

#include <algorithm>
#include <numeric>

using namespace mlir::moe;
using rt::AddressSet;
using rt::CounterEntry;

namespace {

/// A run that began inside a body of a parallel loop.
struct NestedRun {
  CounterEntry *entry;
  AddressSet touched;
};

/// The entry that this thread used last.
struct LastEntry {
  uint64_t generation = 0;
  int64_t dispatch = 0;
  int64_t instance = 0;
  CounterEntry *entry = nullptr;
};

} // namespace

static thread_local LastEntry lastEntry;
static thread_local std::vector<NestedRun> nestedRuns;

uint64_t rt::Counters::nextGeneration() {
  static std::atomic<uint64_t> generations{0};
  return ++generations;
}

CounterEntry &rt::Counters::lookUp(int64_t dispatch, int64_t instance) {
  LastEntry &last = lastEntry;
  uint64_t now = generation.load(std::memory_order_relaxed);
  if (last.generation == now && last.dispatch == dispatch &&
      last.instance == instance)
    return *last.entry;
  std::lock_guard<std::mutex> guard(lock);
  std::unique_ptr<CounterEntry> &entry = entries[{dispatch, instance}];
  if (!entry) {
    entry = std::make_unique<CounterEntry>();
    entry->counters.dispatch = dispatch;
    entry->counters.instance = instance;
  }
  last = {now, dispatch, instance, entry.get()};
  return *entry;
}

void rt::Counters::reset() {
  std::lock_guard<std::mutex> guard(lock);
  entries.clear();
  conditionals.clear();
  copiedBytes = 0;
  generation = nextGeneration();
}

static rt::Trace *traceOf(MoEContext *context) {
  return rt::Context::stateOf(context).trace;
}

static CounterEntry &lookUp(MoEContext *context, int64_t dispatch,
                            int64_t instance) {
  return rt::Context::stateOf(context).counters.lookUp(dispatch, instance);
}

static AddressSet *findNestedRun(CounterEntry &entry) {
  for (NestedRun &run : nestedRuns)
    if (run.entry == &entry)
      return &run.touched;
  return nullptr;
}

size_t rt::countNestedRuns() { return nestedRuns.size(); }

void rt::endNestedRuns(size_t from) {
  for (size_t i = from; i < nestedRuns.size(); ++i) {
    NestedRun &run = nestedRuns[i];
    std::lock_guard<std::mutex> guard(run.entry->lock);
    run.entry->endRun(run.touched);
  }
  nestedRuns.resize(from);
}

int64_t rt::DispatchCounters::evaluatedCount() const {
  return std::count(evaluated.begin(), evaluated.end(), true);
}

std::vector<rt::DispatchCounters> rt::Context::dispatchCounters() const {
  std::lock_guard<std::mutex> guard(state->counters.lock);
  std::vector<DispatchCounters> result;
  for (auto &[key, entry] : state->counters.entries) {
    std::lock_guard<std::mutex> entryGuard(entry->lock);
    result.push_back(entry->counters);
    result.back().flops = entry->flops;
    result.back().weightBytes += entry->touched.size();
  }
  return result;
}

std::vector<rt::ConditionalCounters> rt::Context::conditionalCounters() const {
  std::lock_guard<std::mutex> guard(state->counters.lock);
  std::vector<ConditionalCounters> result;
  for (const auto &[conditional, sides] : state->counters.conditionals)
    result.push_back({conditional, sides});
  return result;
}

void rt::Context::resetCounters() {
  state->counters.reset();
  state->device.resetCounters();
}

/// The assignments of each expert in memory of the host.
static const int64_t *readCounts(MoEContext *context, const int64_t *counts,
                                 int64_t experts) {
  if (!rt::Context::stateOf(context).device.current())
    return counts;
  // Outlives a failure of the read, which leaves without destructors.
  static thread_local std::vector<int64_t> copy;
  copy.resize(experts);
  moe_rt_device_read(context, copy.data(), counts,
                     static_cast<int64_t>(copy.size() * sizeof(int64_t)));
  return copy.data();
}

extern "C" void moe_rt_dispatch(MoEContext *context, int64_t dispatch,
                                int64_t instance, int64_t tokens,
                                int64_t experts, const int64_t *counts) {
  counts = readCounts(context, counts, experts);
  if (rt::Trace *trace = traceOf(context))
    trace->begin(rt::TraceEvent::Kind::Dispatch, dispatch, instance, -1);
  CounterEntry &entry = lookUp(context, dispatch, instance);
  std::lock_guard<std::mutex> guard(entry.lock);
  if (!rt::threadState.inParallelLoop)
    entry.endRun(entry.touched);
  else if (AddressSet *run = findNestedRun(entry))
    entry.endRun(*run);
  else
    nestedRuns.push_back({&entry, {}});

  rt::DispatchCounters &counters = entry.counters;
  counters.runs += 1;
  counters.tokens += tokens;
  counters.assignments += std::accumulate(counts, counts + experts, int64_t());
  size_t size = std::max<size_t>(experts, counters.tokensPerExpert.size());
  counters.tokensPerExpert.resize(size);
  counters.evaluated.resize(std::max(size, counters.evaluated.size()));
  for (int64_t e = 0; e < experts; ++e)
    counters.tokensPerExpert[e] += counts[e];
}

extern "C" void moe_rt_evaluate(MoEContext *context, int64_t dispatch,
                                int64_t instance, int64_t expert) {
  CounterEntry &entry = lookUp(context, dispatch, instance);
  {
    std::lock_guard<std::mutex> guard(entry.lock);
    std::vector<bool> &evaluated = entry.counters.evaluated;
    if (static_cast<size_t>(expert) >= evaluated.size())
      evaluated.resize(expert + 1);
    evaluated[expert] = true;
  }
  if (rt::Trace *trace = traceOf(context))
    trace->begin(rt::TraceEvent::Kind::Expert, dispatch, instance, expert);
}

extern "C" void moe_rt_dispatch_end(MoEContext *context, int64_t dispatch,
                                    int64_t instance) {
  if (rt::Trace *trace = traceOf(context))
    trace->end(rt::TraceEvent::Kind::Dispatch, dispatch, instance, -1);
}

extern "C" void moe_rt_evaluate_end(MoEContext *context, int64_t dispatch,
                                    int64_t instance, int64_t expert) {
  if (rt::Trace *trace = traceOf(context))
    trace->end(rt::TraceEvent::Kind::Expert, dispatch, instance, expert);
}

extern "C" void moe_rt_count_flops(MoEContext *context, int64_t dispatch,
                                   int64_t instance, int64_t flops) {
  lookUp(context, dispatch, instance)
      .flops.fetch_add(flops, std::memory_order_relaxed);
}

extern "C" void moe_rt_count_tiles(MoEContext *context, int64_t dispatch,
                                   int64_t instance, int64_t expert,
                                   int64_t tiles) {
  CounterEntry &entry = lookUp(context, dispatch, instance);
  std::lock_guard<std::mutex> guard(entry.lock);
  std::vector<int64_t> &counted = entry.counters.tilesPerExpert;
  if (static_cast<size_t>(expert) >= counted.size())
    counted.resize(expert + 1);
  counted[expert] += tiles;
}

extern "C" void moe_rt_touch_weight(MoEContext *context, int64_t dispatch,
                                    int64_t instance, const void *address,
                                    int64_t bytes) {
  if (bytes <= 0)
    return;
  auto begin = reinterpret_cast<uintptr_t>(address);
  CounterEntry &entry = lookUp(context, dispatch, instance);
  if (AddressSet *run = findNestedRun(entry)) {
    run->insert(begin, begin + bytes);
    return;
  }
  std::lock_guard<std::mutex> guard(entry.lock);
  entry.touched.insert(begin, begin + bytes);
}

extern "C" void moe_rt_branch(MoEContext *context, int64_t conditional,
                              int64_t side) {
  rt::Counters &counters = rt::Context::stateOf(context).counters;
  std::lock_guard<std::mutex> guard(counters.lock);
  std::vector<int64_t> &sides = counters.conditionals[conditional];
  if (static_cast<size_t>(side) >= sides.size())
    sides.resize(side + 1);
  ++sides[side];
}

int64_t rt::Context::copiedBytes() const { return state->counters.copiedBytes; }

extern "C" void moe_rt_count_copy(MoEContext *context, int64_t bytes) {
  rt::Context::stateOf(context).counters.copiedBytes.fetch_add(
      bytes, std::memory_order_relaxed);
}
