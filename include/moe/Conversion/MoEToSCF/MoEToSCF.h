//===- MoEToSCF.h - From mixtures of experts to scf --------- -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns of `moe-convert-to-scf`. A routing becomes four plain values, a
// dispatch conditional regions and loops over the tiles of active experts.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_MOETOSCF_MOETOSCF_H
#define MOE_CONVERSION_MOETOSCF_MOETOSCF_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::moe {

/// A routing in plain values: !moe.routing<E> is converted to these four.
struct PlainRouting {
  /// Takes apart the five values that replace a routing.
  explicit PlainRouting(ValueRange values);

  Value numTokens; // index
  Value total;     // index: the number of assignments
  Value offsets;   // tensor<(E+1)xindex>: first assignment of each expert
  Value ids;       // tensor<?xindex>: token of each assignment
  Value weights;   // tensor<?xf32>: weight of each assignment
};

/// Adds the conversion of !moe.routing to its four values.
void addRoutingConversion(TypeConverter &converter);

/// Converts the dialect away by `patterns`, but for the declarations of
/// parameters and what reads them.
LogicalResult leaveDialect(ModuleOp module, TypeConverter &converter,
                           RewritePatternSet &&patterns);

/// moe.route and the operations that read a routing.
void populateRoutingToSCFPatterns(const TypeConverter &converter,
                                  RewritePatternSet &patterns);
/// moe.dispatch.
void populateDispatchToSCFPatterns(const TypeConverter &converter,
                                   RewritePatternSet &patterns);
/// moe.combine.
void populateCombineToSCFPatterns(const TypeConverter &converter,
                                  RewritePatternSet &patterns);
/// moe.rows and moe.pick.
/// Of moe.route_all, as operations on tensors, and of moe.num_tokens. A device
/// may have a sixth value of a routing: the numbers of the assignments of each
/// token.
void populateRouteAllPatterns(const TypeConverter &converter,
                              RewritePatternSet &patterns, bool withSlots);
void populateRowsAndPickToSCFPatterns(const TypeConverter &converter,
                                      RewritePatternSet &patterns);

} // namespace mlir::moe

#endif // MOE_CONVERSION_MOETOSCF_MOETOSCF_H
