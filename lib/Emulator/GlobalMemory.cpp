//===- GlobalMemory.cpp - What kernels may reach --------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GlobalMemory.h.
//
//===----------------------------------------------------------------------===//

#include "GlobalMemory.h"
#include "Block.h"
#include "Instructions.h"

using namespace mlir::moe;
using namespace mlir::moe::emu;

bool GlobalMemory::find(uintptr_t at, int64_t bytes) {
  if (bytes <= 0)
    return bytes == 0;
  auto after = blocks.upper_bound(at);
  if (after == blocks.begin())
    return false;
  auto [begin, size] = *std::prev(after);
  last = {begin, begin + static_cast<uintptr_t>(size)};
  return holds(last, at, bytes);
}

std::string GlobalMemory::placeOf(const void *address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  auto after = blocks.upper_bound(at);
  if (after != blocks.begin()) {
    auto [begin, size] = *std::prev(after);
    const uintptr_t offset = at - begin;
    // Farther away it is another block's business, or nobody's.
    constexpr uintptr_t near = 1 << 20;
    if (offset < static_cast<uintptr_t>(size) + near)
      return "at byte " + std::to_string(offset) + " of a block of " +
             std::to_string(size);
  }
  return "at no block of memory";
}

void emu::checkGlobal(const void *pointer, int64_t bytes, const char *what) {
  if (!block->global || block->global->holds(pointer, bytes))
    return;
  block->fail(block->threadName(block->current().number) + " " + what + " " +
              std::to_string(bytes) + " bytes of global memory " +
              block->global->placeOf(pointer));
}

void moe_emu_global_load(const void *pointer, int64_t bytes) {
  if (!block->inArena(pointer))
    checkGlobal(pointer, bytes, "reads");
}

void moe_emu_global_store(const void *pointer, int64_t bytes) {
  if (!block->inArena(pointer))
    checkGlobal(pointer, bytes, "writes");
}
