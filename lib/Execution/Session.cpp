//===- Session.cpp - One use of a compiled model --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fills a context with what code needs, and calls code in it.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Session.h"
#include "CallFrame.h"
#include "moe/Execution/Error.h"

using namespace mlir;
using namespace mlir::moe;

static llvm::Error toError(rt::Result result) {
  if (result.status == rt::Status::Limit)
    return limitError(result.message);
  if (result.status == rt::Status::Error)
    return makeError(result.message);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Session>>
Session::create(const Executable &executable, const BoundParameters &weights,
                SessionOptions options) {
  std::unique_ptr<Session> session(new Session(executable));
  session->runtime.setThreads(options.threads);
  session->runtime.setMemoryLimit(options.memoryLimit);
  session->runtime.setDevice(weights.device());
  if (llvm::Error error = session->bind(weights))
    return error;
  return session;
}

llvm::Error Session::bind(const BoundParameters &weights) {
  std::vector<const void *> addresses;
  for (StringRef name : code.dataNames()) {
    auto found = weights.data().find(name);
    if (found == weights.data().end())
      return makeError("compiled code may not read " + quote(name));
    addresses.push_back(found->second);
  }
  runtime.setData(std::move(addresses));
  for (const MisalignedTensor &tensor : weights.misaligned())
    if (code.aligns(tensor.parameter->name))
      runtime.copyBeforeUse(tensor.address, [tensor] { tensor.copy(); });
    else
      tensor.copy();
  return llvm::Error::success();
}

llvm::Expected<std::vector<HostTensor>>
Session::run(ArrayRef<HostTensor> inputs) {
  std::lock_guard<std::mutex> guard(running);
  CallFrame frame(code.entryPoint(), inputs, runtime);
  if (llvm::Error error = frame.upload(inputs))
    return error;
  if (llvm::Error error = toError(frame.call(code.function())))
    return error;
  return frame.takeResults();
}

struct Session::Step::Frame {
  Frame(const EntryPoint &entry, ArrayRef<HostTensor> inputs,
        rt::Context &context)
      : call(entry, inputs, context), context(context),
        device(*context.device()) {}
  ~Frame() {
    if (ran)
      llvm::consumeError(call.takeResults().takeError());
    if (graph)
      device.releaseGraph(graph);
  }

  CallFrame call;
  rt::Context &context;
  rt::Device &device;
  int64_t graph = 0;
  bool ran = false;
};

Session::Step::Step(std::unique_ptr<Frame> frame) : frame(std::move(frame)) {}
Session::Step::~Step() = default;

llvm::Error Session::Step::replay(int64_t times) {
  for (int64_t i = 0; i < times; ++i)
    if (llvm::Error error = toError(frame->context.replay(frame->graph)))
      return error;
  return toError(frame->context.synchronize());
}

llvm::Expected<std::unique_ptr<Session::Step>>
Session::capture(ArrayRef<HostTensor> inputs) {
  std::lock_guard<std::mutex> guard(running);
  auto frame =
      std::make_unique<Step::Frame>(code.entryPoint(), inputs, runtime);
  if (llvm::Error error = frame->call.upload(inputs))
    return error;
  if (std::string problem = frame->device.beginCapture(); !problem.empty())
    return makeError("device " + frame->device.name() + ": " + problem);
  rt::Result result = frame->call.call(code.function());
  std::string problem;
  frame->graph = frame->device.endCapture(problem);
  if (llvm::Error error = toError(std::move(result)))
    return error;
  frame->ran = true;
  if (!frame->graph)
    return makeError("device " + frame->device.name() + ": " + problem);
  return std::unique_ptr<Step>(new Step(std::move(frame)));
}
