//===- Device.cpp - The emulator as a device ------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory with guards around it, and launches one at a time in the process.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "TensorMap.h"
#include "moe/Emulator/Emulator.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

using namespace mlir::moe;
using namespace mlir::moe::emu;

namespace {
/// Bytes before and after each block of memory, and what they hold.
constexpr int64_t guardBytes = 256;
constexpr unsigned char guardByte = 0xA5;
/// More than any machine has.
constexpr int64_t maximumBytes = int64_t(1) << 39;

/// Instructions find their block through a variable of the process.
std::mutex launchLock;

class EmulatorDevice : public rt::Device {
public:
  explicit EmulatorDevice(EmulatorOptions options) : options(options) {
    global.add(&word, sizeof word);
  }
  ~EmulatorDevice() override {
    for (const auto &[address, bytes] : blocks)
      std::free(static_cast<unsigned char *>(address) - guardBytes);
  }

  std::string name() const override { return "cuda-emulator"; }
  std::string description() const override {
    return "emulator of sm_90a, seed " + std::to_string(options.seed);
  }
  std::string chip() const override { return "sm_90a"; }
  int64_t multiprocessors() const override { return options.multiprocessors; }

  void *allocate(int64_t bytes, std::string &problem) override;
  void release(void *block) override;
  std::string read(void *host, const void *device, int64_t bytes) override;
  std::string write(void *device, const void *host, int64_t bytes) override;
  std::string launch(MoEKernel &kernel, const rt::Launch &launch) override;
  std::string makeTensorMap(void *map,
                            const rt::TensorMapShape &shape) override;
  std::string synchronize() override;
  int64_t *failureWord() override { return &word; }
  void *failureWordOnDevice() override { return &word; }

private:
  /// Notes a problem if the guards of a block are not as they were.
  void checkGuards(const void *address, int64_t bytes);
  std::string takeProblem() { return std::exchange(pending, ""); }

  /// Several contexts may use the device.
  std::mutex lock;
  EmulatorOptions options;
  uint64_t launches = 0;
  std::map<void *, int64_t> blocks;
  GlobalMemory global;
  /// What the next call returns.
  std::string pending;
  int64_t word = 0;
  std::unique_ptr<Block> block;
};
} // namespace

void *EmulatorDevice::allocate(int64_t bytes, std::string &problem) {
  unsigned char *memory = nullptr;
  if (bytes >= 0 && bytes <= maximumBytes)
    memory = static_cast<unsigned char *>(
        std::aligned_alloc(256, (bytes + 255) / 256 * 256 + 2 * guardBytes));
  if (!memory) {
    problem = "no memory for " + std::to_string(bytes) + " bytes";
    return nullptr;
  }
  unsigned char *address = memory + guardBytes;
  std::memset(memory, guardByte, guardBytes);
  std::memset(address, 0xFF, bytes);
  std::memset(address + bytes, guardByte, guardBytes);
  std::lock_guard<std::mutex> guard(lock);
  blocks[address] = bytes;
  global.add(address, bytes);
  return address;
}

void EmulatorDevice::checkGuards(const void *address, int64_t bytes) {
  const auto *start = static_cast<const unsigned char *>(address);
  auto changed = [](const unsigned char *guard) {
    for (int64_t i = 0; i < guardBytes; ++i)
      if (guard[i] != guardByte)
        return true;
    return false;
  };
  const bool before = changed(start - guardBytes);
  if (pending.empty() && (before || changed(start + bytes)))
    pending = std::string("a kernel wrote ") +
              (before ? "in front of" : "beyond") + " a block of " +
              std::to_string(bytes) + " bytes";
}

void EmulatorDevice::release(void *address) {
  std::lock_guard<std::mutex> guard(lock);
  if (!address)
    return;
  auto found = blocks.find(address);
  if (found == blocks.end()) {
    pending = "memory is released that was not allocated";
    return;
  }
  checkGuards(address, found->second);
  std::free(static_cast<unsigned char *>(address) - guardBytes);
  blocks.erase(found);
  global.remove(address);
}

std::string EmulatorDevice::read(void *host, const void *device,
                                 int64_t bytes) {
  std::lock_guard<std::mutex> guard(lock);
  std::memcpy(host, device, bytes);
  return takeProblem();
}

std::string EmulatorDevice::write(void *device, const void *host,
                                  int64_t bytes) {
  std::lock_guard<std::mutex> guard(lock);
  std::memcpy(device, host, bytes);
  return takeProblem();
}

std::string EmulatorDevice::synchronize() {
  std::lock_guard<std::mutex> guard(lock);
  for (const auto &[address, bytes] : blocks)
    checkGuards(address, bytes);
  return takeProblem();
}

std::string EmulatorDevice::launch(MoEKernel &kernel,
                                   const rt::Launch &launch) {
  std::lock_guard<std::mutex> guard(lock);
  if (!pending.empty())
    return takeProblem();
  int64_t threads = 1;
  for (int64_t size : launch.block)
    threads *= size >= 1 && size <= 1024 ? size : 2048;
  if (threads > 1024)
    return std::string("kernel ") + kernel.name + ": a block of " +
           std::to_string(launch.block[0]) + " x " +
           std::to_string(launch.block[1]) + " x " +
           std::to_string(launch.block[2]) + " threads, at most 1024";
  std::lock_guard<std::mutex> launchGuard(launchLock);
  if (!block)
    block = std::make_unique<Block>();
  block->global = options.reachesHost ? nullptr : &global;
  auto function = reinterpret_cast<Kernel>(const_cast<void *>(kernel.image));
  return block->run(function, kernel.name, launch,
                    options.seed + 0x10001 * launches++);
}

std::string EmulatorDevice::makeTensorMap(void *map,
                                          const rt::TensorMapShape &shape) {
  TensorMap made;
  std::string problem = emu::makeTensorMap(made, shape);
  if (problem.empty())
    std::memcpy(map, &made, sizeof made);
  return problem;
}

std::unique_ptr<rt::Device>
mlir::moe::createEmulatorDevice(EmulatorOptions options) {
  if (!options.seed)
    if (const char *seed = std::getenv("MOE_EMULATOR_SEED"))
      options.seed = std::strtoull(seed, nullptr, 10);
  if (!options.seed)
    options.seed = 1;
  return std::make_unique<EmulatorDevice>(options);
}
