//===- Version.h - What --version says --------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The version, the commit, and LLVM's version: the same for all tools.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_VERSION_H
#define MOE_TOOLS_VERSION_H

#include "Version.inc"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::moe {

/// Makes --version print it. To be called before arguments are parsed.
inline void setVersion() {
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "MoE " MOE_VERSION " (" MOE_COMMIT "), LLVM " LLVM_VERSION_STRING
          "\n";
  });
}

} // namespace mlir::moe

#endif // MOE_TOOLS_VERSION_H
