// RUN: moe-opt %s --moe-thread-context --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: module attributes {moe.data = ["moe.weight.w", "moe.offsets.f", "moe.arena"]}
module {
  // CHECK-NOT: llvm.mlir.global external @moe.
  llvm.mlir.global external @moe.weight.w() {addr_space = 0 : i32} : !llvm.array<4 x f32>
  llvm.mlir.global external @moe.offsets.f() {addr_space = 0 : i32} : !llvm.array<8 x i64>
  llvm.mlir.global external @moe.arena() {addr_space = 0 : i32} : !llvm.array<70368744177664 x i8>
  // What a program brings along stays its own.
  // CHECK-DAG: llvm.mlir.global private constant @message
  llvm.mlir.global private constant @message("no")
  llvm.mlir.global external @moe.kernel.k.k() : !llvm.struct<(ptr, ptr, i64, i64)>
  // CHECK-DAG: llvm.mlir.global external @moe.kernel.k.k()

  // CHECK-DAG: llvm.func @moe_rt_alloc(!llvm.ptr, i64, i64) -> !llvm.ptr
  // CHECK-DAG: llvm.func @moe_rt_free(!llvm.ptr, !llvm.ptr)
  // CHECK-NOT: _mlir_memref_to_llvm
  llvm.func @_mlir_memref_to_llvm_alloc(i64) -> !llvm.ptr
  llvm.func @_mlir_memref_to_llvm_free(!llvm.ptr)
  // CHECK-DAG: llvm.func @moe_rt_parallel_for(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64)
  llvm.func @moe_rt_parallel_for(!llvm.ptr, !llvm.ptr, i64)
  // CHECK-DAG: llvm.func @moe_rt_fail(!llvm.ptr, !llvm.ptr, i64)
  llvm.func @moe_rt_fail(!llvm.ptr, i64)
  // The library of C knows no context.
  // CHECK-DAG: llvm.func @expf(f32) -> f32
  llvm.func @expf(f32) -> f32

  // CHECK-LABEL: llvm.func @main(
  // CHECK-SAME: %[[C:.*]]: !llvm.ptr, %[[N:.*]]: i64 {llvm.noundef}
  llvm.func @main(%n: i64 {llvm.noundef}) -> f32 {
    // CHECK: %[[BLOCK:.*]] = llvm.call @moe_rt_alloc(%[[C]], %[[N]], %{{.*}})
    %block = llvm.call @_mlir_memref_to_llvm_alloc(%n) : (i64) -> !llvm.ptr
    // CHECK: %[[BODY:.*]] = llvm.mlir.addressof @body
    %body = llvm.mlir.addressof @body : !llvm.ptr
    // CHECK: llvm.call @moe_rt_parallel_for(%[[C]], %[[BODY]], %[[BLOCK]], %[[N]])
    llvm.call @moe_rt_parallel_for(%body, %block, %n) : (!llvm.ptr, !llvm.ptr, i64) -> ()
    // CHECK: llvm.call @moe_rt_free(%[[C]], %[[BLOCK]])
    llvm.call @_mlir_memref_to_llvm_free(%block) : (!llvm.ptr) -> ()
    // CHECK: %[[TABLE:.*]] = llvm.load %[[C]] invariant
    // CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    // CHECK: %[[OFFSETS:.*]] = llvm.load %[[SLOT]] invariant : !llvm.ptr -> !llvm.ptr
    %offsets = llvm.mlir.addressof @moe.offsets.f : !llvm.ptr
    // CHECK: llvm.load %[[OFFSETS]] : !llvm.ptr -> i64
    %offset = llvm.load %offsets : !llvm.ptr -> i64
    // CHECK: %[[TABLE:.*]] = llvm.load %[[C]] invariant
    // CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][2]
    // CHECK: llvm.load %[[SLOT]] invariant : !llvm.ptr -> !llvm.ptr
    %arena = llvm.mlir.addressof @moe.arena : !llvm.ptr
    %address = llvm.getelementptr %arena[%offset] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %y = llvm.load %address : !llvm.ptr -> f32
    // CHECK: %[[Z:.*]] = llvm.call @expf(%{{.*}}) : (f32) -> f32
    %z = llvm.call @expf(%y) : (f32) -> f32
    // CHECK: llvm.call @helper(%[[C]], %[[Z]]) : (!llvm.ptr, f32) -> f32
    %s = llvm.call @helper(%z) : (f32) -> f32
    llvm.return %s : f32
  }

  // CHECK: llvm.func internal @body(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
  llvm.func internal @body(%i: i64, %captured: !llvm.ptr) {
    %c2 = llvm.mlir.constant(2 : i64) : i64
    %text = llvm.mlir.addressof @message : !llvm.ptr
    // CHECK: llvm.call @moe_rt_fail(%{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, i64) -> ()
    llvm.call @moe_rt_fail(%text, %c2) : (!llvm.ptr, i64) -> ()
    llvm.return
  }

  // CHECK: llvm.func @helper(%[[C:.*]]: !llvm.ptr, %{{.*}}: f32) -> f32
  llvm.func @helper(%x: f32) -> f32 {
    // A weight may be read before anything asks whether it must be.
    // CHECK: %[[TABLE:.*]] = llvm.load %[[C]] invariant
    // CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][0]
    // CHECK: llvm.load %[[SLOT]] invariant dereferenceable<bytes = 16> : !llvm.ptr -> !llvm.ptr
    %w = llvm.mlir.addressof @moe.weight.w : !llvm.ptr
    %y = llvm.load %w : !llvm.ptr -> f32
    llvm.return %y : f32
  }
}

// -----

// Nothing to read is an empty list: the functions take a context all the same.
// CHECK: module attributes {moe.data = []}
module {
  // CHECK: llvm.func @main(%{{.*}}: !llvm.ptr)
  llvm.func @main() {
    llvm.return
  }
}

// -----

module {
  llvm.mlir.global external @moe.weight.w() : !llvm.array<4 x f32>
  llvm.mlir.global internal @table() : !llvm.ptr {
    // expected-error @below {{expects weights to be used by functions only}}
    %w = llvm.mlir.addressof @moe.weight.w : !llvm.ptr
    llvm.return %w : !llvm.ptr
  }
}
