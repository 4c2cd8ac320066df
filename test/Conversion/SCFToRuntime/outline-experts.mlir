// RUN: moe-opt %s --moe-outline-experts | FileCheck %s

// The function takes what the region captures; constants and globals are
// repeated in it. Its name is the one in the location.
memref.global @w : memref<4xf32>
// CHECK-LABEL: func.func @main
// CHECK: scf.if
// CHECK:   call @moe_expert_0_1(%{{.*}}, %{{.*}})
// CHECK-NOT: scf.execute_region
func.func @main(%c: i1, %m: memref<?x4xf32>, %i: index) {
  %zero = arith.constant 0 : index
  %w = memref.get_global @w : memref<4xf32>
  scf.if %c {
    scf.execute_region no_inline {
      %v = memref.load %w[%zero] : memref<4xf32>
      memref.store %v, %m[%i, %zero] : memref<?x4xf32>
      scf.yield
    } loc("moe_expert_0_1"("model.mlir":3:4))
  }
  return
}
// A region that may be inlined stays.
// CHECK-LABEL: func.func @stays
// CHECK: scf.execute_region
func.func @stays(%m: memref<4xf32>, %i: index, %v: f32) {
  scf.execute_region {
    memref.store %v, %m[%i] : memref<4xf32>
    scf.yield
  }
  return
}

// CHECK: func.func private @moe_expert_0_1(
// CHECK-DAG: arith.constant 0 : index
// CHECK-DAG: memref.get_global @w
