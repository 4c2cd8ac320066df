//===- Trace.h - What was done when -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A record of times: steps of the host, dispatches and experts of compiled code
// that counts, kernels of a device. Off, and free, until it is started. While
// it is on, each kernel is waited for, so that its time is its own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_TRACE_H
#define MOE_RUNTIME_TRACE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::moe::rt {

struct TraceEvent {
  enum class Kind { Step, Dispatch, Expert, Kernel };
  Kind kind = Kind::Step;
  /// Of a step and of a kernel; empty otherwise.
  std::string name;
  /// As the counters tell them apart; -1 where there is none. An expert has an
  /// event for each of its tiles.
  int64_t dispatch = -1, instance = -1, expert = -1;
  /// Nanoseconds; `start` counts from Trace::start.
  int64_t start = 0, duration = 0;
  /// The thread, in the order in which threads first recorded something.
  int64_t thread = 0;
};

/// The record of the process.
class Trace {
public:
  /// Forgets what was recorded and records from now on, at most `mostEvents`.
  static void start(size_t mostEvents = size_t(1) << 20);
  static void stop();
  static bool isOn();

  /// What was recorded, ordered by start, an event before those inside of it.
  static std::vector<TraceEvent> events();
  /// Events that were not kept, because there were too many.
  static int64_t dropped();
};

/// Records the time between its construction and its end as an event.
class TraceSpan {
public:
  explicit TraceSpan(std::string name,
                     TraceEvent::Kind kind = TraceEvent::Kind::Step);
  TraceSpan(const TraceSpan &) = delete;
  TraceSpan &operator=(const TraceSpan &) = delete;
  ~TraceSpan();

private:
  std::string name;
  TraceEvent::Kind kind;
  int64_t begin; // -1 if nothing is recorded
};

/// The same for compiled code, which begins and ends by calls. An end closes
/// the innermost open event of this thread that has these numbers, and drops
/// what was opened inside and not ended.
void beginTraceEvent(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
                     int64_t expert);
void endTraceEvent(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
                   int64_t expert);

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_TRACE_H
