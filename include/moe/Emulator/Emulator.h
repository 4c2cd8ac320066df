//===- Emulator.h - A GPU made of threads that take turns -------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device that runs kernels on the CPU: the NVVM code that otherwise becomes
// PTX, with each instruction that a CPU lacks turned into a call of a function
// moe_emu_* (moe-convert-nvvm-to-emulator). Blocks run one after another, the
// threads of a block in an order that a seed decides, and asynchronous copies
// land as late as they may. Beside results it finds deadlocks, accesses outside
// of shared memory, and races on it:
//
//   - between the plain accesses, matrix instructions, and asynchronous copies
//   of
//     threads of a block that no barrier, mbarrier or bar.warp.sync orders;
//   - writes to what a wgmma or a bulk store in flight still reads, and
//   accesses
//     to what a copy in flight still writes.
//
// It misses races on global memory, races between bytes of one 32-bit word,
// reads of one word by more than two threads (the last two are remembered),
// races of a wgmma with stores of less than 16 bytes, and missing fences.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EMULATOR_EMULATOR_H
#define MOE_EMULATOR_EMULATOR_H

#include "moe/Runtime/Device.h"

namespace mlir::moe {

struct EmulatorOptions {
  /// Decides the order of threads and when copies land; the same seed and the
  /// same launches give the same order. 0: the environment variable
  /// MOE_EMULATOR_SEED, or 1.
  uint64_t seed = 0;
  /// Small, so that the blocks of a persistent grid take several tiles each.
  int64_t multiprocessors = 4;
  /// Whether kernels may reach all memory of the host, and not just what was
  /// allocated on the device.
  bool reachesHost = false;
};

/// The device "cuda-emulator". Its memory is the host's: addresses may be read
/// and written directly. New memory is filled with 0xFF bytes, which is NaN in
/// every float, and so is shared memory at the start of each block. Writing
/// beyond a block of memory is a problem that the next call after its release
/// returns, synchronize() included, which looks at live blocks too. A kernel
/// that reads or writes where no block is fails.
///
/// A launch ends before the call returns. Its problem names the kernel, the
/// block and what went wrong; it is "trap" if the kernel stopped itself.
std::unique_ptr<rt::Device> createEmulatorDevice(EmulatorOptions options = {});

/// What converted kernels call beside rt::symbols().
const std::vector<rt::Symbol> &emulatorSymbols();

} // namespace mlir::moe

#endif // MOE_EMULATOR_EMULATOR_H
