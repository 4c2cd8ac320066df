// RUN: split-file %s %t
// RUN: moe-opt %t/routed.mlir --moe-verify-contract=phase=routed --split-input-file --verify-diagnostics
// RUN: moe-opt %t/grouped.mlir --moe-verify-contract=phase=grouped --split-input-file --verify-diagnostics
// RUN: moe-opt %t/regions.mlir --moe-verify-contract=phase=regions --split-input-file --verify-diagnostics
// RUN: moe-opt %t/tiled.mlir --moe-verify-contract=phase=tiled --split-input-file --verify-diagnostics
// RUN: moe-opt %t/buffers.mlir --moe-verify-contract=phase=buffers --split-input-file --verify-diagnostics
// RUN: moe-opt %t/machine.mlir --moe-verify-contract=phase=machine --split-input-file --verify-diagnostics
// RUN: not moe-opt %t/machine.mlir --moe-verify-contract=phase=nowhere 2>&1 | FileCheck %s
// CHECK: error: unknown phase 'nowhere'

// What gate, dispatch and decomposition make keeps the contract of grouped.
// RUN: moe-opt %examples/routers/deepseek_v3.mlir --moe-decompose-gate --moe-verify-contract=phase=grouped -o /dev/null

//--- routed.mlir

ml_program.global private @w(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
func.func @accepts(%scores: tensor<?x4xf32>, %c: i1) -> tensor<4xi64> {
  cf.assert %c, "the condition"
  %w = ml_program.global_load_const @w : tensor<4xf32>
  %r = moe.gate %scores sigmoid bias(%w) top_k(2) : (tensor<?x4xf32>, tensor<4xf32>) -> !moe.routing<4>
  %n = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %n : tensor<4xi64>
}

// -----

// Calls in place are the compiler's.
func.func private @f(tensor<4xf32>) -> tensor<4xf32>
func.func @call(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'moe.call' op cannot be compiled: nothing lowers it beyond phase 'routed'}}
  %y = moe.call @f() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @dialect(%v: vector<4xf32>) {
  // expected-error @+1 {{'vector.print' op cannot be compiled: nothing lowers it beyond phase 'routed'}}
  vector.print %v : vector<4xf32>
  return
}

// -----

func.func @branch() {
  // expected-error @+1 {{'cf.br' op cannot be compiled: nothing lowers it beyond phase 'routed'}}
  cf.br ^next
^next:
  return
}

// -----

// expected-error @+1 {{'func.func' op has the unranked type tensor<*xf32> after phase 'routed'}}
func.func @unranked(%x: tensor<*xf32>) {
  return
}

//--- grouped.mlir

func.func @accepts(%mask: tensor<?x4xi1>) -> tensor<4xi64> {
  %r = moe.route %mask : (tensor<?x4xi1>) -> !moe.routing<4>
  %n = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %n : tensor<4xi64>
}

// -----

func.func @gate(%scores: tensor<?x4xf32>) -> tensor<4xi64> {
  // expected-error @+1 {{'moe.gate' op cannot be compiled: nothing lowers it beyond phase 'grouped'}}
  %r = moe.gate %scores softmax top_k(2) : (tensor<?x4xf32>) -> !moe.routing<4>
  %n = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %n : tensor<4xi64>
}

//--- regions.mlir

module attributes {moe.dispatches = [{experts = 2 : i64}]} {
  memref.global @weight : memref<4xf32>
  func.func @accepts() -> tensor<4xf32> {
    %m = memref.get_global @weight : memref<4xf32>
    %t = bufferization.to_tensor %m restrict : memref<4xf32> to tensor<4xf32>
    return %t : tensor<4xf32>
  }
}

// -----

func.func @operation(%mask: tensor<?x4xi1>) {
  // expected-error @+1 {{'moe.route' op cannot be compiled: nothing lowers it beyond phase 'regions'}}
  %r = moe.route %mask : (tensor<?x4xi1>) -> !moe.routing<4>
  return
}

// -----

// expected-error @+1 {{'func.func' op has the type of the moe dialect !moe.routing<4> after phase 'regions'}}
func.func private @type(!moe.routing<4>)

// -----

func.func @argument(%r: i32) {
  // expected-error @+1 {{'scf.execute_region' op has the type of the moe dialect !moe.routing<2> after phase 'regions'}}
  scf.execute_region {
    %x = builtin.unrealized_conversion_cast %r : i32 to !moe.routing<2>
    cf.br ^next(%x : !moe.routing<2>)
  ^next(%y: !moe.routing<2>):
    scf.yield
  }
  return
}

// -----

// expected-error @+1 {{'func.func' op has the attribute of the moe dialect #moe<score_function sigmoid> after phase 'regions'}}
func.func private @attribute() attributes {kind = [#moe<score_function sigmoid>]}

// -----

// expected-error @+1 {{'ml_program.global' op cannot be compiled: nothing lowers it beyond phase 'regions'}}
ml_program.global private @w(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>

//--- tiled.mlir

func.func @accepts(%x: tensor<?xf32>, %i: index) -> vector<8xf32> {
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%i], %zero : tensor<?xf32>, vector<8xf32>
  return %v : vector<8xf32>
}

// -----

func.func @routing(%n: i64) {
  // expected-error @+1 {{'llvm.inttoptr' op cannot be compiled: nothing lowers it beyond phase 'tiled'}}
  %p = llvm.inttoptr %n : i64 to !llvm.ptr
  return
}

//--- buffers.mlir

func.func @accepts(%x: memref<?xf32>, %i: index) -> memref<?xf32> {
  %y = memref.alloc(%i) : memref<?xf32>
  memref.copy %x, %y : memref<?xf32> to memref<?xf32>
  return %y : memref<?xf32>
}
func.func private @strides(%x: memref<?xf32, strided<[?]>>) {
  return
}

// -----

func.func @tensor(%m: memref<4xf32>) {
  // expected-error @+1 {{'bufferization.to_tensor' op cannot be compiled: nothing lowers it beyond phase 'buffers'}}
  %t = bufferization.to_tensor %m restrict : memref<4xf32> to tensor<4xf32>
  return
}

// -----

func.func @constant() {
  // expected-error @+1 {{'arith.constant' op has the tensor type tensor<2xf32> after phase 'buffers'}}
  %t = arith.constant dense<0.0> : tensor<2xf32>
  return
}

// -----

// expected-error @+1 {{'func.func' op has 'memref<?xf32, strided<[?]>>' without identity layout at its boundary after phase 'buffers'}}
func.func @layout(%x: memref<?xf32, strided<[?]>>) {
  return
}

//--- machine.mlir

llvm.func @accepts(%x: !llvm.ptr) {
  llvm.return
}

// -----

// expected-error @+1 {{'func.func' op cannot be compiled: nothing lowers it beyond phase 'machine'}}
func.func @function() {
  return
}

// -----

llvm.func @cast(%x: i64) {
  // expected-error @+1 {{'builtin.unrealized_conversion_cast' op cannot be compiled: nothing lowers it beyond phase 'machine'}}
  %i = builtin.unrealized_conversion_cast %x : i64 to index
  llvm.return
}
