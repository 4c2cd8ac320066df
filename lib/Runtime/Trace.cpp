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

namespace {
struct Record {
  std::mutex lock;
  std::vector<rt::TraceEvent> events;
  size_t mostEvents = 0;
  int64_t dropped = 0;
};

/// What a thread has begun, in this record or in one before.
struct OpenEvents {
  uint64_t generation = 0;
  int64_t thread = 0;
  std::vector<rt::TraceEvent> stack;
};
} // namespace

static Record record;
static std::atomic<bool> on{false};
/// Grows with each start, which makes open events of older records void.
static std::atomic<uint64_t> generation{0};
static std::atomic<int64_t> threadsSeen{0};
static thread_local OpenEvents openEvents;

static int64_t clockNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
static std::atomic<int64_t> origin{0};

static OpenEvents &openOfThread() {
  uint64_t now = generation.load();
  if (openEvents.generation != now)
    openEvents = {now, threadsSeen++, {}};
  return openEvents;
}

static void keep(rt::TraceEvent event) {
  std::lock_guard<std::mutex> guard(record.lock);
  if (record.events.size() < record.mostEvents)
    record.events.push_back(std::move(event));
  else
    ++record.dropped;
}

void rt::Trace::start(size_t mostEvents) {
  std::lock_guard<std::mutex> guard(record.lock);
  record.events.clear();
  record.mostEvents = mostEvents;
  record.dropped = 0;
  threadsSeen = 0;
  ++generation;
  origin = clockNow();
  on = true;
}

void rt::Trace::stop() { on = false; }
bool rt::Trace::isOn() { return on.load(std::memory_order_relaxed); }

std::vector<rt::TraceEvent> rt::Trace::events() {
  std::lock_guard<std::mutex> guard(record.lock);
  std::vector<TraceEvent> sorted = record.events;
  std::sort(sorted.begin(), sorted.end(),
            [](const TraceEvent &a, const TraceEvent &b) {
              return std::make_pair(a.start, -a.duration) <
                     std::make_pair(b.start, -b.duration);
            });
  return sorted;
}

int64_t rt::Trace::dropped() {
  std::lock_guard<std::mutex> guard(record.lock);
  return record.dropped;
}

rt::TraceSpan::TraceSpan(std::string name, TraceEvent::Kind kind)
    : name(std::move(name)), kind(kind),
      begin(Trace::isOn() ? clockNow() : -1) {}

rt::TraceSpan::~TraceSpan() {
  if (begin < 0 || !Trace::isOn())
    return;
  TraceEvent event;
  event.kind = kind;
  event.name = std::move(name);
  event.start = begin - origin;
  event.duration = clockNow() - begin;
  event.thread = openOfThread().thread;
  keep(std::move(event));
}

void rt::beginTraceEvent(TraceEvent::Kind kind, int64_t dispatch,
                         int64_t instance, int64_t expert) {
  if (!Trace::isOn())
    return;
  OpenEvents &open = openOfThread();
  open.stack.push_back({kind, "", dispatch, instance, expert,
                        clockNow() - origin, 0, open.thread});
}

void rt::endTraceEvent(TraceEvent::Kind kind, int64_t dispatch,
                       int64_t instance, int64_t expert) {
  if (!Trace::isOn())
    return;
  std::vector<TraceEvent> &stack = openOfThread().stack;
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
  event.duration = clockNow() - origin - event.start;
  keep(std::move(event));
}
