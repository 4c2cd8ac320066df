//===- Instructions.h - What converted kernels call -------------*- C++ -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for each instruction, or family of them, that a CPU lacks.
// Pointers to shared memory point into the emulator's; others are the host's.
// They may be called only by a kernel that a device launched, and those that
// meet at a warp or wait may return after other threads have run.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_LIB_EMULATOR_INSTRUCTIONS_H
#define MOE_LIB_EMULATOR_INSTRUCTIONS_H

#include <cstdint>

namespace mlir::moe::emu {
class CopyGroups;
/// The bulk copies of the current thread.
CopyGroups &bulkGroups();
/// Fails if a pointer to global memory is not aligned.
void checkAligned(const void *pointer, uint32_t alignment, const char *what);
/// Fails if these bytes are not in one block of global memory.
void checkGlobal(const void *pointer, int64_t bytes, const char *what);
} // namespace mlir::moe::emu

extern "C" {

/// Comes first: what the kernel needs of shared memory, threads in a block,
/// registers in a thread, and blocks on a multiprocessor; 0 for any.
void moe_emu_enter(int32_t staticBytes, int32_t threads, int32_t registers,
                   int32_t blocks);
void moe_emu_trap();
void moe_emu_exit();
void moe_emu_nanosleep();

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

int32_t moe_emu_tid_x();
int32_t moe_emu_tid_y();
int32_t moe_emu_tid_z();
int32_t moe_emu_ntid_x();
int32_t moe_emu_ntid_y();
int32_t moe_emu_ntid_z();
int32_t moe_emu_ctaid_x();
int32_t moe_emu_ctaid_y();
int32_t moe_emu_ctaid_z();
int32_t moe_emu_nctaid_x();
int32_t moe_emu_nctaid_y();
int32_t moe_emu_nctaid_z();
int32_t moe_emu_laneid();
int32_t moe_emu_warpid();
int32_t moe_emu_nwarpid();
int32_t moe_emu_dynamic_smem_size();
/// Counts calls.
int64_t moe_emu_clock();

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// A global of the kernel, `offset` bytes after the first one.
void *moe_emu_shared_static(int32_t offset);
/// What a launch adds, behind the globals.
void *moe_emu_shared_dynamic(int32_t alignment);
/// The address that a kernel sees, and back.
int32_t moe_emu_shared_address(const void *pointer);
void *moe_emu_shared_pointer(int32_t address);
/// Come before a load, a store, an atomic operation.
void moe_emu_global_load(const void *pointer, int64_t bytes);
void moe_emu_global_store(const void *pointer, int64_t bytes);
void moe_emu_shared_load(const void *pointer, int64_t bytes);
void moe_emu_shared_store(const void *pointer, int64_t bytes);
void moe_emu_shared_atomic(const void *pointer, int64_t bytes);

//===----------------------------------------------------------------------===//
// Barriers. Reductions: 0 none, 1 count, 2 and, 3 or
//===----------------------------------------------------------------------===//

/// What the thread knows of is visible to TMA, wgmma and bulk copies.
void moe_emu_fence_proxy_async();
int32_t moe_emu_barrier(int32_t barrier, int32_t threads, int32_t reduction,
                        int32_t predicate);
void moe_emu_barrier_arrive(int32_t barrier, int32_t threads);

void moe_emu_mbarrier_init(void *barrier, int32_t count);
void moe_emu_mbarrier_inval(void *barrier);
/// Returns the phase before.
int64_t moe_emu_mbarrier_arrive(void *barrier, int32_t count);
int64_t moe_emu_mbarrier_arrive_expect_tx(void *barrier, int32_t bytes);
void moe_emu_mbarrier_expect_tx(void *barrier, int32_t bytes);
/// Waits until the phase of that parity has completed.
void moe_emu_mbarrier_wait(void *barrier, int32_t parity);
/// Whether it has.
int32_t moe_emu_mbarrier_test(void *barrier, int32_t parity);

void moe_emu_setmaxnreg(int32_t registers, int32_t increase);

//===----------------------------------------------------------------------===//
// Warps. Kinds are the numbers of NVVM's enumerations
//===----------------------------------------------------------------------===//

void moe_emu_warp_sync(int32_t mask);
/// The value, and from bit 32 on whether the source was in range.
int64_t moe_emu_shfl(int32_t kind, int32_t mask, int32_t value, int32_t offset,
                     int32_t clamp);
int32_t moe_emu_vote(int32_t kind, int32_t mask, int32_t predicate);
int32_t moe_emu_redux(int32_t kind, int32_t mask, int32_t value);
int32_t moe_emu_elect(int32_t mask);

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

void moe_emu_cp_async(void *target, const void *source, int32_t bytes,
                      int32_t sourceBytes);
void moe_emu_cp_async_commit_group();
void moe_emu_cp_async_wait_group(int32_t groups);
void moe_emu_cp_async_wait_all();
void moe_emu_cp_async_mbarrier_arrive(void *barrier, int32_t noIncrement);

void moe_emu_bulk_load(void *target, const void *source, void *barrier,
                       int32_t bytes);
void moe_emu_bulk_store(void *target, const void *source, int32_t bytes);
void moe_emu_bulk_commit_group();
void moe_emu_bulk_wait_group(int32_t groups);
void moe_emu_tma_load(void *target, const void *map, void *barrier,
                      int32_t rank, int32_t x0, int32_t x1, int32_t x2,
                      int32_t x3, int32_t x4);
void moe_emu_tma_store(const void *map, const void *source, int32_t rank,
                       int32_t x0, int32_t x1, int32_t x2, int32_t x3,
                       int32_t x4);

//===----------------------------------------------------------------------===//
// Matrices. Types: 0 bf16, 1 f16, 2 tf32
//===----------------------------------------------------------------------===//

/// 16 x 8 x 16, or 16 x 8 x 8 for tf32: adds the product to the thread's four
/// elements at `accumulators`.
void moe_emu_mma(float *accumulators, int32_t type, int32_t a0, int32_t a1,
                 int32_t a2, int32_t a3, int32_t b0, int32_t b1);
void moe_emu_ldmatrix(int32_t *results, const void *row, int32_t count,
                      int32_t transposed);
void moe_emu_stmatrix(void *row, int32_t count, int32_t transposed, int32_t r0,
                      int32_t r1, int32_t r2, int32_t r3);
/// 64 x columns x 16; without `accumulate` the accumulators are not read. Signs
/// are 1 or -1.
void moe_emu_wgmma(float *accumulators, int64_t descriptorA,
                   int64_t descriptorB, int32_t columns, int32_t type,
                   int32_t accumulate, int32_t signA, int32_t signB);
void moe_emu_wgmma_fence();
void moe_emu_wgmma_commit_group();
void moe_emu_wgmma_wait_group(int64_t groups);

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// `high` in the upper half; to nearest even.
int32_t moe_emu_cvt_bf16x2(float high, float low);
int32_t moe_emu_cvt_f16x2(float high, float low);
/// To nearest, ties away from zero.
int32_t moe_emu_cvt_tf32(float value);
float moe_emu_rcp(float value);
float moe_emu_rsqrt(float value);
double moe_emu_rsqrt_f64(double value);

} // extern "C"

#endif // MOE_LIB_EMULATOR_INSTRUCTIONS_H
