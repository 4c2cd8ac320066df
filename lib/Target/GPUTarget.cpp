//===- GPUTarget.cpp - What a GPU offers ----------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM stops the process at a pair of chip and PTX version that it does not
// know, so pairs are checked here. Sizes are those of NVIDIA's CUDA C++
// Programming Guide, table "Technical Specifications per Compute Capability".
//
//===----------------------------------------------------------------------===//

#include "moe/Target/GPUTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::moe;

namespace {
struct Chip {
  llvm::StringLiteral name;
  unsigned computeCapability;
  /// The first PTX version that knows the chip.
  unsigned firstPTX;
  int64_t sharedKiB;
  int64_t multiprocessors;
  bool hasWGMMA;
};
} // namespace

static constexpr Chip chips[] = {
    {"sm_80", 80, 70, 163, 108, false},   {"sm_86", 86, 71, 99, 84, false},
    {"sm_87", 87, 74, 163, 16, false},    {"sm_89", 89, 78, 99, 128, false},
    {"sm_90", 90, 78, 227, 132, false},   {"sm_90a", 90, 80, 227, 132, true},
    {"sm_100", 100, 86, 227, 148, false}, {"sm_100a", 100, 86, 227, 148, false},
    {"sm_120", 120, 87, 99, 170, false},  {"sm_120a", 120, 87, 99, 170, false}};

static constexpr unsigned ptxVersions[] = {
    70, 71, 72, 73, 74, 75, 76, 77, 78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 90};

llvm::Expected<GPUTarget> GPUTarget::fromName(llvm::StringRef name,
                                              unsigned ptxVersion) {
  const Chip *chip = llvm::find_if(
      chips, [&](const Chip &known) { return known.name == name; });
  if (chip == std::end(chips)) {
    std::string known = llvm::join(
        llvm::map_range(chips, [](const Chip &c) { return c.name.str(); }),
        ", ");
    return llvm::createStringError("unknown chip '" + name + "', known are " +
                                   known);
  }
  if (ptxVersion == 0)
    ptxVersion = ptxVersions[std::size(ptxVersions) - 1];
  if (!llvm::is_contained(ptxVersions, ptxVersion))
    return llvm::createStringError(
        "unknown PTX version " + llvm::Twine(ptxVersion) + ", known are " +
        llvm::Twine(ptxVersions[0]) + " to " +
        llvm::Twine(ptxVersions[std::size(ptxVersions) - 1]));
  if (ptxVersion < chip->firstPTX)
    return llvm::createStringError("chip '" + name + "' needs PTX version " +
                                   llvm::Twine(chip->firstPTX) +
                                   " or newer, got " + llvm::Twine(ptxVersion));
  return GPUTarget{chip->name.str(),        ptxVersion,
                   chip->computeCapability, chip->sharedKiB * 1024,
                   chip->multiprocessors,   chip->hasWGMMA,
                   /*hasMMA=*/true};
}

llvm::Error GPUTarget::limitTo(llvm::StringRef kernels) {
  if (!llvm::is_contained({"wgmma", "mma", "simt"}, kernels))
    return llvm::createStringError("unknown kernels '" + kernels +
                                   "', known are wgmma, mma, simt");
  hasWGMMA &= kernels == "wgmma";
  hasMMA &= kernels != "simt";
  return llvm::Error::success();
}

std::string GPUTarget::features() const {
  return "+ptx" + std::to_string(ptxVersion);
}
