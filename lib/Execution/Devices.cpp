//===- Devices.cpp - The devices of a machine --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// There is no silent way back to the CPU: whoever asks for a device gets it or
// an error.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Devices.h"
#include "moe/Emulator/Emulator.h"
#include "moe/Execution/Error.h"
#include "moe/Runtime/Cuda.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::moe;

/// The number in "cuda" or "cuda:N", or none.
static std::optional<int> parseCudaOrdinal(StringRef name) {
  int ordinal = 0;
  if (!name.consume_front("cuda"))
    return std::nullopt;
  if (name.empty())
    return ordinal;
  if (!name.consume_front(":") || name.getAsInteger(10, ordinal) || ordinal < 0)
    return std::nullopt;
  return ordinal;
}

std::optional<MachineKind> moe::parseDevice(StringRef name) {
  if (name == "cpu")
    return MachineKind::CPU;
  if (name == "cuda-emulator")
    return MachineKind::Emulator;
  if (parseCudaOrdinal(name))
    return MachineKind::CUDA;
  return std::nullopt;
}

OpenedDevice::OpenedDevice(MachineKind machine,
                           std::unique_ptr<rt::Device> device)
    : machine(machine), opened(std::move(device)) {}

llvm::Expected<OpenedDevice> OpenedDevice::open(StringRef name) {
  std::optional<MachineKind> machine = parseDevice(name);
  if (!machine)
    return usageError("unknown device " + quote(name));
  if (*machine == MachineKind::CPU)
    return OpenedDevice(*machine, nullptr);
  if (*machine == MachineKind::Emulator)
    return OpenedDevice(*machine, createEmulatorDevice());
  std::string problem;
  auto device = rt::openCudaDevice(*parseCudaOrdinal(name), problem);
  if (!device)
    return makeError("--device=" + name + ": " + problem);
  return OpenedDevice(*machine, std::move(device));
}

void moe::listDevices(raw_ostream &os) {
  os << "cpu\n";
  std::string whyNone;
  for (const rt::CudaDeviceInfo &info : rt::listCudaDevices(whyNone))
    os << info.name << ": " << info.description << "\n";
  if (!whyNone.empty())
    os << "no cuda device: " << whyNone << "\n";
  os << "cuda-emulator: " << createEmulatorDevice()->description() << "\n";
}
