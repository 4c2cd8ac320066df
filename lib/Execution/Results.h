//===- Results.h - Where results go -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks the places for results before the work is done, and fills them after
// it. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_RESULTS_H
#define MOE_LIB_EXECUTION_RESULTS_H

#include "moe/Execution/Run.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::moe {

/// An error if there are more --output or --expected-output than results, if
/// one makes no sense, or if a file to be written is one of `inputs` or is
/// written twice.
llvm::Error checkPlaces(const RunOptions &options, size_t numResults,
                        ArrayRef<std::string> inputs);

/// Prints and writes the results.
llvm::Error writeResults(const RunOptions &options,
                         ArrayRef<HostTensor> results);

/// An error with the code Mismatch that says how the results differ from
/// `expected`, where there is an expected one.
llvm::Error compareResults(const RunOptions &options,
                           ArrayRef<HostTensor> results,
                           ArrayRef<std::optional<HostTensor>> expected);

/// The file of a SPEC, empty if it has none.
std::string fileOfSpec(StringRef spec);

/// Lets `print` write to the file `path`, which appears whole, or, if `path` is
/// empty or "-", to `otherwise`.
llvm::Error writeTo(StringRef path, raw_ostream &otherwise,
                    llvm::function_ref<void(raw_ostream &)> print);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_RESULTS_H
