//===- Contractions.h - What moe.contract stands for -----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H
#define MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H

#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// Replaces `op` by linalg operations that compute the same.
void decomposeContract(RewriterBase &rewriter, ContractOp op);

/// The parameters of which `weight`, a value of the body `region` of a family,
/// is the tensor of the expert; null if it is none.
ParameterOp getParameterOfExpert(DispatchOp op, Region &region, Value weight);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H
