//===- TrialParse.cpp - Whether a text can be parsed ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrialParse.h.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/TrialParse.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Operation.h"
#include "moe/Execution/Error.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/thread.h"
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

static constexpr int breakdowns[] = {SIGSEGV, SIGBUS, SIGABRT,
                                     SIGILL,  SIGFPE, SIGTRAP};

namespace {

/// What the process does, and how far it came. There is one in a process: the
/// handler of signals knows no other way to it.
class Trial {
public:
  Trial(StringRef text, StringRef fileName, const DialectRegistry &dialects)
      : text(text), fileName(fileName), dialects(dialects) {}

  /// Parses and verifies. An error ends the process, well.
  void run();
  /// The line of the operation that was read last, or is verified.
  int64_t line() const;

  int report = -1;

private:
  StringRef text, fileName;
  const DialectRegistry &dialects;
  AsmParserState state;
  Operation *verified = nullptr;
};

} // namespace

static Trial *trial = nullptr;

void Trial::run() {
  MLIRContext context(dialects, MLIRContext::Threading::DISABLED);
  // After its first error the parser is not to be gone on with, see Model.cpp.
  context.getDiagEngine().registerHandler([](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      _exit(0);
  });
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(text, fileName,
                                       /*RequiresNullTerminator=*/false),
      {});
  Block top;
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  if (succeeded(parseAsmSourceFile(manager, &top, config, &state)))
    top.walk([&](Operation *op) {
      verified = op;
      (void)op->getName().verifyInvariants(op);
      (void)op->getName().verifyRegionInvariants(op);
    });
  _exit(0);
}

int64_t Trial::line() const {
  const char *last = text.data();
  for (const AsmParserState::OperationDefinition &op : state.getOpDefs())
    if (!verified || op.op == verified)
      last = std::max(last, op.scopeLoc.Start.getPointer());
  return std::count(text.data(), last, '\n') + 1;
}

static void reportBreakdown(int signal) {
  // Should looking for the place break down or wait as well.
  alarm(2);
  for (int each : breakdowns)
    std::signal(each, SIG_DFL);
  int64_t line = trial->line();
  [[maybe_unused]] ssize_t written = write(trial->report, &line, sizeof(line));
  std::raise(signal);
}

[[noreturn]] static void runChild() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
  constexpr unsigned stackBytes = 256 << 20;
  llvm::thread thread(std::optional<unsigned>(stackBytes), [] {
    static char stack[1 << 16];
    stack_t alternative = {};
    alternative.ss_sp = stack;
    alternative.ss_size = sizeof(stack);
    sigaltstack(&alternative, nullptr);
    struct sigaction action = {};
    action.sa_handler = reportBreakdown;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (int each : breakdowns)
      sigaction(each, &action, nullptr);
    trial->run();
  });
  thread.join();
  _exit(0);
}

/// Whether the process broke down, as opposed to a limit that was met: what
/// follows the trial meets that again, and says so.
static bool brokeDown(int status) {
  return WIFSIGNALED(status) &&
         (WTERMSIG(status) == SIGALRM ||
          llvm::is_contained(breakdowns, WTERMSIG(status)));
}

llvm::Error moe::tryToParse(StringRef text, StringRef fileName,
                            const DialectRegistry &dialects) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return llvm::Error::success();
  pid_t process = fork();
  if (process == 0) {
    Trial here(text, fileName, dialects);
    here.report = ends[1];
    trial = &here;
    runChild();
  }
  close(ends[1]);
  int64_t line = 0;
  int status = 0;
  if (process > 0) {
    while (read(ends[0], &line, sizeof(line)) < 0 && errno == EINTR)
      ;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
      ;
  }
  close(ends[0]);
  if (!brokeDown(status))
    return llvm::Error::success();
  return makeError(fileName + ":" + llvm::Twine(line) +
                   ": MLIR cannot read the operation here, or the one that "
                   "follows: its operands have types that it is not made for");
}
