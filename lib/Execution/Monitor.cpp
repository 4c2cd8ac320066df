//===- Monitor.cpp - How long work takes ----------------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The watching thread, and what it prints.
//
//===----------------------------------------------------------------------===//

#include "moe/Execution/Monitor.h"
#include "moe/Execution/Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

using namespace mlir;
using namespace mlir::moe;

static constexpr double secondsBeforeProgress = 1;

Monitor::Monitor(StringRef subject, double limitSeconds)
    : subject(subject), limitSeconds(limitSeconds),
      onTerminal(isatty(STDERR_FILENO)),
      start(std::chrono::steady_clock::now()) {
  if (onTerminal || limitSeconds > 0)
    thread = std::thread([this] { watch(); });
}

void Monitor::setActivity(StringRef what) {
  std::lock_guard<std::mutex> guard(lock);
  activity = what.str();
}

void Monitor::stop() {
  {
    std::lock_guard<std::mutex> guard(lock);
    stopped = true;
  }
  changed.notify_all();
  if (thread.joinable())
    thread.join();
  eraseLine();
}

void Monitor::eraseLine() {
  if (std::exchange(lineShown, false))
    llvm::errs() << "\r\033[K";
}

void Monitor::watch() {
  std::unique_lock<std::mutex> guard(lock);
  while (!stopped) {
    std::chrono::duration<double> passed =
        std::chrono::steady_clock::now() - start;
    if (limitSeconds > 0 && passed.count() >= limitSeconds) {
      eraseLine();
      llvm::errs() << "moe-run: error: " << subject << ": still " << activity
                   << " at the limit of " << llvm::format("%g", limitSeconds)
                   << " s\n";
      // Compiled code cannot be stopped in any other way.
      _exit(static_cast<int>(ExitCode::Limit));
    }
    if (onTerminal && passed.count() >= secondsBeforeProgress) {
      llvm::errs() << "\r\033[Kmoe-run: " << activity << " "
                   << llvm::format("%.1f s", passed.count());
      lineShown = true;
    }
    double wait = 0.1;
    if (limitSeconds > 0)
      wait = std::min(wait, limitSeconds - passed.count());
    changed.wait_for(guard, std::chrono::duration<double>(wait));
  }
}
