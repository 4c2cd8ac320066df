//===- Counters.cpp - What compiled code reports of its work --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counters per dispatch and instance. A run lasts from one moe_rt_dispatch to
// the next of the same key; bytes of weights count once per run. A dispatch
// inside a body of a parallel loop runs on one thread, beside other runs of the
// same dispatch: such a run is kept by its thread until the body ends.
//
//===----------------------------------------------------------------------===//

#include "Invocation.h"
#include "moe/Runtime/Trace.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>

using namespace mlir::moe;

namespace {

/// A set of addresses, kept as intervals.
class AddressSet {
public:
  void insert(uintptr_t begin, uintptr_t end) {
    if (!intervals.empty() && intervals.back().first <= begin &&
        end <= intervals.back().second)
      return;
    intervals.emplace_back(begin, end);
    if (intervals.size() < mergeAt)
      return;
    merge();
    mergeAt = std::max(initialMergeAt, 2 * intervals.size());
  }

  int64_t size() {
    merge();
    int64_t bytes = 0;
    for (auto [begin, end] : intervals)
      bytes += end - begin;
    return bytes;
  }

  void clear() { intervals.clear(); }

private:
  void merge() {
    if (intervals.empty())
      return;
    std::sort(intervals.begin(), intervals.end());
    size_t last = 0;
    for (size_t i = 1; i < intervals.size(); ++i) {
      if (intervals[i].first <= intervals[last].second)
        intervals[last].second =
            std::max(intervals[last].second, intervals[i].second);
      else
        intervals[++last] = intervals[i];
    }
    intervals.resize(last + 1);
  }

  static constexpr size_t initialMergeAt = 256;
  std::vector<std::pair<uintptr_t, uintptr_t>> intervals;
  size_t mergeAt = initialMergeAt;
};

/// The counters of one key. `flops` may grow from many threads in inner loops;
/// everything else is behind the lock.
struct Entry {
  std::mutex lock;
  rt::DispatchCounters counters;
  AddressSet touched;
  alignas(64) std::atomic<int64_t> flops{0};

  void endRun(AddressSet &run) {
    counters.weightBytes += run.size();
    run.clear();
  }
};

/// A run that began inside a body of a parallel loop.
struct NestedRun {
  Entry *entry;
  AddressSet touched;
};

/// The entry that this thread used last.
struct LastEntry {
  uint64_t generation = 0;
  int64_t dispatch = 0;
  int64_t instance = 0;
  Entry *entry = nullptr;
};

} // namespace

static std::mutex entriesLock;
static std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Entry>> entries;
/// Grows with each reset, which makes what threads remember invalid.
static std::atomic<uint64_t> generation{1};
/// How often the sides of each conditional ran; behind the same lock.
static std::map<int64_t, std::vector<int64_t>> conditionals;
static thread_local LastEntry lastEntry;
static thread_local std::vector<NestedRun> nestedRuns;

static Entry &lookUp(int64_t dispatch, int64_t instance) {
  LastEntry &last = lastEntry;
  uint64_t now = generation.load(std::memory_order_relaxed);
  if (last.generation == now && last.dispatch == dispatch &&
      last.instance == instance)
    return *last.entry;
  std::lock_guard<std::mutex> guard(entriesLock);
  std::unique_ptr<Entry> &entry = entries[{dispatch, instance}];
  if (!entry) {
    entry = std::make_unique<Entry>();
    entry->counters.dispatch = dispatch;
    entry->counters.instance = instance;
  }
  last = {now, dispatch, instance, entry.get()};
  return *entry;
}

static AddressSet *findNestedRun(Entry &entry) {
  for (NestedRun &run : nestedRuns)
    if (run.entry == &entry)
      return &run.touched;
  return nullptr;
}

void rt::endNestedRuns() {
  for (NestedRun &run : nestedRuns) {
    std::lock_guard<std::mutex> guard(run.entry->lock);
    run.entry->endRun(run.touched);
  }
  nestedRuns.clear();
}

int64_t rt::DispatchCounters::evaluatedCount() const {
  return std::count(evaluated.begin(), evaluated.end(), true);
}

std::vector<rt::DispatchCounters> rt::Counters::read() {
  std::lock_guard<std::mutex> guard(entriesLock);
  std::vector<DispatchCounters> result;
  for (auto &[key, entry] : entries) {
    std::lock_guard<std::mutex> entryGuard(entry->lock);
    result.push_back(entry->counters);
    result.back().flops = entry->flops;
    result.back().weightBytes += entry->touched.size();
  }
  return result;
}

std::vector<rt::ConditionalCounters> rt::Counters::readConditionals() {
  std::lock_guard<std::mutex> guard(entriesLock);
  std::vector<ConditionalCounters> result;
  for (const auto &[conditional, sides] : conditionals)
    result.push_back({conditional, sides});
  return result;
}

void rt::Counters::reset() {
  std::lock_guard<std::mutex> guard(entriesLock);
  entries.clear();
  conditionals.clear();
  ++generation;
}

extern "C" void moe_rt_dispatch(int64_t dispatch, int64_t instance,
                                int64_t tokens, int64_t experts,
                                const int64_t *offsets) {
  rt::beginTraceEvent(rt::TraceEvent::Kind::Dispatch, dispatch, instance, -1);
  Entry &entry = lookUp(dispatch, instance);
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
  counters.assignments += offsets[experts] - offsets[0];
  size_t size = std::max<size_t>(experts, counters.tokensPerExpert.size());
  counters.tokensPerExpert.resize(size);
  counters.evaluated.resize(std::max(size, counters.evaluated.size()));
  for (int64_t e = 0; e < experts; ++e)
    counters.tokensPerExpert[e] += offsets[e + 1] - offsets[e];
}

extern "C" void moe_rt_evaluate(int64_t dispatch, int64_t instance,
                                int64_t expert) {
  Entry &entry = lookUp(dispatch, instance);
  {
    std::lock_guard<std::mutex> guard(entry.lock);
    std::vector<bool> &evaluated = entry.counters.evaluated;
    if (static_cast<size_t>(expert) >= evaluated.size())
      evaluated.resize(expert + 1);
    evaluated[expert] = true;
  }
  rt::beginTraceEvent(rt::TraceEvent::Kind::Expert, dispatch, instance, expert);
}

extern "C" void moe_rt_dispatch_end(int64_t dispatch, int64_t instance) {
  rt::endTraceEvent(rt::TraceEvent::Kind::Dispatch, dispatch, instance, -1);
}

extern "C" void moe_rt_evaluate_end(int64_t dispatch, int64_t instance,
                                    int64_t expert) {
  rt::endTraceEvent(rt::TraceEvent::Kind::Expert, dispatch, instance, expert);
}

extern "C" void moe_rt_count_flops(int64_t dispatch, int64_t instance,
                                   int64_t flops) {
  lookUp(dispatch, instance).flops.fetch_add(flops, std::memory_order_relaxed);
}

extern "C" void moe_rt_count_tiles(int64_t dispatch, int64_t instance,
                                   int64_t expert, int64_t tiles) {
  Entry &entry = lookUp(dispatch, instance);
  std::lock_guard<std::mutex> guard(entry.lock);
  std::vector<int64_t> &counted = entry.counters.tilesPerExpert;
  if (static_cast<size_t>(expert) >= counted.size())
    counted.resize(expert + 1);
  counted[expert] += tiles;
}

extern "C" void moe_rt_touch_weight(int64_t dispatch, int64_t instance,
                                    const void *address, int64_t bytes) {
  if (bytes <= 0)
    return;
  auto begin = reinterpret_cast<uintptr_t>(address);
  Entry &entry = lookUp(dispatch, instance);
  if (AddressSet *run = findNestedRun(entry)) {
    run->insert(begin, begin + bytes);
    return;
  }
  std::lock_guard<std::mutex> guard(entry.lock);
  entry.touched.insert(begin, begin + bytes);
}

extern "C" void moe_rt_branch(int64_t conditional, int64_t side) {
  std::lock_guard<std::mutex> guard(entriesLock);
  std::vector<int64_t> &sides = conditionals[conditional];
  if (static_cast<size_t>(side) >= sides.size())
    sides.resize(side + 1);
  ++sides[side];
}
