//===- Places.h - Which files a run reads and writes ------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one check that no output takes the place of something that is read or of
// another output. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_PLACES_H
#define MOE_LIB_EXECUTION_PLACES_H

#include "moe/Execution/Model.h"
#include "moe/Execution/Run.h"

namespace mlir::moe {

/// The safetensors files, or directories of them, that a model's weights come
/// from: those that the user named, otherwise what lies beside the model.
std::vector<std::string> findWeights(const RunOptions &options,
                                     const ModelSource &source);

/// An error if a file that the options name to be written, in whatever mode, is
/// one that is read, another that is written, or one that may not be written.
llvm::Error checkPlaces(const RunOptions &options, const ModelSource &source);

/// The file of a SPEC, empty if it has none.
std::string fileOfSpec(StringRef spec);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_PLACES_H
