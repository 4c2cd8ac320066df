//===- ThreadInstructions.cpp - Instructions of one thread ----------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special registers, shared memory, barriers, arithmetic.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Instructions.h"
#include "Numbers.h"

#include <cmath>

using namespace mlir::moe;
using namespace mlir::moe::emu;

void moe_emu_enter(int32_t staticBytes, int32_t threads, int32_t registers,
                   int32_t blocks) {
  block->enter(staticBytes, threads, registers, blocks);
}

void moe_emu_trap() { block->trap(); }
void moe_emu_exit() { block->exitThread(); }
void moe_emu_nanosleep() { block->pause(); }

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

int32_t moe_emu_tid_x() { return block->current().index[0]; }
int32_t moe_emu_tid_y() { return block->current().index[1]; }
int32_t moe_emu_tid_z() { return block->current().index[2]; }
int32_t moe_emu_ntid_x() { return int32_t(block->launch->block[0]); }
int32_t moe_emu_ntid_y() { return int32_t(block->launch->block[1]); }
int32_t moe_emu_ntid_z() { return int32_t(block->launch->block[2]); }
int32_t moe_emu_ctaid_x() { return block->index[0]; }
int32_t moe_emu_ctaid_y() { return block->index[1]; }
int32_t moe_emu_ctaid_z() { return block->index[2]; }
int32_t moe_emu_nctaid_x() { return int32_t(block->launch->grid[0]); }
int32_t moe_emu_nctaid_y() { return int32_t(block->launch->grid[1]); }
int32_t moe_emu_nctaid_z() { return int32_t(block->launch->grid[2]); }
int32_t moe_emu_laneid() { return block->current().number % warpSize; }
int32_t moe_emu_warpid() { return block->current().number / warpSize; }
int32_t moe_emu_nwarpid() { return int32_t(block->warps.size()); }
int32_t moe_emu_dynamic_smem_size() {
  return int32_t(block->launch->sharedBytes);
}
int64_t moe_emu_clock() {
  static int64_t calls;
  return ++calls;
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

void *moe_emu_shared_static(int32_t offset) {
  return block->arena() + sharedBase + offset;
}

void *moe_emu_shared_dynamic(int32_t alignment) {
  const uint32_t start = sharedBase + block->staticBytes;
  return block->arena() + (start + alignment - 1) / alignment * alignment;
}

int32_t moe_emu_shared_address(const void *pointer) {
  return int32_t(static_cast<const unsigned char *>(pointer) - block->arena());
}

void *moe_emu_shared_pointer(int32_t address) {
  return block->arena() + uint32_t(address);
}

static SharedRange rangeOf(const void *pointer, int64_t bytes,
                           const char *what) {
  const uint32_t address = block->addressOf(pointer, what);
  block->shared(address, uint32_t(bytes), what);
  return {address, uint32_t(bytes)};
}

void moe_emu_shared_load(const void *pointer, int64_t bytes) {
  const SharedRange range = rangeOf(pointer, bytes, "reads");
  block->shadow.read(block->current(), range, "reads");
}

void moe_emu_shared_store(const void *pointer, int64_t bytes) {
  const SharedRange range = rangeOf(pointer, bytes, "writes");
  block->shadow.write(block->current(), range, "writes");
}

void moe_emu_shared_atomic(const void *pointer, int64_t bytes) {
  const SharedRange range = rangeOf(pointer, bytes, "updates");
  block->shadow.update(block->current(), range);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

int32_t moe_emu_barrier(int32_t barrier, int32_t threads, int32_t reduction,
                        int32_t predicate) {
  return block->barriers.sync(barrier, threads,
                              BarrierTable::Reduction(reduction), predicate);
}

void moe_emu_barrier_arrive(int32_t barrier, int32_t threads) {
  block->barriers.arrive(barrier, threads);
}

void moe_emu_fence_proxy_async() { block->knowledge.fence(block->current()); }

static uint32_t mbarrierAt(void *barrier, const char *what) {
  const uint32_t address = block->addressOf(barrier, what);
  block->shared(address, 8, what, 8);
  return address;
}

void moe_emu_mbarrier_init(void *barrier, int32_t count) {
  block->mbarriers.init(mbarrierAt(barrier, "initializes an mbarrier in"),
                        count);
}

void moe_emu_mbarrier_inval(void *barrier) {
  block->mbarriers.invalidate(
      mbarrierAt(barrier, "invalidates an mbarrier in"));
}

int64_t moe_emu_mbarrier_arrive(void *barrier, int32_t count) {
  return block->mbarriers.arrive(
      mbarrierAt(barrier, "arrives at an mbarrier in"), count, 0);
}

int64_t moe_emu_mbarrier_arrive_expect_tx(void *barrier, int32_t bytes) {
  return block->mbarriers.arrive(
      mbarrierAt(barrier, "arrives at an mbarrier in"), 1, bytes);
}

void moe_emu_mbarrier_expect_tx(void *barrier, int32_t bytes) {
  block->mbarriers.expectBytes(
      mbarrierAt(barrier, "expects bytes at an mbarrier in"), bytes);
}

void moe_emu_mbarrier_wait(void *barrier, int32_t parity) {
  block->mbarriers.wait(mbarrierAt(barrier, "waits for an mbarrier in"),
                        parity);
}

int32_t moe_emu_mbarrier_test(void *barrier, int32_t parity) {
  const uint32_t address = mbarrierAt(barrier, "tests an mbarrier in");
  if (block->mbarriers.test(address, parity))
    return 1;
  // Whoever asks again shall not ask for ever.
  block->pause();
  return 0;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

int32_t moe_emu_cvt_bf16x2(float high, float low) {
  return int32_t(uint32_t(bf16OfFloat(high)) << 16 | bf16OfFloat(low));
}

int32_t moe_emu_cvt_f16x2(float high, float low) {
  return int32_t(uint32_t(halfOfFloat(high)) << 16 | halfOfFloat(low));
}

int32_t moe_emu_cvt_tf32(float value) {
  uint32_t bits = bitsOfFloat(value);
  if ((bits & 0x7f800000) != 0x7f800000)
    bits += 0x1000;
  return int32_t(bits & ~0x1fffu);
}

float moe_emu_rcp(float value) { return 1.0f / value; }
float moe_emu_rsqrt(float value) { return 1.0f / std::sqrt(value); }
double moe_emu_rsqrt_f64(double value) { return 1.0 / std::sqrt(value); }
