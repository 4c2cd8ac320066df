//===- Trace.cpp - What was done when -------------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Events go into one list behind a lock when they end; what is open lies with
// its thread.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Trace.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <tuple>
#include <utility>

using namespace mlir::moe;

/// What is behind the lock, and what does not change.
struct rt::Trace::Record {
  explicit Record(size_t mostEvents);

  const size_t mostEvents;
  const int64_t origin;
  /// A number that no other record of the process has, by which threads know
  /// whose events they have open.
  const uint64_t number;
  std::atomic<int64_t> threadsSeen{0};

  mutable std::mutex lock;
  std::vector<TraceEvent> events;
  int64_t dropped = 0;

  void keep(TraceEvent event);
};

namespace {
/// What a thread has begun in the record that it used last.
struct OpenEvents {
  uint64_t record = 0;
  int64_t thread = 0;
  std::vector<rt::TraceEvent> stack;
};
} // namespace

static thread_local OpenEvents openEvents;

static int64_t clockNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

static uint64_t nextNumber() {
  static std::atomic<uint64_t> numbers{0};
  return ++numbers;
}

template <typename Record> static OpenEvents &openOfThread(Record &record) {
  if (openEvents.record != record.number)
    openEvents = {record.number, record.threadsSeen++, {}};
  return openEvents;
}

void rt::Trace::Record::keep(TraceEvent event) {
  std::lock_guard<std::mutex> guard(lock);
  if (events.size() < mostEvents)
    events.push_back(std::move(event));
  else
    ++dropped;
}

rt::Trace::Record::Record(size_t mostEvents)
    : mostEvents(mostEvents), origin(clockNow()), number(nextNumber()) {}

rt::Trace::Trace(size_t mostEvents) : record(new Record(mostEvents)) {}
rt::Trace::~Trace() = default;

std::vector<rt::TraceEvent> rt::Trace::events() const {
  std::lock_guard<std::mutex> guard(record->lock);
  std::vector<TraceEvent> sorted = record->events;
  std::sort(sorted.begin(), sorted.end(),
            [](const TraceEvent &a, const TraceEvent &b) {
              return std::make_pair(a.start, -a.duration) <
                     std::make_pair(b.start, -b.duration);
            });
  return sorted;
}

int64_t rt::Trace::dropped() const {
  std::lock_guard<std::mutex> guard(record->lock);
  return record->dropped;
}

rt::TraceSpan::TraceSpan(Trace *trace, std::string name, TraceEvent::Kind kind)
    : trace(trace), name(std::move(name)), kind(kind),
      begin(trace ? clockNow() : 0) {}

rt::TraceSpan::~TraceSpan() {
  if (!trace)
    return;
  Trace::Record &record = *trace->record;
  TraceEvent event;
  event.kind = kind;
  event.name = std::move(name);
  event.start = begin - record.origin;
  event.duration = clockNow() - begin;
  event.thread = openOfThread(record).thread;
  record.keep(std::move(event));
}

void rt::Trace::begin(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
                      int64_t expert) {
  OpenEvents &open = openOfThread(*record);
  open.stack.push_back({kind, "", dispatch, instance, expert,
                        clockNow() - record->origin, 0, open.thread});
}

void rt::Trace::end(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
                    int64_t expert) {
  std::vector<TraceEvent> &stack = openOfThread(*record).stack;
  auto key = [](const TraceEvent &event) {
    return std::make_tuple(event.kind, event.dispatch, event.instance,
                           event.expert);
  };
  auto wanted = std::make_tuple(kind, dispatch, instance, expert);
  auto found =
      std::find_if(stack.rbegin(), stack.rend(),
                   [&](const TraceEvent &e) { return key(e) == wanted; });
  if (found == stack.rend())
    return;
  TraceEvent event = std::move(*found);
  stack.erase(std::prev(found.base()), stack.end());
  event.duration = clockNow() - record->origin - event.start;
  record->keep(std::move(event));
}
