//===- Symbols.cpp - What converted kernels may link ----------------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of the instructions.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"
#include "moe/Emulator/Emulator.h"

using namespace mlir::moe;

#define INSTRUCTION(name) {#name, reinterpret_cast<void *>(name)}

const std::vector<rt::Symbol> &mlir::moe::emulatorSymbols() {
  static const std::vector<rt::Symbol> table = {
      INSTRUCTION(moe_emu_enter),
      INSTRUCTION(moe_emu_trap),
      INSTRUCTION(moe_emu_exit),
      INSTRUCTION(moe_emu_nanosleep),
      INSTRUCTION(moe_emu_tid_x),
      INSTRUCTION(moe_emu_tid_y),
      INSTRUCTION(moe_emu_tid_z),
      INSTRUCTION(moe_emu_ntid_x),
      INSTRUCTION(moe_emu_ntid_y),
      INSTRUCTION(moe_emu_ntid_z),
      INSTRUCTION(moe_emu_ctaid_x),
      INSTRUCTION(moe_emu_ctaid_y),
      INSTRUCTION(moe_emu_ctaid_z),
      INSTRUCTION(moe_emu_nctaid_x),
      INSTRUCTION(moe_emu_nctaid_y),
      INSTRUCTION(moe_emu_nctaid_z),
      INSTRUCTION(moe_emu_laneid),
      INSTRUCTION(moe_emu_warpid),
      INSTRUCTION(moe_emu_nwarpid),
      INSTRUCTION(moe_emu_dynamic_smem_size),
      INSTRUCTION(moe_emu_clock),
      INSTRUCTION(moe_emu_shared_static),
      INSTRUCTION(moe_emu_shared_dynamic),
      INSTRUCTION(moe_emu_shared_address),
      INSTRUCTION(moe_emu_shared_pointer),
      INSTRUCTION(moe_emu_global_load),
      INSTRUCTION(moe_emu_global_store),
      INSTRUCTION(moe_emu_shared_load),
      INSTRUCTION(moe_emu_shared_store),
      INSTRUCTION(moe_emu_shared_atomic),
      INSTRUCTION(moe_emu_fence_proxy_async),
      INSTRUCTION(moe_emu_barrier),
      INSTRUCTION(moe_emu_barrier_arrive),
      INSTRUCTION(moe_emu_mbarrier_init),
      INSTRUCTION(moe_emu_mbarrier_inval),
      INSTRUCTION(moe_emu_mbarrier_arrive),
      INSTRUCTION(moe_emu_mbarrier_arrive_expect_tx),
      INSTRUCTION(moe_emu_mbarrier_expect_tx),
      INSTRUCTION(moe_emu_mbarrier_wait),
      INSTRUCTION(moe_emu_mbarrier_test),
      INSTRUCTION(moe_emu_setmaxnreg),
      INSTRUCTION(moe_emu_warp_sync),
      INSTRUCTION(moe_emu_shfl),
      INSTRUCTION(moe_emu_vote),
      INSTRUCTION(moe_emu_redux),
      INSTRUCTION(moe_emu_elect),
      INSTRUCTION(moe_emu_cp_async),
      INSTRUCTION(moe_emu_cp_async_commit_group),
      INSTRUCTION(moe_emu_cp_async_wait_group),
      INSTRUCTION(moe_emu_cp_async_wait_all),
      INSTRUCTION(moe_emu_cp_async_mbarrier_arrive),
      INSTRUCTION(moe_emu_bulk_load),
      INSTRUCTION(moe_emu_bulk_store),
      INSTRUCTION(moe_emu_bulk_commit_group),
      INSTRUCTION(moe_emu_bulk_wait_group),
      INSTRUCTION(moe_emu_tma_load),
      INSTRUCTION(moe_emu_tma_store),
      INSTRUCTION(moe_emu_mma),
      INSTRUCTION(moe_emu_ldmatrix),
      INSTRUCTION(moe_emu_stmatrix),
      INSTRUCTION(moe_emu_wgmma),
      INSTRUCTION(moe_emu_wgmma_fence),
      INSTRUCTION(moe_emu_wgmma_commit_group),
      INSTRUCTION(moe_emu_wgmma_wait_group),
      INSTRUCTION(moe_emu_cvt_bf16x2),
      INSTRUCTION(moe_emu_cvt_f16x2),
      INSTRUCTION(moe_emu_cvt_tf32),
      INSTRUCTION(moe_emu_rcp),
      INSTRUCTION(moe_emu_rsqrt),
      INSTRUCTION(moe_emu_rsqrt_f64),
  };
  return table;
}
