// RUN: split-file %s %t
// RUN: moe-opt %t/kernels.mlir --moe-convert-nvvm-to-emulator | FileCheck %t/kernels.mlir
// RUN: moe-opt %t/instructions.mlir --moe-convert-nvvm-to-emulator | FileCheck %t/instructions.mlir
// RUN: moe-opt %t/errors.mlir --moe-convert-nvvm-to-emulator --split-input-file --verify-diagnostics

//--- kernels.mlir
// The host knows the kernel by a global that it declared.
// CHECK-DAG: llvm.mlir.global internal @moe.kernel.m.k() {{.*}}: !llvm.struct<(ptr, ptr, i64, i64)> {
// CHECK-DAG: llvm.mlir.global internal constant @moe.kernel.m.k.name("k\00")
// CHECK-DAG: llvm.mlir.addressof @m.k.entry
// CHECK-DAG: llvm.mlir.global internal constant @m.table(dense<[1, 2]>
// CHECK-NOT: gpu.module
// CHECK-NOT: gpu.container_module
module attributes {gpu.container_module} {
llvm.mlir.global external @moe.kernel.m.k() : !llvm.struct<(ptr, ptr, i64, i64)>
gpu.module @m {
  llvm.mlir.global internal constant @table(dense<[1, 2]> : tensor<2xi32>) {addr_space = 4 : i32} : !llvm.array<2 x i32>
  llvm.mlir.global internal @bytes() {addr_space = 3 : i32} : !llvm.array<5 x i8>
  llvm.mlir.global internal @words() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x i32>
  llvm.mlir.global internal @unused() {addr_space = 3 : i32} : !llvm.array<64 x i32>
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
  llvm.func @__nv_expf(f32) -> f32

  // CHECK-LABEL: llvm.func internal @m.helper(
  // CHECK-SAME: !llvm.ptr) -> f32
  llvm.func @helper(%p: !llvm.ptr<3>) -> f32 {
    // CHECK: llvm.call @moe_emu_shared_load
    // CHECK-NEXT: %[[X:.*]] = llvm.load
    %x = llvm.load %p : !llvm.ptr<3> -> f32
    // CHECK: llvm.call @expf(%[[X]])
    %y = llvm.call @__nv_expf(%x) : (f32) -> f32
    llvm.return %y : f32
  }

  // CHECK-LABEL: llvm.func internal @m.k(
  // CHECK-SAME: %[[MAP:.*]]: !llvm.ptr, %[[OUT:.*]]: !llvm.ptr, %[[N:.*]]: i32)
  // CHECK-NOT: nvvm.kernel
  llvm.func @k(%map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}, %out: !llvm.ptr<1> {llvm.noalias}, %n: i32)
      attributes {gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: 64, 2, 1>, nvvm.minctasm = 2 : i32} {
    // The five bytes come first, the words at the next multiple of 16.
    // CHECK: %[[SIXTEEN:.*]] = llvm.mlir.constant(16 : i32)
    // CHECK: %[[WORDS:.*]] = llvm.call @moe_emu_shared_static(%[[SIXTEEN]])
    %words = llvm.mlir.addressof @words : !llvm.ptr<3>
    // CHECK: llvm.mlir.constant(0 : i32)
    // CHECK: %[[BYTES:.*]] = llvm.call @moe_emu_shared_static
    %bytes = llvm.mlir.addressof @bytes : !llvm.ptr<3>
    // CHECK: llvm.mlir.constant(1024 : i32)
    // CHECK: %[[DYNAMIC:.*]] = llvm.call @moe_emu_shared_dynamic
    %dynamic = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    // CHECK: %[[T:.*]] = llvm.call @moe_emu_tid_x()
    %t = nvvm.read.ptx.sreg.tid.x range <i32, 0, 64> : i32
    // CHECK: %[[BYTECOUNT:.*]] = llvm.mlir.constant(4 : i64)
    // CHECK: llvm.call @moe_emu_shared_store(%[[WORDS]], %[[BYTECOUNT]])
    // CHECK-NEXT: llvm.store %[[T]], %[[WORDS]] : i32, !llvm.ptr
    llvm.store %t, %words : i32, !llvm.ptr<3>
    // CHECK: llvm.call @moe_emu_barrier
    nvvm.barrier0
    // CHECK: llvm.call @moe_emu_shared_atomic
    // CHECK: llvm.atomicrmw add %[[DYNAMIC]]
    %old = llvm.atomicrmw add %dynamic, %n monotonic : !llvm.ptr<3>, i32
    // A pointer that says nothing is not known to be shared.
    // CHECK-NOT: moe_emu_shared
    // CHECK: llvm.load %[[BYTES]]
    %generic = llvm.addrspacecast %bytes : !llvm.ptr<3> to !llvm.ptr
    %b = llvm.load %generic : !llvm.ptr -> i8
    // A kernel sees small integers for addresses.
    // CHECK: llvm.call @moe_emu_shared_address(%[[WORDS]])
    %address = llvm.ptrtoint %words : !llvm.ptr<3> to i64
    // CHECK: llvm.call @m.helper(%[[WORDS]])
    %f = llvm.call @helper(%words) : (!llvm.ptr<3>) -> f32
    // CHECK: llvm.mlir.addressof @m.table : !llvm.ptr
    %table = llvm.mlir.addressof @table : !llvm.ptr<4>
    %c = llvm.load %table : !llvm.ptr<4> -> i32
    // No note of what is not shared.
    // CHECK-NOT: moe_emu_shared
    // CHECK: llvm.store %{{.*}}, %[[OUT]] : f32, !llvm.ptr
    llvm.store %f, %out : f32, !llvm.ptr<1>
    llvm.return
  }
  // CHECK-LABEL: llvm.func internal @m.k.entry(
  // CHECK-SAME: %[[ARGUMENTS:.*]]: !llvm.ptr)
  // Its globals in shared memory, and what its attributes say.
  // CHECK-DAG: %[[STATIC:.*]] = llvm.mlir.constant(32 : i32)
  // CHECK-DAG: %[[THREADS:.*]] = llvm.mlir.constant(128 : i32)
  // CHECK-DAG: %[[BLOCKS:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK: llvm.call @moe_emu_enter(%[[STATIC]], %[[THREADS]], %{{.*}}, %[[BLOCKS]])
  // What is passed by value is where the argument is.
  // CHECK: llvm.getelementptr %[[ARGUMENTS]][0]
  // CHECK: %[[PASSEDMAP:.*]] = llvm.load
  // CHECK: llvm.getelementptr %[[ARGUMENTS]][1]
  // CHECK: %[[PLACE:.*]] = llvm.load
  // CHECK: %[[PASSEDOUT:.*]] = llvm.load %[[PLACE]] : !llvm.ptr -> !llvm.ptr
  // CHECK: llvm.call @m.k(%[[PASSEDMAP]], %[[PASSEDOUT]], %{{.*}}) : (!llvm.ptr, !llvm.ptr, i32) -> ()
}
}

//--- instructions.mlir
// A global is made where none is declared.
// CHECK-DAG: llvm.mlir.global internal @moe.kernel.m.k()
gpu.module @m {
  // CHECK-LABEL: llvm.func internal @m.k(
  llvm.func @k(%shared: !llvm.ptr<3>, %global: !llvm.ptr<1>, %map: !llvm.ptr, %i: i32, %f: f32, %d: i64, %yes: i1, %acc: !llvm.struct<(f32, f32, f32, f32)>)
      attributes {nvvm.kernel} {
    // The predicate becomes a branch.
    // CHECK: llvm.cond_br %{{.*}}, ^[[GUARDED:.*]], ^[[AFTER:.*]]
    // CHECK: ^[[GUARDED]]:
    // CHECK-NEXT: llvm.call @moe_emu_mbarrier_init
    // CHECK-NEXT: llvm.br ^[[AFTER]]
    nvvm.mbarrier.init %shared, %i, predicate = %yes : !llvm.ptr<3>, i32, i1
    // CHECK: llvm.call @moe_emu_mbarrier_arrive(
    %state = nvvm.mbarrier.arrive %shared : !llvm.ptr<3> -> i64
    // CHECK: llvm.call @moe_emu_mbarrier_arrive_expect_tx
    nvvm.mbarrier.arrive.expect_tx %shared, %i : !llvm.ptr<3>, i32
    // CHECK: llvm.call @moe_emu_mbarrier_wait
    nvvm.mbarrier.try_wait.parity %shared, %i, %i : !llvm.ptr<3>, i32, i32
    // CHECK-NOT: nvvm.fence
    nvvm.fence.mbarrier.init
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    // CHECK: llvm.call @moe_emu_warp_sync
    nvvm.bar.warp.sync %i : i32
    // CHECK: %[[BITS:.*]] = llvm.bitcast %{{.*}} : f32 to i32
    // CHECK: %[[BOTH:.*]] = llvm.call @moe_emu_shfl(%{{.*}}, %{{.*}}, %[[BITS]], %{{.*}}, %{{.*}})
    // CHECK: llvm.trunc %[[BOTH]] : i64 to i32
    %shuffled = nvvm.shfl.sync bfly %i, %f, %i, %i : f32 -> f32
    // CHECK: llvm.call @moe_emu_cp_async(
    nvvm.cp.async.shared.global %shared, %global, 16, cache = cg, %i : !llvm.ptr<3>, !llvm.ptr<1>, i32
    // CHECK: llvm.call @moe_emu_cp_async_mbarrier_arrive
    nvvm.cp.async.mbarrier.arrive %shared {noinc = true} : !llvm.ptr<3>
    // The rank and five coordinates.
    // CHECK: llvm.call @moe_emu_tma_load({{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32, i32, i32, i32, i32)
    nvvm.cp.async.bulk.tensor.shared.cluster.global %shared, %map, %shared, box [%i, %i] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    // CHECK: llvm.call @moe_emu_tma_store
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %shared, box [%i, %i] : !llvm.ptr, !llvm.ptr<3>
    // CHECK: llvm.call @moe_emu_wgmma_fence
    nvvm.wgmma.fence.aligned
    // Accumulators that are not read are not passed.
    // CHECK-NOT: llvm.store
    // CHECK: llvm.call @moe_emu_wgmma(
    // CHECK: %[[SUM:.*]] = llvm.load
    %zeroed = nvvm.wgmma.mma_async %d, %d, %acc, #nvvm.shape<m = 64, n = 8, k = 16>, D [<f32>, #nvvm.wgmma_scale_out<zero>], A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>], B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    // CHECK: llvm.store %[[SUM]]
    // CHECK: llvm.call @moe_emu_wgmma(
    %sum = nvvm.wgmma.mma_async %d, %d, %zeroed, #nvvm.shape<m = 64, n = 8, k = 16>, D [<f32>, #nvvm.wgmma_scale_out<one>], A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>], B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    // CHECK: llvm.call @moe_emu_mma(
    %product = nvvm.mma.sync A[%i, %i, %i, %i] B[%i, %i] C[%f, %f, %f, %f] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    // CHECK: llvm.call @moe_emu_stmatrix
    nvvm.stmatrix %shared, %i, %i {layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32
    // CHECK: llvm.call @moe_emu_cvt_bf16x2
    %pair = nvvm.convert.f32x2.to.bf16x2 %f, %f {rnd = #nvvm.fp_rnd_mode<rn>} : vector<2xbf16>
    // CHECK: llvm.call @exp2f
    %e = llvm.inline_asm asm_dialect = att "ex2.approx.ftz.f32 $0, $1;", "=f,f" %f : (f32) -> f32
    // CHECK: llvm.call @exp2f
    %p = nvvm.inline_ptx "ex2.approx.ftz.f32 {$w0}, {$r0};" ro(%f : f32) -> f32
    // CHECK: llvm.call @moe_emu_trap
    llvm.intr.trap
    llvm.return
  }
}

//--- errors.mlir
gpu.module @m {
  llvm.func @k() attributes {nvvm.kernel} {
    // expected-error@+1 {{'nvvm.breakpoint' is not emulated}}
    nvvm.breakpoint
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @k(%x: f32) attributes {nvvm.kernel} {
    // expected-error@+1 {{PTX instruction 'frob.f32' is not emulated}}
    %y = llvm.inline_asm "frob.f32 $0, $1;", "=f,f" %x : (f32) -> f32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @k(%x: f32) attributes {nvvm.kernel} {
    // Operands in another order are another function.
    // expected-error@+1 {{PTX 'cvt.rn.bf16x2.f32 $0, $2, $1;' is not emulated}}
    %y = llvm.inline_asm "cvt.rn.bf16x2.f32 $0, $2, $1;", "=r,f,f" %x, %x : (f32, f32) -> i32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @__nv_lgammaf(f32) -> f32
  llvm.func @k(%x: f32) attributes {nvvm.kernel} {
    // expected-error@+1 {{'__nv_lgammaf' is not emulated}}
    %y = llvm.call @__nv_lgammaf(%x) : (f32) -> f32
    llvm.return
  }
}

// -----

gpu.module @m {
  // expected-error@+1 {{'vprintf' is not emulated}}
  llvm.func @vprintf(!llvm.ptr, !llvm.ptr) -> i32
  llvm.func @k(%p: !llvm.ptr) attributes {nvvm.kernel} {
    %y = llvm.call @vprintf(%p, %p) : (!llvm.ptr, !llvm.ptr) -> i32
    llvm.return
  }
}

// -----

gpu.module @m {
  // expected-error@+1 {{a cluster of blocks is not emulated}}
  llvm.func @k() attributes {nvvm.kernel, nvvm.cluster_dim = array<i32: 2, 1, 1>} {
    llvm.return
  }
}
