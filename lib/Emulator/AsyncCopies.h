//===- AsyncCopies.h - Copies that land later -------------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operation is issued by a thread and lands at a random time, at the latest
// when somebody waits for it. Memory that it touches is out of bounds in
// between.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_ASYNCCOPIES_H
#define MOE_LIB_EMULATOR_ASYNCCOPIES_H

#include "Shadow.h"

#include <memory>

namespace mlir::moe::emu {

class Operation {
public:
  virtual ~Operation() = default;

  /// Copies, once.
  void land() {
    if (landed)
      return;
    landed = true;
    copy();
  }
  /// Lands, and lets go of what it guards, once. The event is that of whoever
  /// knows about it from now on.
  void finish(Event event) {
    land();
    if (finished)
      return;
    finished = true;
    finishEvent = event;
    letGo(event);
  }
  /// The event with which it has finished.
  Event finishedBy() const { return finishEvent; }
  bool hasLanded() const { return landed; }
  bool isFinished() const { return finished; }
  /// Why a block must not end without waiting for it, null if it may.
  virtual const char *mustBeWaitedFor() const { return nullptr; }

protected:
  virtual void copy() = 0;
  virtual void letGo(Event event) = 0;
  bool landed = false, finished = false;
  Event finishEvent;
};

using OperationRef = std::shared_ptr<Operation>;

/// Operations of a thread that complete by groups.
class CopyGroups {
public:
  void add(OperationRef operation) { open.push_back(std::move(operation)); }
  void commit();
  /// Until at most `count` groups have not finished.
  void wait(uint32_t count, Event event);
  /// All, whether committed or not.
  void finish(Event event);
  /// All that have been added and not waited for.
  std::vector<OperationRef> unfinished() const;

private:
  std::vector<OperationRef> open;
  std::vector<std::vector<OperationRef>> committed;
};

/// Most threads have none.
struct ThreadCopies {
  std::unique_ptr<CopyGroups> plain, bulk;
};

class AsyncCopies {
public:
  void start();
  void add(OperationRef operation) { flying.push_back(std::move(operation)); }
  bool empty() const { return flying.empty(); }
  /// Lands one, the `choice`-th; false if it had landed.
  bool landOne(uint32_t choice);
  uint32_t count() const { return flying.size(); }
  /// What must not be left when a block ends, null if nothing.
  const char *leftover() const;

private:
  std::vector<OperationRef> flying;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_ASYNCCOPIES_H
