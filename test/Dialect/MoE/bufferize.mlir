// RUN: moe-opt %s --split-input-file --moe-bufferize --drop-equivalent-buffer-results --canonicalize | FileCheck %s

// Rows of a larger tensor are given to a private function without a copy, and
// what is returned is the destination itself. Callers of a public function know
// shapes alone.
// CHECK-LABEL: func.func private @f
// CHECK-SAME: (%[[X:.*]]: memref<?x8xf32, strided<[8, 1], offset: ?>>, %[[O:.*]]: memref<?x8xf32, strided<[8, 1], offset: ?>>)
// CHECK-NOT: memref.copy
// CHECK: linalg.exp ins(%[[X]] : {{.*}}) outs(%[[O]] : {{.*}})
// CHECK: return{{$}}
func.func private @f(%x: tensor<?x8xf32> {bufferization.writable = false}, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = linalg.exp ins(%x : tensor<?x8xf32>) outs(%o : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%{{.*}}: memref<?x8xf32>, %{{.*}}: index) -> memref<?x8xf32>
// CHECK: memref.alloc
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: call @f(%{{.*}}, %{{.*}}) : (memref<?x8xf32, strided<[8, 1], offset: ?>>, memref<?x8xf32, strided<[8, 1], offset: ?>>) -> ()
// CHECK-NOT: memref.copy
// CHECK: return
func.func @rows(%x: tensor<?x8xf32> {bufferization.writable = false}, %n: index) -> tensor<?x8xf32> {
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %s = tensor.extract_slice %x[3, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  %y = moe.call @f(%s) outs(%e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// What a loop carries has one layout.
// CHECK-LABEL: func.func @carried
// CHECK: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: scf.for
// CHECK-NOT: memref.copy
// CHECK:   call @f
// CHECK: return
func.func private @f(%o: tensor<?xf32>) -> tensor<?xf32> {
  %y = linalg.exp ins(%o : tensor<?xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func @carried(%n: index, %v: f32) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty(%n) : tensor<?xf32>
  %z = linalg.fill ins(%v : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %z) -> tensor<?xf32> {
    %y = moe.call @f() outs(%a) : (tensor<?xf32>) -> tensor<?xf32>
    scf.yield %y : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// A column is copied, and copied back.
// CHECK-LABEL: func.func @column
// CHECK: %[[V:.*]] = memref.subview
// CHECK: %[[A:.*]] = memref.alloc(%{{.*}}) {{.*}}: memref<?xf32>
// CHECK: memref.copy %[[V]], %[[A]]
// CHECK: call @f
// CHECK: memref.copy %[[A]], %[[V]]
func.func private @f(%o: tensor<?xf32>) -> tensor<?xf32> {
  %y = linalg.exp ins(%o : tensor<?xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func @column(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %s = tensor.extract_slice %x[0, 2] [%n, 1] [1, 1] : tensor<?x8xf32> to tensor<?xf32>
  %y = moe.call @f() outs(%s) : (tensor<?xf32>) -> tensor<?xf32>
  %i = tensor.insert_slice %y into %x[0, 2] [%n, 1] [1, 1] : tensor<?xf32> into tensor<?x8xf32>
  return %i : tensor<?x8xf32>
}

// -----

// What a function returns from elsewhere is copied.
// CHECK-LABEL: func.func @elsewhere
// CHECK-SAME: %[[X:.*]]: memref<4xf32>
// CHECK: %[[E:.*]] = memref.alloc
// CHECK: call @g
// CHECK: memref.copy %[[X]], %[[E]]
// CHECK: return %[[E]]
func.func private @g(%x: tensor<4xf32> {bufferization.writable = false}, %o: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func @elsewhere(%x: tensor<4xf32> {bufferization.writable = false}) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %y = moe.call @g(%x) outs(%e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// A caller may know more sizes than the function.
// CHECK-LABEL: func.func @static
// CHECK: call @f(%{{.*}}) : (memref<?xf32, strided<[1], offset: ?>>) -> ()
// CHECK-NOT: memref.copy
func.func private @f(%o: tensor<?xf32>) -> tensor<?xf32> {
  %y = linalg.exp ins(%o : tensor<?xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func @static(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = moe.call @f() outs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Of several functions a number chooses one, and beyond them the last; nothing is
// copied.
// CHECK-LABEL: func.func @several
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK-NOT: memref.copy
// CHECK: scf.index_switch %[[N]]
// CHECK: case 0 {
// CHECK-NEXT: call @first(
// CHECK: case 1 {
// CHECK-NEXT: call @second(
// CHECK: default {
// CHECK-NEXT: call @third(
// CHECK-NOT: memref.copy
// CHECK: return
func.func @several(%n: index, %x: tensor<?x8xf32>, %rows: index) -> tensor<?x8xf32> {
  %out = tensor.empty(%rows) : tensor<?x8xf32>
  %y = moe.call %n of [@first, @second, @third](%x) outs(%out)
      : (index, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func private @first(%x: tensor<?x8xf32> {bufferization.writable = false}, %out: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = linalg.exp ins(%x : tensor<?x8xf32>) outs(%out : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func private @second(%x: tensor<?x8xf32> {bufferization.writable = false}, %out: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = linalg.tanh ins(%x : tensor<?x8xf32>) outs(%out : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func private @third(%x: tensor<?x8xf32> {bufferization.writable = false}, %out: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = linalg.negf ins(%x : tensor<?x8xf32>) outs(%out : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
