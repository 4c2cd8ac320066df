//===- Extents.h - Which sizes are the same ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Follows the size of a dimension through the operations that keep it, to what
// it comes from. Two sizes that come from the same are equal. No arithmetic is
// believed, since it may wrap around.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_EXTENTS_H
#define MOE_ANALYSIS_EXTENTS_H

#include "moe/Dialect/MoE/IR/MoE.h"
#include <optional>

namespace mlir::moe {

/// A size: a constant, dimension `dim` of a tensor, an index (`kIndex`), or the
/// number of tokens or assignments of a routing.
struct Extent {
  enum : int64_t { kIndex = -1, kTokens = -2, kAssignments = -3 };

  std::optional<int64_t> constant;
  Value value;
  int64_t dim = kIndex;

  bool operator==(const Extent &other) const {
    if (constant || other.constant)
      return constant == other.constant;
    return value == other.value && dim == other.dim;
  }
};

/// What dimension `dim` of a ranked tensor comes from.
Extent getExtent(Value tensor, int64_t dim);
/// The same of an index, static or not.
Extent getExtent(OpFoldResult size);
/// The number of tokens of a routing.
Extent getTokenExtent(Value routing);
/// The number of rows of an expert, none if no argument has rows.
std::optional<Extent> getRowExtent(DispatchOp dispatch, Region &body);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_EXTENTS_H
