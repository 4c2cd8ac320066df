//===- RowIndependence.h - Are the rows of an expert independent? -*- C++
//-*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An expert body is *row-wise* if each row of each of its results depends on
// the same row of its arguments and on values that are the same for all rows,
// and on nothing else: not on the number of rows, not on the position of a row.
// The rows of such a body can be split into blocks, padded, or be those of
// other experts. The analysis is conservative: what it does not know is not
// row-wise.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ROWINDEPENDENCE_H
#define MOE_ANALYSIS_ROWINDEPENDENCE_H

#include "moe/Dialect/MoE/IR/MoE.h"
#include <string>

namespace mlir::moe {

/// Marks a cf.assert that checks an access and says nothing about the data:
/// if it holds for all rows it holds for some of them.
constexpr llvm::StringLiteral kGuardAttrName = "moe.guard";

struct RowIndependence {
  bool rowWise = true;
  /// The first operation that mixes rows, or cannot be seen not to.
  Operation *blocker = nullptr;
  /// What that operation does, lower case, no full stop.
  std::string reason;
};

/// Whether the body of an expert of `dispatch` is row-wise.
RowIndependence analyzeRowIndependence(DispatchOp dispatch, Region &body);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_ROWINDEPENDENCE_H
