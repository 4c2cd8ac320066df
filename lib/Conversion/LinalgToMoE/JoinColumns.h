//===- JoinColumns.h - One tensor of what was computed for each -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A front end writes the mask of each expert as operations of its own. Where
// they differ in constants and slices only, all masks are computed by the
// operations of one, with one loop more: code and what reads it do not grow
// with the number of experts.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_JOINCOLUMNS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_JOINCOLUMNS_H

#include "mlir/IR/Builders.h"

namespace mlir::moe {

/// [N] columns of `element` to [N, their number].
Value joinColumns(OpBuilder &b, Location loc, ArrayRef<Value> columns,
                  Type element);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_JOINCOLUMNS_H
