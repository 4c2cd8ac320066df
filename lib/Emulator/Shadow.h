//===- Shadow.h - Who touched shared memory last ----------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each 32-bit word of shared memory the last write and two of the reads
// since, and how many copies write it and matrix instructions or bulk stores
// read it in flight. A second access that nothing orders after the first is a
// race.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_SHADOW_H
#define MOE_LIB_EMULATOR_SHADOW_H

#include "Ordering.h"

namespace mlir::moe::emu {

class Block;

/// By what memory is accessed: the instructions of a thread and cp.async, or
/// TMA, wgmma and bulk copies. Only a fence makes writes of the one visible to
/// the other.
enum class Proxy { Generic, Async };

/// Bytes of shared memory, of which one word in `stride` bytes is looked at.
struct SharedRange {
  uint32_t address, bytes;
  uint32_t stride = 4;
};

class Shadow {
public:
  explicit Shadow(Block &block);

  /// `what` is the verb of a message: "reads", "wgmma reads".
  void read(const Thread &thread, SharedRange range, const char *what);
  void write(const Thread &thread, SharedRange range, const char *what);
  /// Reads and writes, in no race with others of its kind.
  void update(const Thread &thread, SharedRange range);
  /// Looks whether a read would race, and remembers nothing.
  void check(const Thread &thread, SharedRange range, const char *what);

  /// Between these two the range must not be touched; `event` is the write.
  void beginCopy(const Thread &thread, SharedRange range, const char *what);
  void endCopy(SharedRange range, Event event, Proxy proxy);
  /// Between these two the range must not be written. The read itself happens
  /// at the beginning, by the asynchronous proxy.
  void beginReading(const Thread &thread, SharedRange range, const char *what);
  void endReading(SharedRange range);

  void clear();

private:
  struct Word {
    Event writer, readers[2];
    uint16_t copies = 0, reading = 0;
    /// Which of the bytes `writer` wrote.
    uint8_t writtenBytes = 0;
    bool atomic = false;
    /// Whether `writer` is of the generic proxy.
    bool generic = false;
  };
  template <typename Visit> void visit(SharedRange range, Visit visit);
  bool unordered(const Event &event, const Thread &thread) const;
  /// Why an access to these bytes races, null if it does not.
  const char *readProblem(const Word &word, uint8_t bytes, const Thread &thread,
                          Event &other) const;
  const char *writeProblem(const Word &word, uint8_t bytes,
                           const Thread &thread, Event &other) const;
  const char *unorderedRead(const Word &word, const Thread &thread,
                            Event &other) const;
  void report(const Thread &thread, SharedRange range, const char *what,
              const char *problem, Event other, const char *lacks = "barrier");

  Block &block;
  std::vector<Word> words;
};

} // namespace mlir::moe::emu

#endif // MOE_LIB_EMULATOR_SHADOW_H
