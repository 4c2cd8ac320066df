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
    } loc(fused<"moe_expert_0_1">["layer"("model.mlir":3:4)])
  }
  return
}
// The first call goes through a stub that does not keep whole vector registers.
// CHECK-LABEL: func.func @vectors
// CHECK-SAME: %[[V:.*]]: vector<8xf32>
// CHECK: scf.for
// CHECK:   %[[R:.*]] = memref.alloca_scope
// CHECK:     %[[P:.*]] = memref.alloca() : memref<vector<8xf32>>
// CHECK:     memref.store %[[V]], %[[P]][]
// CHECK:     %[[C:.*]] = func.call @moe_expert_1_0(%[[P]], %{{.*}}) : (memref<vector<8xf32>>, memref<8xf32>) -> f32
// CHECK:     memref.alloca_scope.return %[[C]] : f32
// CHECK:   scf.yield %[[R]]
func.func @vectors(%v: vector<8xf32>, %m: memref<8xf32>, %n: index, %s: f32) -> f32 {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %r = scf.for %i = %zero to %n step %one iter_args(%a = %s) -> f32 {
    %x = scf.execute_region -> f32 no_inline {
      vector.transfer_write %v, %m[%zero] : vector<8xf32>, memref<8xf32>
      %y = vector.reduction <add>, %v : vector<8xf32> into f32
      scf.yield %y : f32
    } loc(fused<"moe_expert_1_0">["model.mlir":7:4])
    scf.yield %x : f32
  }
  return %r : f32
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

// The name of a layer is none of a function.
// CHECK-LABEL: func.func @layer
// CHECK: call @outlined(%{{.*}}, %{{.*}}, %{{.*}})
func.func @layer(%m: memref<4xf32>, %i: index, %v: f32) {
  scf.execute_region no_inline {
    memref.store %v, %m[%i] : memref<4xf32>
    scf.yield
  } loc("moe_expert_7_0"("model.mlir":5:4))
  return
}

// CHECK: func.func private @moe_expert_0_1(
// CHECK-DAG: arith.constant 0 : index
// CHECK-DAG: memref.get_global @w

// CHECK: func.func private @moe_expert_1_0(%[[P:.*]]: memref<vector<8xf32>>, %{{.*}}: memref<8xf32>) -> f32
// CHECK: %[[V:.*]] = memref.load %[[P]][]
// CHECK: vector.transfer_write %[[V]]
