//===- MergeExperts.h - Like experts become a family ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One body for experts that differ in their weights alone.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_MERGEEXPERTS_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_MERGEEXPERTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::moe {

/// Gives each dispatch of `function` whose bodies are the same, up to which
/// tensors of static shape they read, a single body that picks the tensors by
/// the number of the expert.
void mergeLikeExperts(func::FuncOp function);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_MERGEEXPERTS_H
