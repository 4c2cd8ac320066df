//===- DeviceSymbols.cpp - What a program with kernels may link -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of the device functions.
//
//===----------------------------------------------------------------------===//

#include "moe/Runtime/Device.h"

using namespace mlir::moe;

template <typename Function> static void *address(Function *function) {
  return reinterpret_cast<void *>(function);
}

const std::vector<rt::Symbol> &rt::deviceSymbols() {
  static const std::vector<Symbol> table = {
      {"moe_rt_device_alloc", address(moe_rt_device_alloc)},
      {"moe_rt_device_free", address(moe_rt_device_free)},
      {"moe_rt_device_read", address(moe_rt_device_read)},
      {"moe_rt_device_write", address(moe_rt_device_write)},
      {"moe_rt_device_constant", address(moe_rt_device_constant)},
      {"moe_rt_device_launch", address(moe_rt_device_launch)},
      {"moe_rt_device_multiprocessors", address(moe_rt_device_multiprocessors)},
      {"moe_rt_device_tensor_map", address(moe_rt_device_tensor_map)},
      {"moe_rt_device_failure_word", address(moe_rt_device_failure_word)},
  };
  return table;
}
