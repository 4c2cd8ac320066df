//===- CommandLine.h - The flags of moe-run ---------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns arguments into options of a run. LLVM's own flags stay available, but
// --help does not show them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_COMMANDLINE_H
#define MOE_TOOLS_MOE_RUN_COMMANDLINE_H

#include "moe/Execution/Run.h"
#include "llvm/Support/Error.h"

namespace mlir::moe {

/// What the arguments ask for.
struct CommandLine {
  RunOptions run;
  bool listDevices = false;
};

/// Prints and exits for --help and --version.
llvm::Expected<CommandLine> parseCommandLine(int argc, char **argv);

} // namespace mlir::moe

#endif // MOE_TOOLS_MOE_RUN_COMMANDLINE_H
