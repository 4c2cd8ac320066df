//===- DataTable.h - Data that a context has --------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `moe-convert-parameters-to-memref`, `moe-thread-context` and whoever
// makes a context agree on.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_DATATABLE_H
#define MOE_CONVERSION_DATATABLE_H

#include "llvm/ADT/StringRef.h"

namespace mlir::moe {

/// On a module in phase `machine`: the names of the data that its code reads
/// through the context, in the order of their addresses in MoEContext::data.
inline constexpr llvm::StringLiteral dataTableAttr = "moe.data";

/// Before the name of a weight in the checkpoint: the symbol of its data.
inline constexpr llvm::StringLiteral weightPrefix = "moe.weight.";
/// Before the symbol of a family: the table of its byte offsets.
inline constexpr llvm::StringLiteral offsetsPrefix = "moe.offsets.";

} // namespace mlir::moe

#endif // MOE_CONVERSION_DATATABLE_H
