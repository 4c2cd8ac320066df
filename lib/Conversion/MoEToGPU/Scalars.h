//===- Scalars.h - Index arithmetic -*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Short names for the arithmetic of routings.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_CONVERSION_MOETOGPU_SCALARS_H
#define MOE_LIB_CONVERSION_MOETOGPU_SCALARS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::moe {

inline Value add(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::AddIOp::create(b, x, y);
}

inline Value compare(ImplicitLocOpBuilder &b, arith::CmpIPredicate predicate,
                     Value x, Value y) {
  return arith::CmpIOp::create(b, predicate, x, y);
}

inline Value both(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::AndIOp::create(b, x, y);
}

/// low <= x < high
inline Value within(ImplicitLocOpBuilder &b, Value x, Value low, Value high) {
  return both(b, compare(b, arith::CmpIPredicate::sge, x, low),
              compare(b, arith::CmpIPredicate::slt, x, high));
}

/// `count` plus one if `condition`.
inline Value countIf(ImplicitLocOpBuilder &b, Value condition, Value count) {
  return add(b, count,
             arith::IndexCastUIOp::create(b, b.getIndexType(), condition));
}

} // namespace mlir::moe

#endif // MOE_LIB_CONVERSION_MOETOGPU_SCALARS_H
