//===- Profile.cpp - Where the time went ----------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Events become the lines of a table, or the objects of a trace.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Profile.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <map>

using namespace mlir;
using namespace mlir::moe;
using rt::TraceEvent;

namespace {
/// A line of the table.
struct Line {
  int64_t count = 0;
  int64_t nanoseconds = 0;

  void add(const TraceEvent &event) {
    ++count;
    nanoseconds += event.duration;
  }
};
} // namespace

using Places = std::vector<std::vector<DispatchPlace>>;

/// Whether a dispatch stands for several layers whose places are known.
static bool hasLayers(const Places &places, const TraceEvent &event) {
  return static_cast<size_t>(event.dispatch) < places.size() &&
         static_cast<size_t>(event.instance) < places[event.dispatch].size() &&
         places[event.dispatch].size() > 1;
}

static const DispatchPlace *find(const Places &places,
                                 const TraceEvent &event) {
  if (event.dispatch < 0 ||
      static_cast<size_t>(event.dispatch) >= places.size())
    return nullptr;
  return &places[event.dispatch][hasLayers(places, event) ? event.instance : 0];
}

std::string Profile::layerOf(const TraceEvent &event) const {
  const DispatchPlace *known = find(places, event);
  return known ? known->layer : "";
}

std::string Profile::placeOf(const TraceEvent &event, bool withLayer) const {
  std::string place = "dispatch " + std::to_string(event.dispatch);
  const DispatchPlace *known = find(places, event);
  if (known && !known->location.empty())
    place = known->location;
  if (std::string layer = layerOf(event); withLayer && !layer.empty())
    place += " in layer " + quote(layer);
  return event.instance > 0 && !hasLayers(places, event)
             ? place + ", layer " + std::to_string(event.instance)
             : place;
}

std::string Profile::nameOf(const TraceEvent &event) const {
  switch (event.kind) {
  case TraceEvent::Kind::Step:
  case TraceEvent::Kind::Kernel:
    return event.name;
  case TraceEvent::Kind::Dispatch:
    return placeOf(event, /*withLayer=*/true);
  case TraceEvent::Kind::Expert:
    return "expert " + std::to_string(event.expert);
  }
  llvm_unreachable("a kind of event");
}

static void printLine(raw_ostream &os, StringRef name, const Line &line) {
  os << llvm::left_justify(name, 56)
     << llvm::format(" %8lld %14.3f\n", static_cast<long long>(line.count),
                     line.nanoseconds / 1e6);
}

static void printHeading(raw_ostream &os, StringRef name, StringRef counted) {
  os << llvm::left_justify(name, 56) << llvm::right_justify(counted, 9)
     << "   milliseconds\n";
}

void Profile::printTable(raw_ostream &os) const {
  llvm::MapVector<std::string, Line, std::map<std::string, unsigned>> steps,
      kernels;
  // By dispatch and instance; of each, by expert.
  std::map<std::pair<int64_t, int64_t>, Line> dispatches;
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, Line>> experts;
  std::map<std::pair<int64_t, int64_t>, std::string> names;
  for (const TraceEvent &event : events) {
    std::pair<int64_t, int64_t> key{event.dispatch, event.instance};
    switch (event.kind) {
    case TraceEvent::Kind::Step:
      steps[event.name].add(event);
      break;
    case TraceEvent::Kind::Kernel:
      kernels[event.name].add(event);
      break;
    case TraceEvent::Kind::Dispatch:
      dispatches[key].add(event);
      names[key] = placeOf(event, /*withLayer=*/true);
      break;
    case TraceEvent::Kind::Expert:
      experts[key][event.expert].add(event);
      break;
    }
  }
  printHeading(os, "step", "times");
  for (const auto &[name, line] : steps)
    printLine(os, "  " + name, line);
  if (!dispatches.empty())
    printHeading(os, "dispatch, expert", "runs");
  for (const auto &[key, line] : dispatches) {
    printLine(os, "  " + names[key], line);
    for (const auto &[expert, share] : experts[key])
      printLine(os, "    expert " + std::to_string(expert), share);
  }
  if (!kernels.empty())
    printHeading(os, "kernel", "launches");
  for (const auto &[name, line] : kernels)
    printLine(os, "  " + name, line);
  if (dropped)
    os << dropped << " more events were not kept\n";
}

static StringRef categoryOf(TraceEvent::Kind kind) {
  switch (kind) {
  case TraceEvent::Kind::Step:
    return "step";
  case TraceEvent::Kind::Dispatch:
    return "dispatch";
  case TraceEvent::Kind::Expert:
    return "expert";
  case TraceEvent::Kind::Kernel:
    return "kernel";
  }
  llvm_unreachable("a kind of event");
}

void Profile::printTrace(raw_ostream &os) const {
  constexpr int64_t process = 1;
  int64_t threads = 0;
  for (const TraceEvent &event : events)
    threads = std::max(threads, event.thread + 1);
  llvm::json::OStream json(os);
  auto head = [&](StringRef name, StringRef phase, int64_t thread) {
    json.attribute("name", llvm::json::fixUTF8(name));
    json.attribute("ph", phase);
    json.attribute("pid", process);
    json.attribute("tid", thread);
  };
  json.object([&] {
    json.attribute("displayTimeUnit", "ms");
    json.attributeArray("traceEvents", [&] {
      for (int64_t thread = 0; thread < threads; ++thread)
        json.object([&] {
          head("thread_name", "M", thread);
          json.attributeObject("args", [&] {
            json.attribute("name", "thread " + std::to_string(thread));
          });
        });
      for (const TraceEvent &event : events)
        json.object([&] {
          head(nameOf(event), "X", event.thread);
          json.attribute("cat", categoryOf(event.kind));
          json.attribute("ts", event.start / 1e3);
          json.attribute("dur", event.duration / 1e3);
          if (event.dispatch < 0)
            return;
          json.attributeObject("args", [&] {
            json.attribute("dispatch", placeOf(event, /*withLayer=*/false));
            if (std::string layer = layerOf(event); !layer.empty())
              json.attribute("layer", llvm::json::fixUTF8(layer));
            if (event.expert >= 0)
              json.attribute("expert", event.expert);
          });
        });
    });
    if (dropped)
      json.attributeObject("otherData",
                           [&] { json.attribute("events_dropped", dropped); });
  });
  os << "\n";
}
