//===- DispatchBuilder.h - A dispatch in place of masked terms -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The routing, the dispatch, and what its result is combined with.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_LINALGTOMOE_DISPATCHBUILDER_H
#define MOE_LIB_CONVERSION_LINALGTOMOE_DISPATCHBUILDER_H

#include "ExpertTerms.h"

namespace mlir::moe {

/// Replaces `terms.result` by a computation in which its experts run on their
/// own rows.
void replaceByDispatch(ExpertTerms &terms);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_LINALGTOMOE_DISPATCHBUILDER_H
