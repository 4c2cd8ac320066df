// RUN: moe-opt %s --moe-raise-dense --moe-raise-where --split-input-file | FileCheck %s

// Experts that differ in their weights alone have one body.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @like
// CHECK-SAME: %[[W0:[a-z0-9]+]]: tensor<4xf32>, %[[W1:[a-z0-9]+]]: tensor<4xf32>
// CHECK: moe.dispatch
// CHECK-NEXT: ^each(%[[NUMBER:[a-z0-9]+]]: index,
// CHECK-NEXT: moe.pick %[[NUMBER]] [%[[W0]], %[[W1]]] : tensor<4xf32>
// CHECK-COUNT-1: math.tanh
// CHECK-NOT: math.tanh
// CHECK: moe.combine
func.func @like(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %w0: tensor<4xf32>, %w1: tensor<4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %s0 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w0 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s0 : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s1 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w1 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s1 : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a0, %a1 : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @unlike
// CHECK-NOT: moe.pick
// CHECK: math.tanh
// CHECK: math.exp
// CHECK: moe.combine
func.func @unlike(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %w0: tensor<4xf32>, %w1: tensor<4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %s0 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w0 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s0 : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s1 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w1 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s1 : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a0, %a1 : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// Part e of a stack for expert e is one slice; parts in another order are not.
// CHECK-LABEL: @parts
// CHECK: ^each(%[[NUMBER:[a-z0-9]+]]: index,
// CHECK: tensor.extract_slice %{{.*}}[%[[NUMBER]], 0] [1, 4] [1, 1]
// CHECK-COUNT-1: math.tanh
// CHECK-NOT: math.tanh
// CHECK-LABEL: @exchanged
// CHECK: ^expert0
// CHECK: tensor.extract_slice %{{.*}}[1, 0] [1, 4] [1, 1]
// CHECK: ^expert1
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [1, 4] [1, 1]
func.func @parts(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %w: tensor<2x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w0 = tensor.extract_slice %w[0, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
  %w1 = tensor.extract_slice %w[1, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
  %s0 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w0 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %t = math.tanh %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s1 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w1 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %t = math.tanh %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %s0, %s1 : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
func.func @exchanged(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %w: tensor<2x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w0 = tensor.extract_slice %w[1, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
  %w1 = tensor.extract_slice %w[0, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
  %s0 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w0 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %t = math.tanh %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s1 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %w1 : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %t = math.tanh %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %s0, %s1 : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
