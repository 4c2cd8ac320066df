//===- ScatterLoops.h - Loops that write rows at listed places --*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Front ends write a scatter as loops over the elements of its updates, each of
// which is inserted into a tensor that the loops carry.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_SCATTERLOOPS_H
#define MOE_ANALYSIS_SCATTERLOOPS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include <optional>

namespace mlir::moe {

/// for r, for the other dimensions j of `target`:
///   target[places[r], j] = updates[r, j], or += if it `adds`.
/// Places outside of the target may be left out. Dimensions of extent 1 of
/// `places` and `updates` are not counted.
struct ScatterLoop {
  Value target, places, updates;
  bool adds;
};

std::optional<ScatterLoop> matchScatterLoop(scf::ForOp loop);

/// sum = start; for r: sum += elements[r]; prefixes[r] = sum
struct PrefixSumLoop {
  Value start, elements;
  OpResult sum, prefixes;
};

std::optional<PrefixSumLoop> matchPrefixSumLoop(scf::ForOp loop);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_SCATTERLOOPS_H
