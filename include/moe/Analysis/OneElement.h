//===- OneElement.h - The one number that a tensor holds --------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_ONEELEMENT_H
#define MOE_ANALYSIS_ONEELEMENT_H

#include "mlir/IR/Value.h"

namespace mlir::moe {

/// The scalar, or the tensor of one element, that all elements of `value` are;
/// null if that is not known.
Value getOneElement(Value value);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_ONEELEMENT_H
