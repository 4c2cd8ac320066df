//===- GPUTarget.h - What a GPU offers --------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chips that code can be generated for, and the sizes that follow from what
// they have.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TARGET_GPUTARGET_H
#define MOE_TARGET_GPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace mlir::moe {

struct GPUTarget {
  /// "sm_90a"
  std::string chip;
  /// The version of PTX to write, times ten: 90 is PTX 9.0.
  unsigned ptxVersion;
  /// 80 for sm_80, 90 for sm_90a.
  unsigned computeCapability;
  /// Shared memory that one block may ask for.
  int64_t sharedBytesPerBlock;
  /// Typical of the chip; a device says its own when code runs.
  int64_t multiprocessors;
  /// What kernels of experts may multiply with, beside one thread for an
  /// element: instructions of a warpgroup, and of a warp.
  bool hasWGMMA;
  bool hasMMA;

  /// The description of `chip`, sm_80 or newer. `ptxVersion` of 0 is the newest
  /// that both LLVM and the chip know. An error names the nearest chip, or the
  /// versions that go with it.
  static llvm::Expected<GPUTarget> fromName(llvm::StringRef chip,
                                            unsigned ptxVersion = 0);

  /// Does without what is better than `kernels`: "wgmma" (takes nothing away),
  /// "mma" or "simt". An error for any other word.
  llvm::Error limitTo(llvm::StringRef kernels);

  /// "+ptx90", as LLVM's NVPTX back end spells it.
  std::string features() const;
};

} // namespace mlir::moe

#endif // MOE_TARGET_GPUTARGET_H
