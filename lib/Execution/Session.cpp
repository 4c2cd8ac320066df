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
  session->runtime.setTrace(options.trace);
  session->runtime.setDevice(weights.device());
  if (llvm::Error error = session->bind(weights))
    return error;
  for (const StateType &state : executable.states())
    session->states.push_back(describeBuffer(
        nullptr, SmallVector<int64_t>(state.type.shape.size(), 0)));
  if (llvm::Error error = session->resetStates())
    return error;
  return session;
}

Session::~Session() {
  for (const std::vector<int64_t> &state : states)
    moe_rt_free(&runtime, reinterpret_cast<void *>(state[0]));
}

llvm::Error Session::beginState(const StateType &type,
                                std::vector<int64_t> &descriptor) {
  std::optional<HostTensor> zeros;
  const HostTensor *value = type.initial ? &*type.initial : nullptr;
  if (!value) {
    SmallVector<int64_t> shape(type.type.shape);
    for (int64_t &size : shape)
      size = ShapedType::isDynamic(size) ? 0 : size;
    auto created = HostTensor::create(type.type.elementType, shape);
    if (!created)
      return created.takeError();
    value = &zeros.emplace(std::move(*created));
  }
  auto block = allocateBuffer(runtime, value->sizeInBytes());
  if (!block)
    return block.takeError();
  moe_rt_free(&runtime, reinterpret_cast<void *>(descriptor[0]));
  descriptor = describeBuffer(*block, value->shape());
  return writeBuffer(runtime, *block, value->data(), value->sizeInBytes());
}

llvm::Error Session::resetStates() {
  std::lock_guard<std::mutex> guard(running);
  for (auto [type, descriptor] : llvm::zip_equal(code.states(), states))
    if (llvm::Error error = beginState(type, descriptor))
      return error;
  return llvm::Error::success();
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
  CallFrame frame(code, inputs, runtime, states);
  if (llvm::Error error = frame.upload(inputs))
    return error;
  if (llvm::Error error = toError(frame.call()))
    return error;
  return frame.takeResults();
}

struct Session::Step::Frame {
  Frame(const Executable &code, ArrayRef<HostTensor> inputs,
        rt::Context &context, std::vector<std::vector<int64_t>> &states)
      : call(code, inputs, context, states), context(context),
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
  // A state is in another place after a step that makes it larger.
  if (!states.empty())
    return makeError("the function has state");
  auto frame = std::make_unique<Step::Frame>(code, inputs, runtime, states);
  if (llvm::Error error = frame->call.upload(inputs))
    return error;
  if (std::string problem = frame->device.beginCapture(); !problem.empty())
    return makeError("device " + frame->device.name() + ": " + problem);
  rt::Result result = frame->call.call();
  std::string problem;
  frame->graph = frame->device.endCapture(problem);
  if (llvm::Error error = toError(std::move(result)))
    return error;
  frame->ran = true;
  if (!frame->graph)
    return makeError("device " + frame->device.name() + ": " + problem);
  return std::unique_ptr<Step>(new Step(std::move(frame)));
}
