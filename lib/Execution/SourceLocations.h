//===- SourceLocations.h - Locations of a model that was read ---*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A text may give its operations locations, `loc("router")`, which then stand
// in the place of theirs in the file. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_SOURCELOCATIONS_H
#define MOE_LIB_EXECUTION_SOURCELOCATIONS_H

#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::moe {

/// Makes each location below `top` a place in a file, under the name of a layer
/// where there is one (Dialect/MoE/IR/Locations.h): that which the text gives,
/// or else that of the operation around it. The place is the one that the text
/// gives, or else that of the operation in the text.
void setSourceLocations(Operation *top, const AsmParserState &state,
                        const llvm::SourceMgr &sources);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_SOURCELOCATIONS_H
