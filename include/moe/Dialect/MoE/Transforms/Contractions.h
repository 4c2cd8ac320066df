//===- Contractions.h - What moe.contract stands for -----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H
#define MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "moe/Dialect/MoE/IR/MoE.h"

namespace mlir::moe {

/// Replaces `op` by linalg operations that compute the same.
void decomposeContract(RewriterBase &rewriter, ContractOp op);

/// The parameters of which `weight`, a value of the body `region` of a family,
/// is the tensor of the expert; null if it is none.
ParameterOp getParameterOfExpert(DispatchOp op, Region &region, Value weight);

/// Whether kernels find `weight`, in the body `region` of a family, by the
/// number of the expert: such a parameter, or if there is one expert any tensor
/// of static shape from outside.
bool isOfExpert(DispatchOp op, Region &region, Value weight);

/// Null if `linalg` is a product of rows [M, K] with weights [N, K], all of
/// f32, bf16 or f16, summed up in f32, which `lhs` and `rhs` then are; or why
/// not.
std::string matchProduct(linalg::LinalgOp linalg, Value &lhs, Value &rhs);

} // namespace mlir::moe

#endif // MOE_DIALECT_MOE_TRANSFORMS_CONTRACTIONS_H
