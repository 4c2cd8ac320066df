//===- UnreachableExperts.h - Experts no token goes to ----------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which experts of a routing can be seen never to have a token, whatever the
// model is given.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_ANALYSIS_UNREACHABLEEXPERTS_H
#define MOE_ANALYSIS_UNREACHABLEEXPERTS_H

#include "mlir/IR/Value.h"
#include <string>

namespace mlir::moe {

struct UnreachableExpert {
  int64_t expert;
  std::string reason;
};

/// In ascending order; none of a routing that is neither a moe.gate nor a
/// moe.route. With `assumeFinite` numbers are finite that the program does not
/// make infinite.
llvm::SmallVector<UnreachableExpert> findUnreachableExperts(Value routing,
                                                            bool assumeFinite);

} // namespace mlir::moe

#endif // MOE_ANALYSIS_UNREACHABLEEXPERTS_H
