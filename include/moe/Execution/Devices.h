//===- Devices.h - The devices of a machine ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of devices, as users write them, and what they stand for.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_DEVICES_H
#define MOE_EXECUTION_DEVICES_H

#include "mlir/Support/LLVM.h"
#include "moe/Runtime/Device.h"
#include "llvm/Support/Error.h"

namespace mlir::moe {

/// What machine code is made for.
enum class MachineKind { CPU, CUDA, Emulator };

/// "cpu", "cuda", "cuda:N" or "cuda-emulator"; none for another name.
std::optional<MachineKind> parseDevice(StringRef name);

/// A device that is open as long as this lives; sessions on it end before.
class OpenedDevice {
public:
  /// Nothing for "cpu". An error says in one line why there is no such device.
  static llvm::Expected<OpenedDevice> open(StringRef name);

  MachineKind kind() const { return machine; }
  /// Null for the CPU.
  rt::Device *device() const { return opened.get(); }

private:
  OpenedDevice(MachineKind machine, std::unique_ptr<rt::Device> opened);

  MachineKind machine;
  std::unique_ptr<rt::Device> opened;
};

/// One line for each device: its name and what it is.
void listDevices(raw_ostream &os);

} // namespace mlir::moe

#endif // MOE_EXECUTION_DEVICES_H
