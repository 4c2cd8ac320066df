//===- Results.h - Where results go -----------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks what is to become of results before the work is done, and does it
// after it. Private to this room.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EXECUTION_RESULTS_H
#define MOE_LIB_EXECUTION_RESULTS_H

#include "moe/Execution/Model.h"
#include "moe/Execution/Run.h"
#include "moe/Tensor/File.h"
#include "moe/Tensor/HostTensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::moe {

/// An error if an --output makes no sense.
llvm::Error checkOutputSpecs(const RunOptions &options);

/// Prints results, and writes those that have files, to the outputs of
/// `options`, one for each.
llvm::Error writeResults(const RunOptions &options, ArrayRef<ValueName> names,
                         ArrayRef<HostTensor> results, OutputFiles &files);

/// An error with the code Mismatch that says how the results differ from
/// `expected`, where there is an expected one.
llvm::Error compareResults(const RunOptions &options, ArrayRef<ValueName> names,
                           ArrayRef<HostTensor> results,
                           ArrayRef<std::optional<HostTensor>> expected);

/// Lets `print` write to one of `files` named `path`, or, if `path` is empty or
/// "-", to `otherwise`.
llvm::Error writeTo(StringRef path, raw_ostream &otherwise, OutputFiles &files,
                    llvm::function_ref<void(raw_ostream &)> print);

} // namespace mlir::moe

#endif // MOE_LIB_EXECUTION_RESULTS_H
