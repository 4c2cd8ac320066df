//===- DropNames.cpp - Drop names of arguments and results ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "moe/Dialect/MoE/IR/MoE.h"
#include "moe/Dialect/MoE/IR/State.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::moe;

namespace mlir::moe {
#define GEN_PASS_DEF_DROPNAMESPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace mlir::moe

namespace {
struct DropNamesPass : mlir::moe::impl::DropNamesPassBase<DropNamesPass> {
  void runOnOperation() override {
    getOperation()->walk([](FunctionOpInterface function) {
      for (StringRef attribute : {nameAttr, keywordOnlyAttr, donatedAttr}) {
        for (unsigned i = 0; i < function.getNumArguments(); ++i)
          function.removeArgAttr(i, attribute);
        for (unsigned i = 0; i < function.getNumResults(); ++i)
          function.removeResultAttr(i, attribute);
      }
    });
  }
};
} // namespace
