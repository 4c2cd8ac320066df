//===- Counters.h - What compiled code reports of its work ------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The counters of a context. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_RUNTIME_COUNTERS_H
#define MOE_LIB_RUNTIME_COUNTERS_H

#include "moe/Runtime/Runtime.h"

#include <atomic>
#include <map>
#include <mutex>

namespace mlir::moe::rt {

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
struct CounterEntry {
  std::mutex lock;
  DispatchCounters counters;
  AddressSet touched;
  alignas(64) std::atomic<int64_t> flops{0};

  void endRun(AddressSet &run) {
    counters.weightBytes += run.size();
    run.clear();
  }
};

/// Entries and conditionals are behind the lock, but for what an entry says of
/// itself.
struct Counters {
  mutable std::mutex lock;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<CounterEntry>> entries;
  /// How often the sides of each conditional ran.
  std::map<int64_t, std::vector<int64_t>> conditionals;
  std::atomic<int64_t> copiedBytes{0};
  /// A number of these entries that no others of the process ever have, by
  /// which threads know whose entry they remember.
  std::atomic<uint64_t> generation{nextGeneration()};

  CounterEntry &lookUp(int64_t dispatch, int64_t instance);
  void reset();

private:
  static uint64_t nextGeneration();
};

} // namespace mlir::moe::rt

#endif // MOE_LIB_RUNTIME_COUNTERS_H
