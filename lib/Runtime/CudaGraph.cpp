//===- CudaGraph.cpp - Captured steps of a CUDA device --------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step becomes a graph by the driver's capture of the stream. A write in it
// copies from pinned memory of its own, which each replay fills from the bytes
// of the host before it starts the graph.
//
//===----------------------------------------------------------------------===//

#include "CudaDevice.h"
#include "Invocation.h"

#include <algorithm>
#include <cstring>

using namespace mlir::moe;
using namespace mlir::moe::rt;

using Guard = std::lock_guard<std::mutex>;

bool CudaDevice::capturing() const {
  Guard guard(lock);
  return captured.has_value();
}

std::string CudaDevice::note(std::string problem) {
  if (captured && captured->problem.empty())
    captured->problem = problem;
  return problem;
}

std::string CudaDevice::refuseToWait() {
  return note("the host would have to wait for the device, which it cannot "
              "while a step is captured");
}

std::string CudaDevice::beginCapture() {
  Guard guard(lock);
  if (captured)
    return "a step is being captured already";
  std::string problem = enter();
  // Relaxed: memory may be allocated meanwhile.
  if (problem.empty())
    problem =
        (*driver)(driver->cuStreamBeginCapture, stream, cuda::captureRelaxed);
  if (!problem.empty())
    return problem;
  captured.emplace();
  captured->id = ++lastGraph;
  blocks->beginCapture(captured->id);
  return "";
}

std::string CudaDevice::capture(cuda::Address target, const void *host,
                                int64_t bytes) {
  PinnedMemory pinned(*driver);
  std::string problem = pinned.allocate(bytes);
  if (!problem.empty())
    return note(problem);
  std::memcpy(pinned.data(), host, bytes);
  problem = (*driver)(driver->cuMemcpyHtoDAsync, target, pinned.data(), bytes,
                      stream);
  captured->writes.push_back(
      {isOnInvokedStack(host) ? nullptr : host, bytes, std::move(pinned)});
  return note(problem);
}

std::string CudaDevice::instantiate(CudaGraph &graph, cuda::Graph recorded) {
  std::string problem =
      (*driver)(driver->cuGraphInstantiate, &graph.executable, recorded, 0ull);
  if (problem.empty())
    problem =
        (*driver)(driver->cuEventCreate, &graph.done, cuda::eventDisableTiming);
  return problem;
}

int64_t CudaDevice::endCapture(std::string &problem) {
  Guard guard(lock);
  if (!captured) {
    problem = "no step is being captured";
    return 0;
  }
  CudaGraph graph = std::move(*captured);
  captured.reset();
  blocks->endCapture();
  problem = enter();
  cuda::Graph recorded = nullptr;
  if (problem.empty())
    problem = (*driver)(driver->cuStreamEndCapture, stream, &recorded);
  // What the step did says more than that its capture is invalid.
  if (!graph.problem.empty())
    problem = graph.problem;
  if (problem.empty())
    problem = instantiate(graph, recorded);
  if (recorded)
    driver->cuGraphDestroy.call(recorded);
  const int64_t id = graph.id;
  if (problem.empty()) {
    graphs.emplace(id, std::move(graph));
    return id;
  }
  destroy(graph);
  blocks->releaseGraph(id);
  return 0;
}

std::string CudaDevice::replay(int64_t id) {
  Guard guard(lock);
  if (captured)
    return "a step is being captured";
  auto found = graphs.find(id);
  if (found == graphs.end())
    return "there is no graph " + std::to_string(id);
  CudaGraph &graph = found->second;
  std::string problem = enter();
  // The replay before may still read what is replaced here.
  bool replaces = std::any_of(graph.writes.begin(), graph.writes.end(),
                              [](auto &write) { return write.host; });
  if (problem.empty() && replaces)
    problem = (*driver)(driver->cuEventSynchronize, graph.done);
  if (!problem.empty())
    return problem;
  for (CudaGraph::Write &write : graph.writes)
    if (write.host)
      std::memcpy(write.pinned.data(), write.host, write.bytes);
  problem = (*driver)(driver->cuGraphLaunch, graph.executable, stream);
  if (problem.empty())
    problem = (*driver)(driver->cuEventRecord, graph.done, stream);
  return problem;
}

void CudaDevice::destroy(CudaGraph &graph) {
  if (graph.done) {
    driver->cuEventSynchronize.call(graph.done);
    driver->cuEventDestroy.call(graph.done);
  }
  if (graph.executable)
    driver->cuGraphExecDestroy.call(graph.executable);
}

void CudaDevice::releaseGraph(int64_t id) {
  Guard guard(lock);
  auto found = graphs.find(id);
  if (found == graphs.end())
    return;
  enter();
  destroy(found->second);
  graphs.erase(found);
  blocks->releaseGraph(id);
}
