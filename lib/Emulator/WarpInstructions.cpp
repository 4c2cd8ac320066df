//===- WarpInstructions.cpp - Instructions of a warp ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Synchronization, shuffles, votes, reductions, registers.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Instructions.h"

#include <algorithm>

using namespace mlir::moe;
using namespace mlir::moe::emu;

/// What a thread gets that no thread defined.
static constexpr uint32_t undefinedBits = ~0u;

template <typename Visit> static void forEachLane(uint32_t lanes, Visit visit) {
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      visit(lane);
}

void moe_emu_warp_sync(int32_t mask) {
  block->currentWarp().meet(
      mask, "bar.warp.sync", nullptr,
      [](Warp &warp, uint32_t lanes) { warp.order(lanes); });
}

namespace {
struct Shuffle {
  uint32_t kind, value, offset, clamp;
  uint32_t result = undefinedBits;
  bool inRange = false;
};
enum ShuffleKind : uint32_t { Butterfly, Up, Down, Index };
} // namespace

/// The lane that `lane` reads; in range or not.
static uint32_t sourceLane(const Shuffle &shuffle, uint32_t lane,
                           bool &inRange) {
  const uint32_t segments = shuffle.clamp >> 8 & 31, clamp = shuffle.clamp & 31;
  const uint32_t offset = shuffle.offset & 31;
  const uint32_t least = lane & segments, most = least | (clamp & ~segments);
  int32_t source = 0;
  switch (shuffle.kind) {
  case Butterfly:
    source = int32_t(lane ^ offset);
    break;
  case Up:
    source = int32_t(lane) - int32_t(offset);
    break;
  case Down:
    source = int32_t(lane + offset);
    break;
  default:
    source = int32_t(least | (offset & ~segments));
    break;
  }
  inRange =
      shuffle.kind == Up ? source >= int32_t(most) : source <= int32_t(most);
  return inRange ? uint32_t(source) : lane;
}

int64_t moe_emu_shfl(int32_t kind, int32_t mask, int32_t value, int32_t offset,
                     int32_t clamp) {
  Shuffle shuffle{uint32_t(kind), uint32_t(value), uint32_t(offset),
                  uint32_t(clamp)};
  block->currentWarp().meet(
      mask, "shfl.sync", &shuffle, [](Warp &warp, uint32_t lanes) {
        forEachLane(lanes, [&](uint32_t lane) {
          auto &mine = warp.operands<Shuffle>(lane);
          uint32_t source = sourceLane(mine, lane, mine.inRange);
          if (lanes >> source & 1)
            mine.result = warp.operands<Shuffle>(source).value;
        });
      });
  return int64_t(uint64_t(shuffle.inRange) << 32 | shuffle.result);
}

namespace {
struct Vote {
  uint32_t kind;
  bool predicate;
  uint32_t result = 0;
};
enum VoteKind : uint32_t { Any, All, Ballot, Uniform };
} // namespace

int32_t moe_emu_vote(int32_t kind, int32_t mask, int32_t predicate) {
  Vote vote{uint32_t(kind), predicate != 0};
  block->currentWarp().meet(
      mask, "vote.sync", &vote, [](Warp &warp, uint32_t lanes) {
        uint32_t ballot = 0;
        forEachLane(lanes, [&](uint32_t lane) {
          ballot |= uint32_t(warp.operands<Vote>(lane).predicate) << lane;
        });
        forEachLane(lanes, [&](uint32_t lane) {
          auto &mine = warp.operands<Vote>(lane);
          mine.result = mine.kind == Any      ? ballot != 0
                        : mine.kind == All    ? ballot == lanes
                        : mine.kind == Ballot ? ballot
                                              : !ballot || ballot == lanes;
        });
      });
  return int32_t(vote.result);
}

namespace {
struct Reduction {
  uint32_t kind, value;
};
enum ReductionKind : uint32_t { Add = 1, And, Max, Min, Or, UMax, UMin, Xor };
} // namespace

static uint32_t reduce(uint32_t kind, uint32_t a, uint32_t b) {
  switch (kind) {
  case Add:
    return a + b;
  case And:
    return a & b;
  case Or:
    return a | b;
  case Xor:
    return a ^ b;
  case Max:
    return uint32_t(std::max(int32_t(a), int32_t(b)));
  case Min:
    return uint32_t(std::min(int32_t(a), int32_t(b)));
  case UMax:
    return std::max(a, b);
  default:
    return std::min(a, b);
  }
}

int32_t moe_emu_redux(int32_t kind, int32_t mask, int32_t value) {
  Reduction reduction{uint32_t(kind), uint32_t(value)};
  block->currentWarp().meet(
      mask, "redux.sync", &reduction, [](Warp &warp, uint32_t lanes) {
        bool isFirst = true;
        uint32_t total = 0;
        forEachLane(lanes, [&](uint32_t lane) {
          const auto &mine = warp.operands<Reduction>(lane);
          total = isFirst ? mine.value : reduce(mine.kind, total, mine.value);
          isFirst = false;
        });
        forEachLane(lanes, [&](uint32_t lane) {
          warp.operands<Reduction>(lane).value = total;
        });
      });
  return int32_t(reduction.value);
}

int32_t moe_emu_elect(int32_t mask) {
  int32_t elected = 0;
  block->currentWarp().meet(mask, "elect.sync", &elected,
                            [](Warp &warp, uint32_t lanes) {
                              for (uint32_t lane = 0;; ++lane)
                                if (lanes >> lane & 1) {
                                  warp.operands<int32_t>(lane) = 1;
                                  return;
                                }
                            });
  return elected;
}

namespace {
struct RegisterChange {
  int32_t registers;
  bool increase;
};
} // namespace

static void requestRegisters(Warp &warp, const RegisterChange &change) {
  const uint32_t registers = uint32_t(change.registers);
  const uint32_t held = block->registers.of(warp.number());
  if (change.increase ? registers < held : registers > held)
    block->fail("setmaxnreg shall " +
                std::string(change.increase ? "increase" : "decrease") + " " +
                std::to_string(held) + " registers to " +
                std::to_string(registers));
  block->registers.request(warp.number(), registers);
}

void moe_emu_setmaxnreg(int32_t registers, int32_t increase) {
  if (registers < 24 || registers > 256 || registers % 8)
    block->fail("setmaxnreg of " + std::to_string(registers) +
                " registers, which is no multiple of 8 from 24 to 256");
  Warp &warp = block->currentWarp();
  RegisterChange change{registers, increase != 0};
  warp.meet(~0u, "setmaxnreg", &change, [](Warp &warp, uint32_t lanes) {
    for (uint32_t lane = 0;; ++lane)
      if (lanes >> lane & 1)
        return requestRegisters(warp, warp.operands<RegisterChange>(lane));
  });
  block->registers.wait(warp.number(), registers);
}
