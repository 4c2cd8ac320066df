//===- Profile.h - Where the time went --------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the runtime recorded of a compilation and its runs (Runtime/Trace.h), as
// a table and in Chrome's trace format, which Perfetto reads.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_PROFILE_H
#define MOE_EXECUTION_PROFILE_H

#include "moe/Execution/Statistics.h"
#include "moe/Runtime/Trace.h"

namespace mlir::moe {

class Profile {
public:
  /// `places` has those of each dispatch in the model, by its number and that
  /// of the layer.
  Profile(std::vector<rt::TraceEvent> events, int64_t dropped,
          std::vector<std::vector<DispatchPlace>> places)
      : events(std::move(events)), dropped(dropped), places(std::move(places)) {
  }

  /// A line for each step, dispatch, expert and kernel: how often, and
  /// milliseconds in all. Those of an expert are summed over threads.
  void printTable(raw_ostream &os) const;
  /// The JSON object of the Trace Event Format: an event "X" for each, in
  /// microseconds, and the names of the threads.
  void printTrace(raw_ostream &os) const;

private:
  /// The layer of the user's model, or nothing.
  std::string layerOf(const rt::TraceEvent &event) const;
  /// The place of a dispatch; with the layer on request.
  std::string placeOf(const rt::TraceEvent &event, bool withLayer) const;
  std::string nameOf(const rt::TraceEvent &event) const;

  std::vector<rt::TraceEvent> events;
  int64_t dropped;
  std::vector<std::vector<DispatchPlace>> places;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_PROFILE_H
