//===- Trace.h - What was done when -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A record of times: steps of the host, dispatches and experts of compiled code
// that counts, kernels of a device. Whoever has none records nothing, for free.
// A context that has one waits for each kernel, so that its time is its own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_TRACE_H
#define MOE_RUNTIME_TRACE_H

#include <cstddef>
#include <cstdint>
#include <memory>
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
  /// Nanoseconds; `start` counts from the beginning of the record.
  int64_t start = 0, duration = 0;
  /// The thread, in the order in which threads first recorded something.
  int64_t thread = 0;
};

/// A record, begun when it is made. Threads and contexts may share one.
class Trace {
public:
  explicit Trace(size_t mostEvents = size_t(1) << 20);
  Trace(const Trace &) = delete;
  Trace &operator=(const Trace &) = delete;
  ~Trace();

  /// What was recorded, ordered by start, an event before those inside of it.
  std::vector<TraceEvent> events() const;
  /// Events that were not kept, because there were too many.
  int64_t dropped() const;

  /// What compiled code begins and ends by calls. An end closes the innermost
  /// open event of this thread that has these numbers, and drops what was
  /// opened inside and not ended.
  void begin(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
             int64_t expert);
  void end(TraceEvent::Kind kind, int64_t dispatch, int64_t instance,
           int64_t expert);

private:
  friend class TraceSpan;
  struct Record;
  std::unique_ptr<Record> record;
};

/// Records the time between its construction and its end as an event, unless
/// `trace` is null.
class TraceSpan {
public:
  TraceSpan(Trace *trace, std::string name,
            TraceEvent::Kind kind = TraceEvent::Kind::Step);
  TraceSpan(const TraceSpan &) = delete;
  TraceSpan &operator=(const TraceSpan &) = delete;
  ~TraceSpan();

private:
  Trace *trace;
  std::string name;
  TraceEvent::Kind kind;
  int64_t begin;
};

} // namespace mlir::moe::rt

#endif // MOE_RUNTIME_TRACE_H
