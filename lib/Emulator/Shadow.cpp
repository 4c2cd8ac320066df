//===- Shadow.cpp - Who touched shared memory last ------------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Shadow.h.
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"
#include "Block.h"

#include <algorithm>

using namespace mlir::moe;
using namespace mlir::moe::emu;

Shadow::Shadow(Block &block) : block(block) {
  words.resize((sharedBase + maximumSharedBytes) / 4);
}

void Shadow::clear() { std::fill(words.begin(), words.end(), Word()); }

/// Calls `visit` with each word of the range and a bit for each byte of it.
template <typename Visit> void Shadow::visit(SharedRange range, Visit visit) {
  const uint32_t end = range.address + range.bytes;
  for (uint32_t at = range.address & ~3u; at < end; at += range.stride) {
    uint32_t from = std::max(at, range.address), to = std::min(at + 4, end);
    uint8_t bytes = ((1u << (to - from)) - 1) << (from - at);
    visit(words[at / 4], bytes);
  }
}

bool Shadow::unordered(const Event &event, const Thread &thread) const {
  return !block.knowledge.happenedBefore(event, thread);
}

const char *Shadow::readProblem(const Word &word, uint8_t bytes,
                                const Thread &thread, Event &other) const {
  if (word.copies)
    return "a copy in flight still writes";
  if ((word.writtenBytes & bytes) && unordered(word.writer, thread)) {
    other = word.writer;
    return "wrote";
  }
  return nullptr;
}

const char *Shadow::writeProblem(const Word &word, uint8_t bytes,
                                 const Thread &thread, Event &other) const {
  if (word.reading)
    return "a wgmma or a bulk store in flight still reads";
  if (const char *problem = readProblem(word, bytes, thread, other))
    return problem;
  return unorderedRead(word, thread, other);
}

const char *Shadow::unorderedRead(const Word &word, const Thread &thread,
                                  Event &other) const {
  for (const Event &reader : word.readers)
    if (unordered(reader, thread)) {
      other = reader;
      return "read";
    }
  return nullptr;
}

void Shadow::report(const Thread &thread, SharedRange range, const char *what,
                    const char *problem, Event other, const char *lacks) {
  std::string text = block.threadName(thread.number) + " " + what + " " +
                     std::to_string(range.bytes) +
                     " bytes of shared memory at " +
                     std::to_string(range.address) + ", some of which ";
  if (!other.epoch)
    text += problem;
  else if (other.actor < block.threadCount)
    text += "thread " + std::to_string(other.actor) + " " + problem +
            " without a " + lacks + " between";
  else
    text += std::string("a copy ") + problem + " that it did not wait for";
  block.addRace(std::move(text));
}

void Shadow::read(const Thread &thread, SharedRange range, const char *what) {
  const char *problem = nullptr;
  Event other, self{thread.clock.epoch, thread.number};
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem)
      problem = readProblem(word, bytes, thread, other);
    if (word.readers[0].actor != self.actor)
      word.readers[1] = word.readers[0];
    word.readers[0] = self;
  });
  if (problem)
    report(thread, range, what, problem, other);
}

void Shadow::check(const Thread &thread, SharedRange range, const char *what) {
  const char *problem = nullptr;
  Event other;
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem)
      problem = readProblem(word, bytes, thread, other);
  });
  if (problem)
    report(thread, range, what, problem, other);
}

void Shadow::write(const Thread &thread, SharedRange range, const char *what) {
  const char *problem = nullptr;
  Event other, self{thread.clock.epoch, thread.number};
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem)
      problem = writeProblem(word, bytes, thread, other);
    const bool same = !word.atomic && word.writer.epoch == self.epoch &&
                      word.writer.actor == self.actor;
    word.writtenBytes = same ? word.writtenBytes | bytes : bytes;
    word.writer = self;
    word.atomic = false;
    word.generic = true;
    word.readers[0] = word.readers[1] = {};
  });
  if (problem)
    report(thread, range, what, problem, other);
}

void Shadow::update(const Thread &thread, SharedRange range) {
  const char *problem = nullptr;
  Event other, self{thread.clock.epoch, thread.number};
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem)
      problem = word.atomic ? unorderedRead(word, thread, other)
                            : writeProblem(word, bytes, thread, other);
    word.writtenBytes = bytes;
    word.writer = self;
    word.atomic = word.generic = true;
    word.readers[0] = word.readers[1] = {};
  });
  if (problem)
    report(thread, range, "updates", problem, other);
}

void Shadow::beginCopy(const Thread &thread, SharedRange range,
                       const char *what) {
  const char *problem = nullptr;
  Event other;
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem)
      problem = writeProblem(word, bytes, thread, other);
    ++word.copies;
  });
  if (problem)
    report(thread, range, what, problem, other);
}

void Shadow::endCopy(SharedRange range, Event event, Proxy proxy) {
  visit(range, [&](Word &word, uint8_t bytes) {
    --word.copies;
    word.writtenBytes = bytes;
    word.writer = event;
    word.atomic = false;
    word.generic = proxy == Proxy::Generic;
    word.readers[0] = word.readers[1] = {};
  });
}

void Shadow::beginReading(const Thread &thread, SharedRange range,
                          const char *what) {
  const char *problem = nullptr;
  Event other;
  visit(range, [&](Word &word, uint8_t bytes) {
    if (!problem && word.generic && (word.writtenBytes & bytes) &&
        !unordered(word.writer, thread) &&
        !block.knowledge.isFenced(word.writer, thread)) {
      problem = "wrote";
      other = word.writer;
    }
    ++word.reading;
  });
  if (problem)
    report(thread, range, what, problem, other, "fence.proxy.async");
  read(thread, range, what);
}

void Shadow::endReading(SharedRange range) {
  visit(range, [](Word &word, uint8_t) { --word.reading; });
}
