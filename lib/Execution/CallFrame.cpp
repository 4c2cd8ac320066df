//===- CallFrame.cpp - Arguments and results of one call ------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Laying out descriptors. Results come one after another, each at its natural
// alignment, as LLVM lays out a struct.
//
//===----------------------------------------------------------------------===//

#include "CallFrame.h"
#include "moe/Execution/Error.h"
#include "moe/Runtime/Runtime.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace mlir::moe;

static int64_t sizeInFrame(const ValueType &type) {
  if (type.isTensor)
    return 8 * (3 + 2 * type.shape.size());
  return bitWidth(type.elementType) / 8;
}

/// Where each result lies, those that are states behind the others; the last
/// entry is the size of all.
static SmallVector<int64_t> layOut(const Executable &code) {
  SmallVector<int64_t> offsets;
  int64_t end = 0;
  auto add = [&](const ValueType &type) {
    int64_t alignment = type.isTensor ? 8 : sizeInFrame(type);
    end = llvm::alignTo(end, alignment);
    offsets.push_back(end);
    end += sizeInFrame(type);
  };
  llvm::for_each(code.entryPoint().results, add);
  for (const StateType &state : code.states())
    add(state.type);
  offsets.push_back(end);
  return offsets;
}

std::vector<int64_t> moe::describeBuffer(const void *data,
                                         ArrayRef<int64_t> shape) {
  int64_t address = reinterpret_cast<int64_t>(data);
  std::vector<int64_t> descriptor = {address, address, 0};
  llvm::append_range(descriptor, shape);
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 1; dim > 0; --dim)
    strides[dim - 1] = strides[dim] * shape[dim];
  llvm::append_range(descriptor, strides);
  return descriptor;
}

CallFrame::CallFrame(const Executable &code, ArrayRef<HostTensor> inputs,
                     rt::Context &context,
                     std::vector<std::vector<int64_t>> &states)
    : code(code), entry(code.entryPoint()), context(context), states(states),
      device(context.device()), offsets(layOut(code)) {
  results.resize(llvm::divideCeil(offsets.back(), 8) + 1);
  resultsAddress = results.data();
  bool returnsValue =
      states.empty() && entry.results.size() == 1 && !entry.results[0].isTensor;
  // Addresses are taken once nothing grows any more.
  descriptors.reserve(inputs.size());
  values.reserve(inputs.size() + states.size());
  if (!returnsValue && offsets.size() > 1)
    pointers.push_back(&resultsAddress);
  for (auto [type, input] : llvm::zip_equal(entry.inputs, inputs)) {
    if (!type.isTensor) {
      pointers.push_back(const_cast<char *>(input.data()));
      continue;
    }
    descriptors.push_back(describeBuffer(input.data(), input.shape()));
    values.push_back(descriptors.back().data());
    pointers.push_back(&values.back());
  }
  for (std::vector<int64_t> &state : states) {
    values.push_back(state.data());
    pointers.push_back(&values.back());
  }
  if (returnsValue)
    pointers.push_back(resultsAddress);
}

CallFrame::~CallFrame() {
  for (void *block : uploaded)
    device->release(block);
  for (void *block : given)
    moe_rt_free(&context, block);
}

llvm::Expected<void *> moe::allocateBuffer(rt::Context &context,
                                           int64_t bytes) {
  void *block = nullptr;
  rt::Result result = context.invoke([&] {
    block = context.device() ? moe_rt_device_alloc(&context, bytes)
                             : moe_rt_alloc(&context, bytes, 64);
  });
  if (result.status != rt::Status::Ok)
    return limitError(result.message);
  return block;
}

llvm::Error moe::writeBuffer(rt::Context &context, void *block,
                             const void *source, int64_t bytes) {
  if (!context.device()) {
    std::memcpy(block, source, bytes);
    return llvm::Error::success();
  }
  rt::Result result = context.invoke(
      [&] { moe_rt_device_write(&context, block, source, bytes); });
  return result.status == rt::Status::Ok ? llvm::Error::success()
                                         : makeError(result.message);
}

llvm::Expected<void *> CallFrame::give(const HostTensor &input) {
  auto block = allocateBuffer(context, input.sizeInBytes());
  if (!block)
    return block;
  given.push_back(*block);
  if (llvm::Error error =
          writeBuffer(context, *block, input.data(), input.sizeInBytes()))
    return error;
  return block;
}

llvm::Error CallFrame::upload(ArrayRef<HostTensor> inputs) {
  auto descriptor = descriptors.begin();
  for (size_t index = 0; index < inputs.size(); ++index) {
    const HostTensor &input = inputs[index];
    if (!entry.inputs[index].isTensor)
      continue;
    std::vector<int64_t> &words = *descriptor++;
    if (entry.inputNames[index].donated) {
      auto block = give(input);
      if (!block)
        return block.takeError();
      words[0] = words[1] = reinterpret_cast<int64_t>(*block);
      continue;
    }
    if (!device)
      continue;
    std::string problem;
    int64_t bytes = input.sizeInBytes();
    void *block = device->allocate(std::max<int64_t>(bytes, 1), problem);
    if (!block)
      return limitError("cannot allocate " + std::to_string(bytes) +
                        " bytes for an input on " + device->name() + ": " +
                        problem);
    uploaded.push_back(block);
    if (bytes)
      problem = device->write(block, input.data(), bytes);
    if (!problem.empty())
      return makeError("device " + device->name() + ": " + problem);
    words[0] = words[1] = reinterpret_cast<int64_t>(block);
  }
  return llvm::Error::success();
}

rt::Result CallFrame::call() {
  void **arguments = pointers.data();
  MoEContext *passed = &context;
  Executable::Function function = code.function();
  return context.invoke([=] { function(passed, arguments); });
}

llvm::Expected<HostTensor> CallFrame::readResult(const ValueType &type,
                                                 const char *place) const {
  if (!type.isTensor) {
    auto scalar = HostTensor::create(type.elementType, {});
    if (scalar)
      std::memcpy(scalar->data(), place, scalar->sizeInBytes());
    return scalar;
  }
  SmallVector<int64_t> words(3 + type.shape.size());
  std::memcpy(words.data(), place, 8 * words.size());
  auto tensor = HostTensor::create(type.elementType,
                                   ArrayRef<int64_t>(words).drop_front(3));
  if (!tensor)
    return tensor;
  const char *data = reinterpret_cast<const char *>(words[1]) +
                     words[2] * bitWidth(type.elementType) / 8;
  int64_t bytes = tensor->sizeInBytes();
  if (!bytes)
    return tensor;
  if (!device) {
    std::memcpy(tensor->data(), data, bytes);
    return tensor;
  }
  rt::Result result = context.invoke(
      [&] { moe_rt_device_read(&context, tensor->data(), data, bytes); });
  if (result.status != rt::Status::Ok)
    return makeError(result.message);
  return tensor;
}

/// Moves the buffer that `state` describes to a block of its own.
static llvm::Error moveBuffer(rt::Context &context, const ValueType &type,
                              std::vector<int64_t> &state) {
  size_t rank = type.shape.size();
  auto shape = ArrayRef<int64_t>(state).slice(3, rank);
  auto bytes = checkedSizeInBytes(type.elementType, shape).value_or(0);
  auto *source = reinterpret_cast<char *>(state[1]) +
                 state[2] * bitWidth(type.elementType) / 8;
  std::vector<char> copy;
  if (context.device()) {
    copy.resize(bytes);
    rt::Result result = context.invoke(
        [&] { moe_rt_device_read(&context, copy.data(), source, bytes); });
    if (result.status != rt::Status::Ok)
      return makeError(result.message);
    source = copy.data();
  }
  auto block = allocateBuffer(context, bytes);
  if (!block)
    return block.takeError();
  state = describeBuffer(*block, SmallVector<int64_t>(shape));
  return writeBuffer(context, *block, source, bytes);
}

llvm::Error CallFrame::takeStates(ArrayRef<int64_t> places,
                                  llvm::SmallPtrSetImpl<void *> &blocks) {
  const char *base = reinterpret_cast<const char *>(results.data());
  auto blockOf = [](const std::vector<int64_t> &descriptor) {
    return reinterpret_cast<void *>(descriptor[0]);
  };
  for (const std::vector<int64_t> &state : states)
    blocks.insert(blockOf(state));
  // What a state has now is in the place of what another had, or new.
  for (auto [state, place] : llvm::zip_equal(states, places))
    std::memcpy(state.data(), base + place, 8 * state.size());
  llvm::Error problem = llvm::Error::success();
  llvm::SmallPtrSet<void *, 8> taken;
  for (auto [type, state] : llvm::zip_equal(code.states(), states)) {
    // Of one value in two states each has a copy.
    if (!taken.insert(blockOf(state)).second)
      problem = llvm::joinErrors(std::move(problem),
                                 moveBuffer(context, type.type, state));
    blocks.erase(blockOf(state));
    llvm::erase(given, blockOf(state));
  }
  return problem;
}

llvm::Expected<std::vector<HostTensor>> CallFrame::takeResults() {
  const char *base = reinterpret_cast<const char *>(results.data());
  auto places = ArrayRef<int64_t>(offsets).drop_back();
  std::vector<HostTensor> tensors;
  llvm::Error problem = llvm::Error::success();
  llvm::SmallPtrSet<void *, 8> blocks;
  for (auto [type, offset] : llvm::zip(entry.results, places)) {
    const char *place = base + offset;
    if (type.isTensor) {
      void *block = nullptr;
      std::memcpy(&block, place, sizeof(block));
      blocks.insert(block);
    }
    if (problem)
      continue;
    auto tensor = readResult(type, place);
    if (tensor)
      tensors.push_back(std::move(*tensor));
    else
      problem = tensor.takeError();
  }
  problem = llvm::joinErrors(
      std::move(problem),
      takeStates(places.drop_front(entry.results.size()), blocks));
  // An argument that is a result as well belongs to the caller.
  for (const std::vector<int64_t> &descriptor : descriptors)
    blocks.erase(reinterpret_cast<void *>(descriptor[0]));
  for (void *block : blocks)
    moe_rt_free(&context, block);
  if (problem)
    return std::move(problem);
  return tensors;
}
