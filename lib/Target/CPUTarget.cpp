//===- CPUTarget.cpp - What the host processor offers ---------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks the processor for its vector unit and caches, and derives kernel sizes.
//
//===----------------------------------------------------------------------===//

#include "moe/Target/CPUTarget.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>
#include <optional>
#include <unistd.h>

using namespace mlir::moe;

static constexpr CPUTarget avx512{512, 32, true, 32 << 10, 1 << 20};
static constexpr CPUTarget avx2{256, 16, true, 32 << 10, 512 << 10};
static constexpr CPUTarget sse{128, 16, false, 32 << 10, 256 << 10};
static constexpr CPUTarget neon{128, 32, true, 32 << 10, 512 << 10};

static CPUTarget hostVectorUnit() {
  if (llvm::Triple(llvm::sys::getProcessTriple()).isAArch64())
    return neon;
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx512f") && features.lookup("avx512vl"))
    return avx512;
  if (features.lookup("avx2") && features.lookup("fma"))
    return avx2;
  return sse;
}

/// The size of a cache, or `fallback` where the system does not tell.
static int64_t cacheBytes(int name, int64_t fallback) {
  long bytes = sysconf(name);
  return bytes > 0 ? bytes : fallback;
}

CPUTarget CPUTarget::host() {
  // Asking takes a few thousand cycles per cache; the answer never changes.
  static const CPUTarget target = [] {
    CPUTarget target = hostVectorUnit();
    target.l1Bytes = cacheBytes(_SC_LEVEL1_DCACHE_SIZE, target.l1Bytes);
    target.l2Bytes = cacheBytes(_SC_LEVEL2_CACHE_SIZE, target.l2Bytes);
    return target;
  }();
  return target;
}

llvm::Expected<CPUTarget> CPUTarget::fromName(llvm::StringRef name) {
  if (name == "host")
    return host();
  auto target = llvm::StringSwitch<std::optional<CPUTarget>>(name)
                    .Case("avx512", avx512)
                    .Case("avx2", avx2)
                    .Case("sse", sse)
                    .Default(std::nullopt);
  if (target)
    return *target;
  return llvm::createStringError("unknown CPU target '" + name +
                                 "', expected host, avx512, avx2 or sse");
}

ContractionTile
CPUTarget::contractionTile(unsigned accumulatorBits,
                           std::optional<int64_t> resultColumns) const {
  ContractionTile tile;
  tile.lanes = lanes(accumulatorBits);
  if (resultColumns && *resultColumns < tile.lanes) {
    // Panels are transposed in blocks of the narrowest vector.
    int64_t narrowest = 128 / accumulatorBits;
    int64_t needed =
        llvm::bit_ceil<uint64_t>(std::max<int64_t>(*resultColumns, 1));
    tile.lanes = std::max(narrowest, needed);
  }
  // Two vectors per row use each broadcast of a left-hand element twice; one
  // register holds that broadcast and two the row of the panel. More than
  // eight rows, each a power of two apart, would share one set of the L1.
  int64_t vectorsPerRow = resultColumns && *resultColumns <= tile.lanes ? 1 : 2;
  tile.columns = vectorsPerRow * tile.lanes;
  int64_t free = vectorRegisters - vectorsPerRow - 1;
  tile.rows = std::min<int64_t>(8, free / vectorsPerRow);
  // A panel is read in order once per tile of rows, which the second level
  // keeps up with: long blocks read and write the result less often. Where it
  // is read a few times only, writing and reading it back is what counts, and
  // it keeps to two thirds of the first level.
  int64_t bytesPerStep = tile.columns * accumulatorBits / 8;
  auto steps = [&](int64_t bytes) {
    // Panels are transposed one or two vectors at a time.
    int64_t whole = bytes / bytesPerStep, unit = 2 * tile.lanes;
    return std::max(unit, whole - whole % unit);
  };
  tile.depth = steps(l2Bytes / 4);
  tile.shallowDepth = std::min(tile.depth, steps(l1Bytes * 2 / 3));
  tile.manyRows = 16 * tile.rows;
  tile.fewRows = 4 * tile.rows;
  tile.shortDepth = 16;
  return tile;
}
