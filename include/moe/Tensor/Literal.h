//===- Literal.h - Tensors as text ------------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors as a command line spells them:
//   2x3xf32=1 2 3 4 5 6      2x3xf32=[[1 2 3][4 5 6]]      f32=1.5
//   2x3xf32=0                4x8xf32=random(seed=1)
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TENSOR_LITERAL_H
#define MOE_TENSOR_LITERAL_H

#include "moe/Tensor/HostTensor.h"

#include <utility>

namespace mlir::moe {

/// Reads "2x3xf32"; sizes must be given.
llvm::Expected<std::pair<ElementType, SmallVector<int64_t>>>
parseTensorType(StringRef text);

/// Reads a type, '=' and values.
llvm::Expected<HostTensor>
parseLiteral(StringRef text, int64_t maxBytes = HostTensor::kNoLimit);

/// Prints what parseLiteral reads back to the same bits (a NaN to some NaN).
/// Of more than `limit` elements the rest shows as "...".
void printLiteral(raw_ostream &os, const HostTensor &tensor,
                  int64_t limit = HostTensor::kNoLimit);

/// One element with the fewest digits that read back the same.
std::string printElement(const HostTensor &tensor, int64_t index);

} // namespace mlir::moe

#endif // MOE_TENSOR_LITERAL_H
