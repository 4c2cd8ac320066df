// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --canonicalize --split-input-file --verify-diagnostics | FileCheck %s

// Where the tokens lie, where the mask is applied, and an expert that stays.
#t = affine_map<(d0, d1) -> (d1)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Features first: rows are columns.
// CHECK-LABEL: @tokens_last
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x?xf32>
// CHECK: %[[ROWS:.*]] = linalg.{{generic|transpose}} {{.*}}ins(%[[X]] : tensor<4x?xf32>)
// CHECK: moe.dispatch %[[ROWS]] by %{{.*}} : (tensor<?x4xf32>, !moe.routing<2>)
// CHECK-DAG: math.tanh
// CHECK-DAG: math.exp
// CHECK: moe.combine
func.func @tokens_last(%x: tensor<4x?xf32>, %mask: tensor<?xi1>, %out: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x?xf32>) outs(%out : tensor<4x?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<4x?xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x?xf32>) outs(%out : tensor<4x?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<4x?xf32>
  %y = linalg.generic {indexing_maps = [#t, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%mask, %a, %b : tensor<?xi1>, tensor<4x?xf32>, tensor<4x?xf32>) outs(%out : tensor<4x?xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

#t = affine_map<(d0, d1, d2) -> (d0, d1)>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Tokens of two dimensions are numbered by both.
// CHECK-LABEL: @two_dimensions
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
// CHECK: moe.dispatch %{{.*}} : (tensor<6x4xf32>, !moe.routing<2>)
// CHECK: moe.combine
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2]] output_shape [2, 3, 4]
func.func @two_dimensions(%x: tensor<2x3x4xf32>, %mask: tensor<2x3xi1>, %out: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<2x3x4xf32>) outs(%out : tensor<2x3x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<2x3x4xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<2x3x4xf32>) outs(%out : tensor<2x3x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<2x3x4xf32>
  %y = linalg.generic {indexing_maps = [#t, #all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%mask, %a, %b : tensor<2x3xi1>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) outs(%out : tensor<2x3x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

#row = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// Rows that are zero before a product and a rectifier are zero after them.
// CHECK-LABEL: @masked_input
// CHECK: moe.route {{.*}} !moe.routing<1>
// CHECK: moe.dispatch
// CHECK: arith.maximumf
// CHECK: moe.combine
func.func @masked_input(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>, %mask: tensor<?xi1>, %rest: tensor<?x4xf32>, %number: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %factor = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%mask : tensor<?xi1>) outs(%number : tensor<?xf32>) {
  ^bb0(%c: i1, %o: f32):
    %t = arith.uitofp %c : i1 to f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %masked = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %factor : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %h = linalg.matmul ins(%masked, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%zeros : tensor<?x4xf32>) -> tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%h : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.maximumf %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%rest, %a : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#row = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// The second of three is returned as well: it stays, the others do not wait for it.
// CHECK-LABEL: @partly
// CHECK: math.exp
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK-NOT: math.exp
// CHECK-DAG: math.tanh
// CHECK-DAG: math.sin
// CHECK: moe.combine
func.func @partly(%x: tensor<?x4xf32>, %first: tensor<?xi1>, %second: tensor<?xi1>, %out: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: is also used by 'func.return'}}
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %d = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#row, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%second, %b, %d : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#row, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%first, %a, %z : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y, %b : tensor<?x4xf32>, tensor<?x4xf32>
}
