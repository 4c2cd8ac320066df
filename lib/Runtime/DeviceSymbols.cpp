//===- DeviceSymbols.cpp - What a program with kernels may link -----------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of the device functions. Buffers of such a program are on the
// device, those that MLIR's own lowering allocates as well.
//
//===----------------------------------------------------------------------===//

#include "DeviceState.h"

using namespace mlir::moe;

/// Deallocations look alike, whoever's the block is: what the host's code
/// allocates for itself is the host's.
static void freeBlock(void *block) {
  if (rt::isDeviceBlock(block))
    moe_rt_device_free(block);
  else
    moe_rt_free(block);
}

static void dispatch(int64_t dispatch, int64_t instance, int64_t tokens,
                     int64_t experts, const int64_t *offsets) {
  // Outlives a failure of the read, which leaves without destructors.
  static thread_local std::vector<int64_t> copy;
  copy.resize(experts + 1);
  moe_rt_device_read(copy.data(), offsets,
                     static_cast<int64_t>(copy.size() * sizeof(int64_t)));
  moe_rt_dispatch(dispatch, instance, tokens, experts, copy.data());
}

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
      {"moe_rt_dispatch", address(dispatch)},
      {"_mlir_memref_to_llvm_free", address(freeBlock)},
  };
  return table;
}
