//===- moe-lsp-server.cpp - The language server ---------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Answers an editor's questions about .mlir files with the moe dialect.
//
//===----------------------------------------------------------------------===//

#include "../Version.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "moe/InitAll.h"

int main(int argc, char **argv) {
  mlir::moe::setVersion();
  mlir::DialectRegistry registry;
  mlir::moe::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
