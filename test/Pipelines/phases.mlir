// RUN: moe-opt %s --moe-lower-to-cpu=to=routed | FileCheck %s --check-prefix=ROUTED
// RUN: moe-opt %s --moe-lower-to-cpu=to=grouped | FileCheck %s --check-prefix=GROUPED
// RUN: moe-opt %s --moe-lower-to-cpu=to=regions | mlir-opt | FileCheck %s --check-prefix=REGIONS
// RUN: moe-opt %s --moe-lower-to-cpu=to=tiled | FileCheck %s --check-prefix=TILED
// RUN: moe-opt %s --moe-lower-to-cpu=to=buffers | mlir-opt | FileCheck %s --check-prefix=BUFFERS
// RUN: moe-opt %s --moe-lower-to-cpu=to=machine | mlir-opt | FileCheck %s --check-prefix=MACHINE
// One can go on from any phase.
// RUN: moe-opt %s --moe-lower-to-cpu=to=regions | moe-opt --moe-lower-to-cpu=from=regions | FileCheck %s --check-prefix=MACHINE

// ROUTED: moe.gate
// ROUTED: moe.dispatch
// GROUPED-NOT: moe.gate
// GROUPED: moe.route
// GROUPED: moe.dispatch
// REGIONS-NOT: = moe.
// REGIONS: scf.forall
// REGIONS: linalg.matmul
// TILED-NOT: linalg.matmul
// TILED: vector.
// No weight is copied: rows of tokens are.
// BUFFERS-NOT: tensor<
// BUFFERS-NOT: memref.copy {{.*}}16x4
// BUFFERS: memref.view
// MACHINE-NOT: memref.
// MACHINE-NOT: scf.
// MACHINE: llvm.func @_mlir_ciface_main
moe.parameters @w "experts.{0}" [3] : tensor<16x4xf32>
func.func @main(%x: tensor<?x4xf32>, %scores: tensor<?x3xf32>) -> tensor<?x16xf32> {
  %r = moe.gate %scores softmax top_k(2) normalize : (tensor<?x3xf32>) -> !moe.routing<3>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x16xf32> {
  ^each(%expert: index, %mine: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %mine, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x16xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
    %w = moe.parameter @w[%expert] : tensor<16x4xf32>
    %y = linalg.matmul
        indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%mine, %w : tensor<?x4xf32>, tensor<16x4xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %y : tensor<?x16xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x16xf32>, !moe.routing<3>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
