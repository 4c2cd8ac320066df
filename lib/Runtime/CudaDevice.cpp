//===- CudaDevice.cpp - A device of the CUDA driver -----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening and closing, memory and tensor maps. Kernels are in CudaKernels.cpp,
// captured steps in CudaGraph.cpp.
//
//===----------------------------------------------------------------------===//

#include "CudaDevice.h"
#include "moe/Runtime/Cuda.h"

#include <algorithm>
#include <cstring>

using namespace mlir::moe;
using namespace mlir::moe::rt;

using Guard = std::lock_guard<std::mutex>;

static cuda::Address toAddress(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

static std::string deviceName(int ordinal) {
  return "cuda:" + std::to_string(ordinal);
}

//===----------------------------------------------------------------------===//
// Finding devices
//===----------------------------------------------------------------------===//

std::string CudaProperties::read(const CudaDriver &driver, int ordinal) {
  char text[256] = "";
  std::string problem = driver(driver.cuDeviceGet, &device, ordinal);
  if (problem.empty())
    problem = driver(driver.cuDeviceGetName, text,
                     static_cast<int>(sizeof(text)), device);
  if (problem.empty())
    problem = driver(driver.cuDeviceTotalMem, &bytes, device);
  const std::pair<int *, int> attributes[] = {
      {&major, cuda::computeCapabilityMajor},
      {&minor, cuda::computeCapabilityMinor},
      {&multiprocessors, cuda::multiprocessorCount}};
  for (auto [value, attribute] : attributes)
    if (problem.empty())
      problem = driver(driver.cuDeviceGetAttribute, value, attribute, device);
  text[sizeof(text) - 1] = 0;
  model = text;
  return problem;
}

std::string CudaProperties::description() const {
  return model + ", sm_" + std::to_string(10 * major + minor) + ", " +
         std::to_string(bytes >> 30) + " GiB";
}

/// The driver and how many devices it has, which is not 0; or null.
static std::unique_ptr<CudaDriver> findDevices(int &count,
                                               std::string &problem) {
  std::unique_ptr<CudaDriver> driver = CudaDriver::load(problem);
  if (!driver)
    return nullptr;
  problem = (*driver)(driver->cuDeviceGetCount, &count);
  if (problem.empty() && count <= 0)
    problem = "the CUDA driver has no device";
  return problem.empty() ? std::move(driver) : nullptr;
}

std::vector<CudaDeviceInfo> rt::listCudaDevices(std::string &whyNone) {
  int count = 0;
  std::unique_ptr<CudaDriver> driver = findDevices(count, whyNone);
  std::vector<CudaDeviceInfo> devices;
  for (int ordinal = 0; driver && ordinal < count; ++ordinal) {
    CudaProperties properties;
    std::string problem = properties.read(*driver, ordinal);
    if (problem.empty())
      devices.push_back({deviceName(ordinal), properties.description()});
    else if (whyNone.empty())
      whyNone = deviceName(ordinal) + ": " + problem;
  }
  if (!devices.empty())
    whyNone.clear();
  return devices;
}

std::unique_ptr<Device> rt::openCudaDevice(int ordinal, std::string &problem) {
  int count = 0;
  std::unique_ptr<CudaDriver> driver = findDevices(count, problem);
  if (!driver)
    return nullptr;
  if (ordinal < 0 || ordinal >= count) {
    problem = "there is no " + deviceName(ordinal) + ": the machine has " +
              std::to_string(count) + (count == 1 ? " device" : " devices");
    return nullptr;
  }
  CudaProperties properties;
  problem = properties.read(*driver, ordinal);
  if (!problem.empty())
    return nullptr;
  auto device =
      std::make_unique<CudaDevice>(std::move(driver), ordinal, properties);
  problem = device->open();
  if (!problem.empty())
    return nullptr;
  return device;
}

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

CudaDevice::CudaDevice(std::unique_ptr<CudaDriver> driver, int ordinal,
                       CudaProperties properties)
    : driver(std::move(driver)), ordinal(ordinal),
      properties(std::move(properties)) {}

std::string CudaDevice::open() {
  const CudaDriver &call = *driver;
  std::string problem =
      call(call.cuDevicePrimaryCtxRetain, &context, properties.device);
  if (problem.empty())
    problem = enter();
  if (problem.empty())
    problem = call(call.cuStreamCreate, &stream, cuda::streamNonBlocking);
  if (!problem.empty())
    return problem;
  blocks.emplace(call);
  staging.emplace(call);
  word.emplace(call);
  problem = staging->open();
  if (problem.empty())
    problem = word->allocate(sizeof(int64_t));
  if (!problem.empty())
    return problem;
  *failureWord() = 0;
  cuda::Address address = 0;
  problem = call(call.cuMemHostGetDevicePointer, &address, word->data(), 0u);
  wordOnDevice = reinterpret_cast<void *>(static_cast<uintptr_t>(address));
  return problem;
}

/// A device that failed refuses all of this; the context is released anyway.
CudaDevice::~CudaDevice() {
  if (!context)
    return;
  enter();
  if (captured) {
    std::string ignored;
    endCapture(ignored);
  }
  if (stream)
    driver->cuStreamSynchronize.call(stream);
  for (auto &[id, graph] : graphs)
    destroy(graph);
  graphs.clear();
  for (auto &[image, module] : modules)
    driver->cuModuleUnload.call(module);
  word.reset();
  staging.reset();
  if (blocks)
    blocks->clear();
  if (stream)
    driver->cuStreamDestroy.call(stream);
  driver->cuDevicePrimaryCtxRelease.call(properties.device);
}

std::string CudaDevice::enter() const {
  return (*driver)(driver->cuCtxSetCurrent, context);
}

std::string CudaDevice::name() const { return deviceName(ordinal); }

/// Code for what only this generation of chips has is marked with an "a".
std::string CudaDevice::chip() const {
  return "sm_" + std::to_string(10 * properties.major + properties.minor) +
         (properties.major >= 9 ? "a" : "");
}

/// The release notes of PTX say which came with which version of CUDA.
int64_t CudaDevice::ptxVersion() const {
  static constexpr std::pair<int, int64_t> versions[] = {
      {13000, 90}, {12090, 88}, {12080, 87}, {12070, 86}, {12050, 85},
      {12040, 84}, {12030, 83}, {12020, 82}, {12010, 81}};
  int version = 0;
  if (!enter().empty() ||
      !(*driver)(driver->cuDriverGetVersion, &version).empty())
    return 80;
  for (auto [cuda, ptx] : versions)
    if (version >= cuda)
      return ptx;
  return 80;
}

int64_t *CudaDevice::failureWord() {
  return reinterpret_cast<int64_t *>(word->data());
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *CudaDevice::allocate(int64_t bytes, std::string &problem) {
  Guard guard(lock);
  problem = enter();
  void *block = problem.empty() ? blocks->allocate(bytes, problem) : nullptr;
  note(problem);
  return block;
}

void CudaDevice::release(void *block) {
  Guard guard(lock);
  blocks->release(block);
}

std::string CudaDevice::read(void *host, const void *device, int64_t bytes) {
  Guard guard(lock);
  if (captured)
    return refuseToWait();
  std::string problem = enter();
  return problem.empty() ? staging->read(stream, static_cast<char *>(host),
                                         toAddress(device), bytes)
                         : problem;
}

std::string CudaDevice::write(void *device, const void *host, int64_t bytes) {
  Guard guard(lock);
  std::string problem = enter();
  if (!problem.empty())
    return problem;
  if (captured)
    return capture(toAddress(device), host, bytes);
  return staging->write(stream, toAddress(device),
                        static_cast<const char *>(host), bytes);
}

std::string CudaDevice::synchronize() {
  Guard guard(lock);
  if (captured)
    return refuseToWait();
  std::string problem = enter();
  return problem.empty() ? (*driver)(driver->cuStreamSynchronize, stream)
                         : problem;
}

std::string CudaDevice::makeTensorMap(void *map, const TensorMapShape &shape) {
  constexpr int maximumRank = 5;
  // Rows of the box that are as long as the swizzle repeats.
  constexpr int64_t swizzledBytes = 128;
  if (std::string problem = checkTensorMap(shape); !problem.empty())
    return problem;
  uint64_t sizes[maximumRank], strides[maximumRank] = {};
  uint32_t box[maximumRank], steps[maximumRank];
  for (int64_t i = 0; i < shape.rank; ++i) {
    sizes[i] = std::max<int64_t>(shape.sizes[i], 1);
    box[i] = shape.box[i];
    steps[i] = 1;
    if (i > 0)
      strides[i - 1] = shape.strides[i - 1];
  }
  const bool swizzled = shape.box[0] * shape.elementBytes == swizzledBytes;
  Guard guard(lock);
  std::string problem = enter();
  if (!problem.empty())
    return problem;
  // The driver wants an alignment that the caller's memory need not have.
  alignas(64) char encoded[MoETensorMapBytes];
  problem = (*driver)(
      driver->cuTensorMapEncodeTiled, encoded,
      shape.elementBytes == 2 ? cuda::tensorUInt16 : cuda::tensorFloat32,
      static_cast<uint32_t>(shape.rank), const_cast<void *>(shape.base), sizes,
      strides, box, steps, cuda::interleaveNone,
      swizzled ? cuda::swizzle128B : cuda::swizzleNone, cuda::promotion256B,
      cuda::fillZero);
  if (problem.empty())
    std::memcpy(map, encoded, sizeof(encoded));
  return problem;
}
