//===- moe-run.cpp - Compile and run a model ------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exit codes: 0 ok, 1 error in the input, the compilation or the run, 2 usage,
// 3 comparison failed, 4 limit reached.
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "moe/Execution/Devices.h"
#include "moe/Execution/Error.h"
#include "moe/Execution/Run.h"
#include "moe/InitAll.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include <cstdlib>
#include <unistd.h>

using namespace mlir;

/// Flags such as --mlir-print-ir-after name passes; nothing else needs them.
static bool namesPasses(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = llvm::StringRef(argv[i]).ltrim('-');
    if (argument.starts_with("mlir-") || argument.starts_with("help-"))
      return true;
  }
  return false;
}

static int fail(llvm::Error error) {
  auto [message, code] = moe::takeMessage(std::move(error));
  llvm::outs().flush();
  llvm::errs() << "moe-run: error: " << message << "\n";
  return static_cast<int>(code);
}

/// LLVM calls these where it cannot return an error.
static void failOutOfMemory(void *, const char *, bool) {
  static const char text[] = "moe-run: error: out of memory\n";
  (void)!write(STDERR_FILENO, text, sizeof(text) - 1); // nothing is allocated
  _exit(static_cast<int>(moe::ExitCode::Limit));
}
static void failFatally(void *, const char *reason, bool isCrash) {
  if (llvm::StringRef(reason).starts_with("pthread_create failed"))
    failOutOfMemory(nullptr, reason, isCrash);
  llvm::errs() << "moe-run: error: " << reason << " (a bug of MoE)\n";
  _exit(static_cast<int>(moe::ExitCode::Bug));
}

/// What LLVM prints by itself, such as --help, ends in exit(), and an error of
/// standard output would end that in a crash.
static void reportLostOutput() {
  llvm::outs().flush();
  std::error_code error = llvm::outs().error();
  llvm::outs().clear_error();
  if (error)
    llvm::errs() << "moe-run: error: standard output: " << error.message()
                 << "\n";
  // Where standard error is lost as well there is nobody to tell.
  llvm::errs().clear_error();
  if (error)
    _exit(static_cast<int>(moe::ExitCode::Error));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // The streams exist before the handler, so that it runs before they end.
  llvm::outs();
  llvm::errs();
  std::atexit(reportLostOutput);
  llvm::setBugReportMsg("moe-run: this is a bug of MoE, not of the model; "
                        "please report it with the model and what follows\n");
  llvm::install_bad_alloc_error_handler(failOutOfMemory);
  llvm::install_fatal_error_handler(failFatally);
  if (namesPasses(argc, argv))
    moe::registerAllPasses();
  auto line = moe::parseCommandLine(argc, argv);
  if (!line)
    return fail(line.takeError());
  if (line->listDevices) {
    moe::listDevices(llvm::outs());
    return 0;
  }
  DialectRegistry registry;
  moe::registerAllDialects(registry);
  line->run.registry = &registry;
  if (llvm::Error error = moe::run(line->run))
    return fail(std::move(error));
  return 0;
}
