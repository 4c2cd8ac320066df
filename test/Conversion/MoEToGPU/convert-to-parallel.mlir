// RUN: moe-opt %s -split-input-file --moe-annotate-dispatches --moe-outline-experts --moe-convert-to-parallel --canonicalize | FileCheck %s
// RUN: moe-opt %s -split-input-file --moe-annotate-dispatches --moe-form-contractions --moe-outline-experts --moe-convert-to-parallel=chip=sm_90a --canonicalize \
// RUN:   --remarks-filter-missed="moe-form-contractions|moe-convert-to-parallel" 2>%t | FileCheck %s --check-prefix=GROUPED
// RUN: FileCheck %s --check-prefix=REMARK <%t
// RUN: not moe-opt %s --moe-convert-to-parallel=chip=sm_1 2>&1 | FileCheck %s --check-prefix=CHIP
// CHIP: error: unknown chip 'sm_1'

// No loop over tokens stands outside of an operation. The host reads once where
// experts begin, and goes over them: each body stands under the condition that it
// has rows.
// CHECK-LABEL: func.func @unlike
// CHECK-NOT: moe.
// CHECK: %[[BUFFER:.*]] = memref.alloc() : memref<3xindex>
// CHECK: %[[OFFSETS:.*]] = bufferization.to_tensor %[[BUFFER]]
// CHECK: %[[HOST:.*]] = bufferization.alloc_tensor() copy(%[[OFFSETS]]) {memory_space = 1 : i64}
// CHECK: scf.for %[[E:.*]] = %c0 to %c2
// CHECK: %[[FIRST:.*]] = tensor.extract %[[HOST]][%[[E]]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[E]], %c1
// CHECK: %[[SECOND:.*]] = tensor.extract %[[HOST]][%[[NEXT]]]
// CHECK: %[[COUNT:.*]] = arith.subi %[[SECOND]], %[[FIRST]]
// CHECK: %[[SOME:.*]] = arith.cmpi ugt, %[[COUNT]], %c0
// CHECK: scf.if %[[SOME]]
// The gather is an operation on all rows of the expert.
// CHECK: tensor.empty(%[[COUNT]])
// CHECK: linalg.generic
// CHECK: tensor.extract %{{.*}} : tensor<?xindex>
// CHECK: moe.call %[[E]] of [@moe_expert_0_0, @moe_expert_0_1](
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[FIRST]], 0] [%[[COUNT]], 4]
// CHECK: } else {
// CHECK-NOT: moe.
// CHECK: return
func.func @unlike(%x: tensor<?x4xf32>, %choice: tensor<?x1xi64>) -> tensor<?x4xf32> {
  %r = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^double(%mine: tensor<?x4xf32>):
    %sum = linalg.add ins(%mine, %mine : tensor<?x4xf32>, tensor<?x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %sum : tensor<?x4xf32>
  }, {
  ^keep(%mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A family: with a chip one launch for each stage, over the table of tiles; the
// host reads no offset. A kernel that streams weights is chosen by the number of
// places for assignments, and what is done with each element is in the kernel.
moe.parameters @up "experts.{0}.up" [4] : tensor<96x64xbf16>
moe.parameters @bias "experts.{0}.bias" [4] : tensor<96xf32>

// GROUPED-LABEL: func.func @family
// GROUPED: %[[OUT:.*]] = memref.alloc(%{{.*}}) : memref<?x96xbf16>
// GROUPED: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c64
// GROUPED: scf.if %[[FEW]] {
// GROUPED: gpu.launch_func @moe_family_0_0_few_module::@moe_family_0_0_few
// GROUPED-SAME: %[[OUT]] : memref<?x96xbf16>) {moe.tensor_maps = []}
// GROUPED: } else {
// GROUPED: gpu.launch_func @moe_family_0_0_many_module::@moe_family_0_0_many
// GROUPED-SAME: {moe.tensor_maps = [array<i64: 1, 64, {{[0-9]+}}, 1>]}
// GROUPED: gpu.module @moe_family_0_0_many_module
// GROUPED: nvvm.wgmma.mma_async
// GROUPED: arith.maximumf
// GROUPED: gpu.module @moe_family_0_0_few_module
// GROUPED: nvvm.mma.sync
// GROUPED: arith.maximumf

// Without one the host goes over the experts.
// CHECK-LABEL: func.func @family
// CHECK: scf.for %{{.*}} = %c0 to %c4
// CHECK: scf.if
func.func @family(%x: tensor<?x64xbf16>, %choice: tensor<?x2xi64>) -> tensor<?x96xbf16> {
  %zero = arith.constant 0.0 : f32
  %r = moe.route %choice : (tensor<?x2xi64>) -> !moe.routing<4>
  %rows = moe.dispatch %x by %r : (tensor<?x64xbf16>, !moe.routing<4>) -> tensor<?x96xbf16> {
  ^each(%e: index, %mine: tensor<?x64xbf16>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %mine, %c0 : tensor<?x64xbf16>
    %w = moe.parameter @up[%e] : tensor<96x64xbf16>
    %b = moe.parameter @bias[%e] : tensor<96xf32>
    %h0 = tensor.empty(%m) : tensor<?x96xf32>
    %h1 = linalg.broadcast ins(%b : tensor<96xf32>) outs(%h0 : tensor<?x96xf32>) dimensions = [0]
    %h2 = linalg.matmul
      indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>]
      ins(%mine, %w : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%h1 : tensor<?x96xf32>) -> tensor<?x96xf32>
    %o = tensor.empty(%m) : tensor<?x96xbf16>
    %y = linalg.map ins(%h2 : tensor<?x96xf32>) outs(%o : tensor<?x96xbf16>) (%v: f32, %old: bf16) {
      %relu = arith.maximumf %v, %zero : f32
      %t = arith.truncf %relu : f32 to bf16
      linalg.yield %t : bf16
    }
    moe.yield %y : tensor<?x96xbf16>
  }
  %y = moe.combine %rows by %r : (tensor<?x96xbf16>, !moe.routing<4>) -> tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}

// -----

// A body of another form runs expert by expert, and a remark says why.
// REMARK: its body is not a row of contractions: a product is not of rows with weights [columns, depth]
// GROUPED-LABEL: func.func @shared_weight
// GROUPED: scf.for %{{.*}} = %c0 to %c4
// GROUPED-NOT: gpu.launch_func
func.func @shared_weight(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %choice: tensor<?x1xi64>) -> tensor<?x8xf32> {
  %zero = arith.constant 0.0 : f32
  %r = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<4>
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%e: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %h0 = tensor.empty(%m) : tensor<?x8xf32>
    %h1 = linalg.fill ins(%zero : f32) outs(%h0 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %h2 = linalg.matmul ins(%mine, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%h1 : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %h2 : tensor<?x8xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A contraction that no kernel computes is one of linalg on the rows of each
// expert, and a remark says why.
moe.parameters @long "experts.{0}.long" [2] : tensor<268435457x1xf32>
// REMARK: the host launches each expert: columns and depth are at most 268435456, got 268435457 and 1
// GROUPED-LABEL: func.func @too_long
// GROUPED: scf.for %{{.*}} = %c0 to %c2
// GROUPED: linalg.generic {{.*}} ["parallel", "parallel", "reduction"]
// GROUPED-NOT: gpu.launch_func
// GROUPED-NOT: moe.contract
func.func @too_long(%x: tensor<?x1xf32>, %choice: tensor<?x1xi64>) -> tensor<?x268435457xf32> {
  %r = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x268435457xf32> {
  ^each(%e: index, %mine: tensor<?x1xf32>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %mine, %c0 : tensor<?x1xf32>
    %w = moe.parameter @long[%e] : tensor<268435457x1xf32>
    %o = tensor.empty(%m) : tensor<?x268435457xf32>
    %y = moe.contract rows(%mine) weights(%w) outs(%o) maps []
        : (tensor<?x1xf32>, tensor<268435457x1xf32>, tensor<?x268435457xf32>) -> tensor<?x268435457xf32> {
    ^bb0(%s: f32):
      moe.yield_element %s : f32
    }
    moe.yield %y : tensor<?x268435457xf32>
  }
  return %rows : tensor<?x268435457xf32>
}

// -----

// Without a column of assignments buffers still have a row to point to.
// GROUPED-LABEL: func.func @no_columns
// GROUPED-NOT: memref<0x5x
// GROUPED: %[[ROWS:.*]] = memref.alloc() : memref<1x5xf32>
// GROUPED: gpu.launch_func
// GROUPED-NOT: memref<0x5x
// GROUPED: return
func.func @no_columns(%x: tensor<?x5xf32>, %choice: tensor<?x0xi64>) -> tensor<?x5xf32> {
  %r = moe.route %choice : (tensor<?x0xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x5xf32>, !moe.routing<2>) -> tensor<?x5xf32> {
  ^each(%e: index, %mine: tensor<?x5xf32>):
    %y = linalg.exp ins(%mine : tensor<?x5xf32>) outs(%mine : tensor<?x5xf32>) -> tensor<?x5xf32>
    moe.yield %y : tensor<?x5xf32>
  }
  %y = moe.rows %rows by %r[0] : (tensor<?x5xf32>, !moe.routing<2>) -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// -----

// A routing is made by three kernels, and the host waits for none of them.
// CHECK-LABEL: func.func @routing
// CHECK-NOT: linalg.generic
// CHECK-NOT: gpu.launch
// CHECK: gpu.launch {{.*}} function(@count_assignments)
// CHECK-NOT: {{linalg.generic|gpu.launch|tensor.extract .*index}}
// CHECK: cf.assert {{.*}} "moe.route: a token has more than 2 assignments"
// CHECK-NOT: {{linalg.generic|gpu.launch}}
// CHECK: gpu.launch {{.*}} function(@scan_assignments)
// CHECK: gpu.barrier
// CHECK-NOT: {{linalg.generic|gpu.launch}}
// CHECK: gpu.launch {{.*}} function(@place_assignments)
// CHECK-NOT: {{linalg.generic|gpu.launch|cf.assert}}
// CHECK: bufferization.to_tensor
// CHECK: linalg.generic
// CHECK-NOT: {{linalg.generic|gpu.launch}}
// CHECK: return
func.func @routing(%mask: tensor<?x6xi1>, %weights: tensor<?x6xf16>) -> tensor<?x6xf32> {
  %r = moe.route %mask, %weights most(2) : (tensor<?x6xi1>, tensor<?x6xf16>) -> !moe.routing<6>
  %back = moe.weights %r : (!moe.routing<6>) -> tensor<?x6xf32>
  return %back : tensor<?x6xf32>
}
