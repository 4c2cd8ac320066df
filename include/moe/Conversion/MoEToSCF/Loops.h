//===- Loops.h - Building loops over rows --------------------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small builders that the patterns of this conversion share.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOSCF_LOOPS_H
#define MOE_CONVERSION_MOETOSCF_LOOPS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

using LoopBody = function_ref<SmallVector<Value>(ImplicitLocOpBuilder &,
                                                 Value iv, ValueRange carried)>;

/// A loop over [lower, upper) that carries `inits`; the values after it.
SmallVector<Value> forEach(ImplicitLocOpBuilder &b, Value lower, Value upper,
                           ValueRange inits, LoopBody body);

using Element = function_ref<Value(ImplicitLocOpBuilder &, ValueRange indices)>;

/// A new tensor of the given sizes, each element computed by `element`.
Value generate(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes, Type type,
               Element element);

Value constantIndex(ImplicitLocOpBuilder &b, int64_t value);
Value extractAt(ImplicitLocOpBuilder &b, Value tensor, ValueRange indices);

/// How many threads there are, asked of the runtime.
Value numThreads(ImplicitLocOpBuilder &b);

/// An uninitialised tensor of `rows` rows that is like `like` otherwise.
Value emptyRowsLike(ImplicitLocOpBuilder &b, Value rows, Value like,
                    Type element = {});
/// An uninitialised tensor of that type (static apart from dimension 0).
Value emptyRows(ImplicitLocOpBuilder &b, Value rows, RankedTensorType type);
/// `tensor` filled with `scalar`.
Value fill(ImplicitLocOpBuilder &b, Value tensor, Value scalar);

/// Rows [first, first + count) of `tensor`.
Value sliceRows(ImplicitLocOpBuilder &b, Value tensor, Value first,
                Value count);
/// `into` with its rows from `first` on replaced by `rows`.
Value insertRows(ImplicitLocOpBuilder &b, Value rows, Value into, Value first,
                 Value count);
/// Inside scf.forall's in_parallel: the same, without a result.
void insertRowsInParallel(ImplicitLocOpBuilder &b, Value rows, Value into,
                          Value first, Value count);

/// `results` in the buffers of `destinations`.
SmallVector<Value> putInto(ImplicitLocOpBuilder &b, ValueRange results,
                           ValueRange destinations);

/// Stops the run with `message` unless a == b.
void assertEqual(ImplicitLocOpBuilder &b, Value a, Value c, StringRef message);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOSCF_LOOPS_H
