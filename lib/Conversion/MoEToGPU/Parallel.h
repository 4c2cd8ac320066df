//===- Parallel.h - Element by element -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the conversions to data-parallel form share: tensors whose elements are
// each computed on their own, and the routing in that form.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_PARALLEL_H
#define MOE_LIB_CONVERSION_MOETOGPU_PARALLEL_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Conversion/MoEToSCF/Loops.h"
#include "moe/Conversion/MoEToSCF/MoEToSCF.h"
#include "moe/Target/GPUTarget.h"

namespace mlir::moe {

/// A routing in plain values that can be made and read by many threads:
/// !moe.routing<E> is converted to these six. `ids` and `weights` may be
/// longer than the number of assignments; token 0 and weight 0 fill them up.
struct ParallelRouting : PlainRouting {
  explicit ParallelRouting(ValueRange values)
      : PlainRouting(values), slots(values[5]) {}

  /// tensor<?x?xindex>, a row for each token: the numbers of its assignments,
  /// ascending, then -1.
  Value slots;
};

/// A new tensor with the sizes of `rows` rows of `like`, each element computed
/// by `element`.
Value generateRows(ImplicitLocOpBuilder &b, Value rows, Value like, Type type,
                   Element element);

/// `value` if `condition`, evaluated only then; otherwise `otherwise`.
Value choose(ImplicitLocOpBuilder &b, Value condition,
             function_ref<Value(ImplicitLocOpBuilder &)> value,
             Value otherwise);

/// Calls `body` for the assignments of `token`, in ascending order; `init` is
/// carried.
Value foldSlots(
    ImplicitLocOpBuilder &b, ParallelRouting routing, Value token, Value init,
    function_ref<Value(ImplicitLocOpBuilder &, Value slot, Value carried)>
        body);

void addParallelRoutingConversion(TypeConverter &converter);
void populateRouteToParallelPatterns(const TypeConverter &converter,
                                     RewritePatternSet &patterns);
void populateReadersToParallelPatterns(const TypeConverter &converter,
                                       RewritePatternSet &patterns);
/// With a target, families become kernels over tiles where they can.
void populateDispatchToParallelPatterns(const TypeConverter &converter,
                                        RewritePatternSet &patterns,
                                        const GPUTarget *target);

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_PARALLEL_H
