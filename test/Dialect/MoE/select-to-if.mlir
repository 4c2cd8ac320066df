// RUN: moe-opt %s --moe-select-to-if | FileCheck %s

#scalar = affine_map<(i, j) -> ()>
#all = affine_map<(i, j) -> (i, j)>
#columns = affine_map<(i, j) -> (j)>
#rows = affine_map<(i, j) -> (i)>

// One side has a contraction.
// CHECK-LABEL: func.func @contraction
// CHECK: %[[A:.*]] = linalg.matmul
// CHECK: %[[B:.*]] = linalg.exp
// CHECK: scf.if %arg0 -> (tensor<4x4xf32>) {
// CHECK-NEXT: scf.yield %[[A]]
// CHECK: scf.yield %[[B]]
// CHECK-NOT: arith.select
func.func @contraction(%c: i1, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %e: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.exp ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = linalg.generic {indexing_maps = [#scalar, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%c, %a, %b : i1, tensor<4x4xf32>, tensor<4x4xf32>) outs(%a : tensor<4x4xf32>) {
  ^bb0(%p: i1, %s: f32, %t: f32, %o: f32):
    %r = arith.select %p, %s, %t : f32
    linalg.yield %r : f32
  } -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// A condition that was broadcast; a select of whole tensors.
// CHECK-LABEL: func.func @broadcast
// CHECK: %[[P:.*]] = tensor.extract %arg0[]
// CHECK: scf.if %[[P]]
// CHECK: %[[Q:.*]] = tensor.extract %arg1[%{{.*}}, %{{.*}}] : tensor<1x1xi1>
// CHECK: scf.if %[[Q]]
func.func @broadcast(%c: tensor<i1>, %d: tensor<1x1xi1>, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %e: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %i1 = tensor.empty() : tensor<4x4xi1>
  %a = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = linalg.generic {indexing_maps = [#scalar, #all], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<i1>) outs(%i1 : tensor<4x4xi1>) {
  ^bb0(%p: i1, %o: i1):
    linalg.yield %p : i1
  } -> tensor<4x4xi1>
  %y = linalg.generic {indexing_maps = [#all, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m, %a, %x : tensor<4x4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%p: i1, %s: f32, %t: f32, %o: f32):
    %r = arith.select %p, %s, %t : f32
    linalg.yield %r : f32
  } -> tensor<4x4xf32>
  %b = linalg.matmul ins(%w, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %c0 = arith.constant 0 : index
  %z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (0, 0)>, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%d, %x, %b : tensor<1x1xi1>, tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%p: i1, %s: f32, %t: f32, %o: f32):
    %r = arith.select %p, %s, %t : f32
    linalg.yield %r : f32
  } -> tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}

// Two results of one branch, whose sides share what costs.
// CHECK-LABEL: func.func @together
// CHECK: scf.if %arg0 -> (tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK-NOT: scf.if
func.func @together(%c: i1, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %e: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %a = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.exp ins(%a : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = arith.select %c, %a, %x : tensor<4x4xf32>
  %z = arith.select %c, %b, %w : tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}

// Of one choice another one: the inner one is on a side of the outer one.
// CHECK-LABEL: func.func @chain
// CHECK: scf.if %arg1
// CHECK: scf.if %arg0
func.func @chain(%c: i1, %d: i1, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %e: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.matmul ins(%w, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = arith.select %d, %a, %b : tensor<4x4xf32>
  %z = arith.select %c, %y, %w : tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}

// A loop and a dispatch cost, too.
// CHECK-LABEL: func.func @others
// CHECK: scf.for
// CHECK: scf.if %arg0
// CHECK: moe.dispatch
// CHECK: scf.if %arg1
func.func @others(%c: i1, %d: i1, %n: index, %x: tensor<?x4xf32>, %r: !moe.routing<1>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %x) -> tensor<?x4xf32> {
    %v = tensor.extract %acc[%i, %c0] : tensor<?x4xf32>
    %s = tensor.insert %v into %acc[%c0, %c0] : tensor<?x4xf32>
    scf.yield %s : tensor<?x4xf32>
  }
  %y = arith.select %c, %a, %x : tensor<?x4xf32>
  %rows = moe.dispatch %y by %r : (tensor<?x4xf32>, !moe.routing<1>) -> tensor<?x4xf32> {
  ^expert0(%mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  %z = arith.select %d, %x, %rows : tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// A side that is spread over the rows, and one that is a number.
// CHECK-LABEL: func.func @spread
// CHECK: scf.if %arg0
// CHECK-NEXT: scf.yield
// CHECK-NEXT: } else {
// CHECK-NEXT: linalg.generic {indexing_maps = [#[[COLUMNS:.*]], #{{.*}}]{{.*}} ins(%arg3 : tensor<4xf32>) outs(%arg4
// CHECK: scf.if %arg0
// CHECK-NEXT: linalg.fill ins(%{{.*}} : f32) outs(%arg4
func.func @spread(%c: i1, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %v: tensor<4xf32>, %e: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %a = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = linalg.generic {indexing_maps = [#scalar, #all, #columns, #all], iterator_types = ["parallel", "parallel"]} ins(%c, %a, %v : i1, tensor<4x4xf32>, tensor<4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%b: i1, %s: f32, %u: f32, %o: f32):
    %k = arith.select %b, %s, %u : f32
    linalg.yield %k : f32
  } -> tensor<4x4xf32>
  %b = linalg.matmul ins(%y, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = linalg.generic {indexing_maps = [#scalar, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%c, %b : i1, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%d: i1, %s: f32, %o: f32):
    %k = arith.select %d, %zero, %s : f32
    linalg.yield %k : f32
  } -> tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}

// What is computed anyway, what costs little and masks of rows stay; so does what
// an expert chooses for its rows.
// CHECK-LABEL: func.func @stay
// CHECK-NOT: scf.if
func.func @stay(%c: i1, %m: tensor<4xi1>, %x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %e: tensor<4x4xf32>, %t: tensor<?x4xf32>, %r: !moe.routing<1>)
    -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) {
  %shared = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = arith.select %c, %shared, %x : tensor<4x4xf32>
  %both = linalg.matmul ins(%w, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %p = linalg.exp ins(%both : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %q = linalg.abs ins(%both : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = arith.select %c, %p, %q : tensor<4x4xf32>
  %cheap = linalg.tanh ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = arith.select %c, %cheap, %x : tensor<4x4xf32>
  %masked = linalg.matmul ins(%w, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m, %masked, %x : tensor<4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%b: i1, %s: f32, %u: f32, %o: f32):
    %k = arith.select %b, %s, %u : f32
    linalg.yield %k : f32
  } -> tensor<4x4xf32>
  %rows = moe.dispatch %t by %r : (tensor<?x4xf32>, !moe.routing<1>) -> tensor<?x4xf32> {
  ^expert0(%mine: tensor<?x4xf32>):
    %f = linalg.matmul ins(%mine, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%mine : tensor<?x4xf32>) -> tensor<?x4xf32>
    %g = arith.select %c, %f, %mine : tensor<?x4xf32>
    moe.yield %g : tensor<?x4xf32>
  }
  return %0, %1, %2, %3, %shared, %rows : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>
}
