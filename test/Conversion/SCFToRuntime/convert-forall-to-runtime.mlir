// RUN: moe-opt %s --moe-convert-forall-to-runtime --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @loop
// CHECK-SAME: %[[M:.*]]: memref<?xf32>, %[[N:.*]]: index
// CHECK: llvm.alloca
// CHECK: llvm.store
// CHECK: %[[F:.*]] = {{.*}}constant @tile_of_loop
// CHECK: llvm.call @moe_rt_parallel_for
// CHECK-NOT: scf.forall
// CHECK: func.func private @tile_of_loop(%{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CHECK: llvm.load
// CHECK: memref.store
func.func @loop(%m: memref<?xf32>, %n: index, %v: f32) {
  scf.forall (%i) in (%n) {
    memref.store %v, %m[%i] : memref<?xf32>
  }
  return
}

// -----

// Each round of the outer loop, whichever thread does it, has a record of its own for the inner one.
// CHECK-LABEL: func.func @nested
// CHECK: func.func private @tile_of_nested(
// CHECK: memref.store
// CHECK: func.func private @tile_of_nested{{.+}}(
// CHECK: %[[STACK:.*]] = llvm.intr.stacksave
// CHECK: %[[RECORD:.*]] = llvm.alloca
// CHECK: llvm.call @moe_rt_parallel_for(%{{.*}}, %[[RECORD]], %{{.*}})
// CHECK: llvm.intr.stackrestore %[[STACK]]
func.func @nested(%m: memref<?x?xf32>, %n: index, %v: f32) {
  scf.forall (%i) in (%n) {
    scf.forall (%j) in (%n) {
      memref.store %v, %m[%i, %j] : memref<?x?xf32>
    }
  }
  return
}

// -----

func.func @two_dimensions(%m: memref<?x?xf32>, %n: index, %v: f32) {
  // expected-error @below {{expects a loop over one dimension, from 0 with step 1}}
  scf.forall (%i, %j) in (%n, %n) {
    memref.store %v, %m[%i, %j] : memref<?x?xf32>
  }
  return
}

// -----

func.func @on_tensors(%t: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  // expected-error @below {{expects a loop in buffers, without results}}
  %r = scf.forall (%i) in (%n) shared_outs(%o = %t) -> tensor<4xf32> {
    %s = tensor.extract_slice %o[%i][1][1] : tensor<4xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i][1][1] : tensor<1xf32> into tensor<4xf32>
    }
  }
  return %r : tensor<4xf32>
}
