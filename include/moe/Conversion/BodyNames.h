//===- BodyNames.h - Names of regions that become functions -----*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the lowering of a dispatch tells the outlining of its bodies.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_BODYNAMES_H
#define MOE_CONVERSION_BODYNAMES_H

#include "llvm/ADT/StringRef.h"

namespace mlir::moe {

/// On a `scf.execute_region no_inline`: the name of the function that its
/// region becomes. In a location from moe-name-bodies to moe-outline-experts.
inline constexpr llvm::StringLiteral bodyNameAttr = "moe.body";

} // namespace mlir::moe

#endif // MOE_CONVERSION_BODYNAMES_H
