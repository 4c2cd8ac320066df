// RUN: moe-opt %s --moe-raise-dense --moe-raise-where --canonicalize --cse --split-input-file | FileCheck %s

// Results that are gathered by the number of an expert.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Weights are stacked: one family.
// CHECK-LABEL: @stacked
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<?xindex>)
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<?xindex>) outs({{.*}} : tensor<?x3xi1>)
// CHECK: moe.route %[[MASK]] :
// CHECK: moe.dispatch
// CHECK-NEXT: ^each(
// CHECK: math.tanh
// CHECK: moe.combine
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @stacked(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %chosen: tensor<?xi32>, %each: tensor<3x?x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %w : tensor<?x4xf32>, tensor<3x4xf32>) outs(%each : tensor<3x?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %s = arith.mulf %e, %f : f32
    %t = math.tanh %s : f32
    linalg.yield %t : f32
  } -> tensor<3x?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?xi32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i32, %o: f32):
    %n = arith.index_cast %c : i32 to index
    %low = arith.maxsi %n, %c0 : index
    %k = arith.minsi %low, %c2 : index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%k, %i, %j] : tensor<3x?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Side by side: one expert each.
// CHECK-LABEL: @side_by_side
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<?x2xi1>)
// CHECK: moe.route {{.*}} !moe.routing<3>
// CHECK: moe.dispatch %arg0 by
// CHECK: math.tanh
// CHECK: math.exp
// CHECK: math.sin
// CHECK: moe.combine
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @side_by_side(%x: tensor<?x4xf32>, %chosen: tensor<?xi64>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
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
  %wa = tensor.expand_shape %a [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %wb = tensor.expand_shape %b [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %wd = tensor.expand_shape %d [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %y = tensor.concat dim(1) %wa, %wb, %wd : (tensor<?x1x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>) -> tensor<?x3x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?xi64>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i64, %o: f32):
    %k = arith.index_cast %c : i64 to index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%i, %k, %j] : tensor<?x3x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// The same, chosen in a body by the position.
// CHECK-LABEL: @by_position
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<?x2xi1>)
// CHECK: moe.route {{.*}} !moe.routing<3>
// CHECK: moe.dispatch %arg0 by
// CHECK: math.tanh
// CHECK: math.exp
// CHECK: math.sin
// CHECK: moe.combine
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @by_position(%x: tensor<?x4xf32>, %chosen: tensor<?xi64>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
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
  %wa = tensor.expand_shape %a [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %wb = tensor.expand_shape %b [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %wd = tensor.expand_shape %d [[0], [1, 2]] output_shape [%n, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %empty = tensor.empty(%n) : tensor<?x3x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%empty : tensor<?x3x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %k = linalg.index 1 : index
    %j = linalg.index 2 : index
    %first = arith.cmpi ult, %k, %c1 : index
    %t = scf.if %first -> f32 {
      %p = tensor.extract %wa[%i, %k, %j] : tensor<?x1x4xf32>
      scf.yield %p : f32
    } else {
      %second = arith.cmpi ult, %k, %c2 : index
      %q = scf.if %second -> f32 {
        %l = arith.subi %k, %c1 : index
        %p = tensor.extract %wb[%i, %l, %j] : tensor<?x1x4xf32>
        scf.yield %p : f32
      } else {
        %l = arith.subi %k, %c2 : index
        %p = tensor.extract %wd[%i, %l, %j] : tensor<?x1x4xf32>
        scf.yield %p : f32
      }
      scf.yield %q : f32
    }
    linalg.yield %t : f32
  } -> tensor<?x3x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?xi64>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i64, %o: f32):
    %k = arith.index_cast %c : i64 to index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%i, %k, %j] : tensor<?x3x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// A table of rows is none of results: it does not know the tokens.
// CHECK-LABEL: @table
// CHECK-NOT: moe.
// CHECK: return
func.func @table(%w: tensor<5x4xf32>, %chosen: tensor<?xi64>, %small: tensor<5x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<5x4xf32>) outs(%small : tensor<5x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<5x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?xi64>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i64, %o: f32):
    %k = arith.index_cast %c : i64 to index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%k, %j] : tensor<5x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Two of the numbers are computed: which is the expert's is not known.
// CHECK-LABEL: @two_numbers
// CHECK-NOT: moe.
// CHECK: return
func.func @two_numbers(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %chosen: tensor<?xi32>, %other: tensor<?xi32>, %each: tensor<3x?x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %w : tensor<?x4xf32>, tensor<3x4xf32>) outs(%each : tensor<3x?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %s = arith.mulf %e, %f : f32
    linalg.yield %s : f32
  } -> tensor<3x?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %other : tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i32, %d: i32, %o: f32):
    %k = arith.index_cast %c : i32 to index
    %i = arith.index_cast %d : i32 to index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%k, %i, %j] : tensor<3x?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// One of many numbers for each token, as of a label: no rows of an expert.
// CHECK-LABEL: @one_number
// CHECK-NOT: moe.
// CHECK: return
func.func @one_number(%x: tensor<?xf32>, %w: tensor<5xf32>, %label: tensor<?xi32>, %each: tensor<?x5xf32>, %out: tensor<?xf32>) -> tensor<?xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %w : tensor<?xf32>, tensor<5xf32>) outs(%each : tensor<?x5xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %s = arith.mulf %e, %f : f32
    linalg.yield %s : f32
  } -> tensor<?x5xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%label : tensor<?xi32>) outs(%out : tensor<?xf32>) {
  ^bb0(%c: i32, %o: f32):
    %k = arith.index_cast %c : i32 to index
    %i = linalg.index 0 : index
    %t = tensor.extract %y[%i, %k] : tensor<?x5xf32>
    linalg.yield %t : f32
  } -> tensor<?xf32>
  return %z : tensor<?xf32>
}
