//===- moe-translate.cpp - The translation driver -------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translates a lowered module to LLVM IR and back.
//
//===----------------------------------------------------------------------===//

#include "../Version.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "moe/InitAll.h"

int main(int argc, char **argv) {
  mlir::moe::setVersion();
  mlir::registerAllTranslations();
  mlir::moe::registerAllTranslations();
  return failed(mlir::mlirTranslateMain(argc, argv, "MoE translation driver"));
}
