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

/// Where each result lies; the last entry is the size of all.
static SmallVector<int64_t> layOut(ArrayRef<ValueType> types) {
  SmallVector<int64_t> offsets;
  int64_t end = 0;
  for (const ValueType &type : types) {
    int64_t alignment = type.isTensor ? 8 : sizeInFrame(type);
    end = llvm::alignTo(end, alignment);
    offsets.push_back(end);
    end += sizeInFrame(type);
  }
  offsets.push_back(end);
  return offsets;
}

static std::vector<int64_t> describe(const HostTensor &tensor) {
  int64_t address = reinterpret_cast<int64_t>(tensor.data());
  std::vector<int64_t> descriptor = {address, address, 0};
  llvm::append_range(descriptor, tensor.shape());
  SmallVector<int64_t> strides(tensor.rank(), 1);
  for (int64_t dim = tensor.rank() - 1; dim > 0; --dim)
    strides[dim - 1] = strides[dim] * tensor.shape()[dim];
  llvm::append_range(descriptor, strides);
  return descriptor;
}

CallFrame::CallFrame(const EntryPoint &entry, ArrayRef<HostTensor> inputs,
                     rt::Context &context)
    : entry(entry), context(context), device(context.device()) {
  results.resize(llvm::divideCeil(layOut(entry.results).back(), 8) + 1);
  resultsAddress = results.data();
  bool returnsValue = entry.results.size() == 1 && !entry.results[0].isTensor;
  // Addresses are taken once nothing grows any more.
  descriptors.reserve(inputs.size());
  values.reserve(inputs.size());
  if (!returnsValue && !entry.results.empty())
    pointers.push_back(&resultsAddress);
  for (auto [type, input] : llvm::zip_equal(entry.inputs, inputs)) {
    if (!type.isTensor) {
      pointers.push_back(const_cast<char *>(input.data()));
      continue;
    }
    descriptors.push_back(describe(input));
    values.push_back(descriptors.back().data());
    pointers.push_back(&values.back());
  }
  if (returnsValue)
    pointers.push_back(resultsAddress);
}

CallFrame::~CallFrame() {
  for (void *block : uploaded)
    device->release(block);
}

llvm::Error CallFrame::upload(ArrayRef<HostTensor> inputs) {
  if (!device)
    return llvm::Error::success();
  auto descriptor = descriptors.begin();
  for (auto [type, input] : llvm::zip_equal(entry.inputs, inputs)) {
    if (!type.isTensor)
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
    (*descriptor)[0] = (*descriptor)[1] = reinterpret_cast<int64_t>(block);
    ++descriptor;
  }
  return llvm::Error::success();
}

rt::Result CallFrame::call(Executable::Function function) {
  void **arguments = pointers.data();
  MoEContext *passed = &context;
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

llvm::Expected<std::vector<HostTensor>> CallFrame::takeResults() {
  const char *base = reinterpret_cast<const char *>(results.data());
  SmallVector<int64_t> offsets = layOut(entry.results);
  std::vector<HostTensor> tensors;
  llvm::Error problem = llvm::Error::success();
  llvm::SmallPtrSet<void *, 8> blocks;
  for (auto [type, offset] : llvm::zip(entry.results, offsets)) {
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
  // An argument that is a result as well belongs to the caller.
  for (const std::vector<int64_t> &descriptor : descriptors)
    blocks.erase(reinterpret_cast<void *>(descriptor[0]));
  for (void *block : blocks)
    moe_rt_free(&context, block);
  if (problem)
    return std::move(problem);
  return tensors;
}
