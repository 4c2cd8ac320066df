//===- Interpret.h - Requests to interpret a module -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_RANDOM_INTERPRET_H
#define MOE_TEST_RANDOM_INTERPRET_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/JSON.h"

namespace mlir::moe {

/// The answer to a request for what a module computes before and after passes.
llvm::json::Value interpret(const llvm::json::Object &request,
                            MLIRContext &context);

} // namespace mlir::moe

#endif // MOE_TEST_RANDOM_INTERPRET_H
