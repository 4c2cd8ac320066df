// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --split-input-file --verify-diagnostics | FileCheck %s

// Experts that have rows of their own, rather than rows in common.


// Rows are brought into slots, a few of each expert, and back: each slot that a
// token is in is a row of its expert, and what brings the tokens in is computed for
// those alone.
// CHECK-LABEL: @slots
// CHECK: %[[ANY:.*]] = linalg.generic {{.*}}["reduction", "parallel", "parallel"]
// CHECK: arith.ori
// CHECK: linalg.generic {{.*}} ins(%[[ANY]]
// CHECK: %[[E:.*]] = linalg.index 0
// CHECK: %[[NUMBER:.*]] = arith.index_cast %[[E]]
// CHECK: arith.select %{{.*}}, %[[NUMBER]], %{{.*}}
// CHECK: moe.route {{.*}} : (tensor<12x1xi64>) -> !moe.routing<4>
// CHECK: moe.dispatch %{{[^,]*}} by
// CHECK-NEXT: ^each(%[[EXPERT:.*]]: index, %[[MINE:.*]]: tensor<?x?xf32>)
// CHECK: %[[IN:.*]] = linalg.generic {{.*}} ins(%[[MINE]], %{{.*}} : tensor<?x?xf32>, tensor<?x6xf32>)
// CHECK: tensor.extract_slice %{{.*}}[%[[EXPERT]], 0, 0] [1, 6, 6]
// CHECK: linalg.generic {{.*}} ins(%[[IN]], %{{.*}} : tensor<?x6xf32>, tensor<6x6xf32>)
// CHECK: moe.combine {{.*}} unweighted
// CHECK: return
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @slots(%x: tensor<?x6xf32>, %given: tensor<?x4x3xi1>, %w: tensor<4x6x6xf32>, %numbers: tensor<?x4x3xf32>, %slots: tensor<4x3x6xf32>, %rows: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %mask = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%given : tensor<?x4x3xi1>) outs(%numbers : tensor<?x4x3xf32>) {
  ^bb0(%k: i1, %o: f32):
    %n = arith.uitofp %k : i1 to f32
    linalg.yield %n : f32
  } -> tensor<?x4x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%slots : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %in = linalg.generic {indexing_maps = [affine_map<(e, c, d, t) -> (t, e, c)>, affine_map<(e, c, d, t) -> (t, d)>, affine_map<(e, c, d, t) -> (e, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%mask, %x : tensor<?x4x3xf32>, tensor<?x6xf32>) outs(%z : tensor<4x3x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x3x6xf32>
  %y = linalg.batch_matmul ins(%in, %w : tensor<4x3x6xf32>, tensor<4x6x6xf32>) outs(%z : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %none = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x6xf32>) -> tensor<?x6xf32>

  %out = linalg.generic {indexing_maps = [affine_map<(t, d, e, c) -> (t, e, c)>, affine_map<(t, d, e, c) -> (e, c, d)>, affine_map<(t, d, e, c) -> (t, d)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%mask, %y : tensor<?x4x3xf32>, tensor<4x3x6xf32>) outs(%none : tensor<?x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x6xf32>
  return %out : tensor<?x6xf32>
}


// -----

// A ReLU between the matrices is no mask of their rows: both are in the expert.
// CHECK-LABEL: @rectified_slots
// CHECK: ^each(%[[EXPERT:.*]]: index,
// CHECK: tensor.extract_slice %{{.*}}[%[[EXPERT]], 0, 0] [1, 6, 6]
// CHECK: arith.maximumf
// CHECK: tensor.extract_slice %{{.*}}[%[[EXPERT]], 0, 0] [1, 6, 6]
// CHECK: moe.combine
ml_program.global private @up(#ml_program.extern<tensor<4x6x6xf32>>) : tensor<4x6x6xf32>
ml_program.global private @down(#ml_program.extern<tensor<4x6x6xf32>>) : tensor<4x6x6xf32>
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @rectified_slots(%x: tensor<?x6xf32>, %given: tensor<?x4x3xi1>, %numbers: tensor<?x4x3xf32>, %slots: tensor<4x3x6xf32>, %rows: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %mask = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%given : tensor<?x4x3xi1>) outs(%numbers : tensor<?x4x3xf32>) {
  ^bb0(%k: i1, %o: f32):
    %n = arith.uitofp %k : i1 to f32
    linalg.yield %n : f32
  } -> tensor<?x4x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%slots : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %in = linalg.generic {indexing_maps = [affine_map<(e, c, d, t) -> (t, e, c)>, affine_map<(e, c, d, t) -> (t, d)>, affine_map<(e, c, d, t) -> (e, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%mask, %x : tensor<?x4x3xf32>, tensor<?x6xf32>) outs(%z : tensor<4x3x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x3x6xf32>
  %up = ml_program.global_load_const @up : tensor<4x6x6xf32>
  %down = ml_program.global_load_const @down : tensor<4x6x6xf32>
  %h = linalg.batch_matmul ins(%in, %up : tensor<4x3x6xf32>, tensor<4x6x6xf32>) outs(%z : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %r = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h : tensor<4x3x6xf32>) outs(%slots : tensor<4x3x6xf32>) {
  ^bb0(%v: f32, %o: f32):
    %m = arith.maximumf %v, %zero : f32
    linalg.yield %m : f32
  } -> tensor<4x3x6xf32>
  %y = linalg.batch_matmul ins(%r, %down : tensor<4x3x6xf32>, tensor<4x6x6xf32>) outs(%z : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %none = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x6xf32>) -> tensor<?x6xf32>

  %out = linalg.generic {indexing_maps = [affine_map<(t, d, e, c) -> (t, e, c)>, affine_map<(t, d, e, c) -> (e, c, d)>, affine_map<(t, d, e, c) -> (t, d)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%mask, %y : tensor<?x4x3xf32>, tensor<4x3x6xf32>) outs(%none : tensor<?x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x6xf32>
  return %out : tensor<?x6xf32>
}


// -----

#masked = affine_map<(d0, d1, d2) -> (d0, d1)>
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#token = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
#weight = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
#result = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// Rows of an expert and a token. None gets a copy of the weights.
// CHECK-LABEL: @experts_and_tokens
// CHECK-NOT: tensor<3x?x16x16xf32>
// CHECK: moe.route {{.*}} -> !moe.routing<3>
// CHECK: ^each(%[[EXPERT:.*]]: index, %{{.*}}: tensor<?x16xf32>)
// CHECK: tensor.extract_slice %{{.*}}[%[[EXPERT]], 0, 0] [1, 16, 16]
// CHECK: moe.combine
func.func @experts_and_tokens(%x: tensor<?x16xf32>, %w: tensor<3x16x16xf32>, %chosen: tensor<3x?xi1>, %out: tensor<3x?x16xf32>) -> tensor<3x?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<3x?x16xf32>) -> tensor<3x?x16xf32>
  %a = linalg.generic {indexing_maps = [#token, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<?x16xf32>, tensor<3x16x16xf32>) outs(%z : tensor<3x?x16xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<3x?x16xf32>
  %m = linalg.generic {indexing_maps = [#masked, #whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%chosen, %a : tensor<3x?xi1>, tensor<3x?x16xf32>) outs(%out : tensor<3x?x16xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<3x?x16xf32>
  return %m : tensor<3x?x16xf32>
}

// -----

#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#kept = affine_map<(d0, d1, d2) -> (d0, d1)>
#hidden = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
#down = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
#slot = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// A ReLU is zero by choice in many places: no reason to leave out rows of weights.
// CHECK-LABEL: @rectified
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @rectified(%x: tensor<4x3x8xf32>, %w: tensor<4x8x6xf32>, %out: tensor<4x3x6xf32>) -> tensor<4x3x6xf32> {
  %zero = arith.constant 0.0 : f32
  %h = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x3x8xf32>) outs(%x : tensor<4x3x8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %m = arith.maximumf %e, %zero : f32
    linalg.yield %m : f32
  } -> tensor<4x3x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  %y = linalg.generic {indexing_maps = [#hidden, #down, #slot], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%h, %w : tensor<4x3x8xf32>, tensor<4x8x6xf32>) outs(%z : tensor<4x3x6xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x3x6xf32>
  return %y : tensor<4x3x6xf32>
}
