// RUN: moe-opt %s --convert-elementwise-to-linalg --moe-fuse-elementwise | FileCheck %s

// A chain is one operation.
// CHECK-LABEL: func.func @chain
// CHECK: linalg.generic
// CHECK:   arith.negf
// CHECK:   math.exp
// CHECK:   arith.mulf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = arith.negf %x : tensor<?x8xf32>
  %1 = math.exp %0 : tensor<?x8xf32>
  %2 = arith.mulf %1, %y : tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// A value with two users is computed once, and a reduction takes nothing in.
// CHECK-LABEL: func.func @shared
// CHECK: linalg.generic
// CHECK:   math.exp
// CHECK: linalg.generic
// CHECK:   arith.negf
// CHECK: linalg.reduce
func.func @shared(%x: tensor<4x8xf32>, %init: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  %0 = math.exp %x : tensor<4x8xf32>
  %1 = arith.negf %0 : tensor<4x8xf32>
  %2 = linalg.reduce { arith.addf } ins(%0 : tensor<4x8xf32>) outs(%init : tensor<4xf32>) dimensions = [1]
  return %1, %2 : tensor<4x8xf32>, tensor<4xf32>
}

// What a loop computes for a row is not computed again for each of many columns,
// CHECK-LABEL: func.func @of_rows
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel"]
// CHECK: scf.for
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK-NOT: scf.for
// CHECK: return
func.func @of_rows(%x: tensor<?x64xf32>, %n: index) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>], iterator_types = ["parallel"]} outs(%e : tensor<?xf32>) {
  ^bb0(%old: f32):
    %r = linalg.index 0 : index
    %s = scf.for %k = %c0 to %c64 step %c1 iter_args(%part = %zero) -> f32 {
      %v = tensor.extract %x[%r, %k] : tensor<?x64xf32>
      %t = arith.addf %part, %v : f32
      scf.yield %t : f32
    }
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %o = tensor.empty(%n) : tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %sums : tensor<?x64xf32>, tensor<?xf32>) outs(%o : tensor<?x64xf32>) {
  ^bb0(%a: f32, %s: f32, %old: f32):
    %q = arith.divf %a, %s : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// but may be for each of a few.
// CHECK-LABEL: func.func @of_short_rows
// CHECK: linalg.generic
// CHECK: scf.for
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @of_short_rows(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(r) -> (r)>], iterator_types = ["parallel"]} outs(%e : tensor<?xf32>) {
  ^bb0(%old: f32):
    %r = linalg.index 0 : index
    %s = scf.for %k = %c0 to %c8 step %c1 iter_args(%part = %zero) -> f32 {
      %v = tensor.extract %x[%r, %k] : tensor<?x8xf32>
      %t = arith.addf %part, %v : f32
      scf.yield %t : f32
    }
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %o = tensor.empty(%n) : tensor<?x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %sums : tensor<?x8xf32>, tensor<?xf32>) outs(%o : tensor<?x8xf32>) {
  ^bb0(%a: f32, %s: f32, %old: f32):
    %q = arith.divf %a, %s : f32
    linalg.yield %q : f32
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
