//===- Monitor.h - How long work takes --------------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread that watches the work of the others: after a second it says on a
// terminal what is being done, and at a limit it ends the process.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_EXECUTION_MONITOR_H
#define MOE_EXECUTION_MONITOR_H

#include "mlir/Support/LLVM.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mlir::moe {

class Monitor {
public:
  /// `limitSeconds` of 0 is no limit; reaching it is the exit code Limit with
  /// an error about `subject`. Starts no thread if there is nothing to watch.
  Monitor(StringRef subject, double limitSeconds);
  ~Monitor() { stop(); }

  /// Says what is done from now on, such as "compiling".
  void setActivity(StringRef activity);
  /// Ends the watch; the limit holds no longer.
  void stop();

private:
  void watch();
  void eraseLine();

  const std::string subject;
  const double limitSeconds;
  const bool onTerminal;
  const std::chrono::steady_clock::time_point start;
  std::mutex lock;
  std::condition_variable changed;
  std::string activity = "reading";
  bool stopped = false;
  bool lineShown = false;
  std::thread thread;
};

} // namespace mlir::moe

#endif // MOE_EXECUTION_MONITOR_H
