// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --canonicalize --cse --split-input-file | FileCheck %s

// Results of experts side by side, in the shapes that front ends give them.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// A stack is a concatenation that is split; what is asserted of a number stays.
// CHECK-LABEL: @stack
// CHECK: cf.assert {{.*}} "no such expert"
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK: math.tanh
// CHECK: math.exp
// CHECK: moe.combine
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @stack(%x: tensor<?x4xf32>, %chosen: tensor<?xi64>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
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
  %wide = tensor.concat dim(1) %a, %b : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %y = tensor.expand_shape %wide [[0], [1, 2]] output_shape [%n, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?xi64>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i64, %o: f32):
    %k = arith.index_cast %c : i64 to index
    %inside = arith.cmpi ult, %k, %c2 : index
    cf.assert %inside, "no such expert"
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %t = tensor.extract %y[%i, %k, %j] : tensor<?x2x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// A contraction of a mask and a stack is a sum of its parts, which starts from
// the first: the mask is the weight of each expert, and nothing is added.
// CHECK-LABEL: @contraction
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK: math.tanh
// CHECK-NOT: arith.addf
// CHECK: math.exp
// CHECK-NOT: arith.addf
// CHECK: moe.combine
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @contraction(%x: tensor<?x4xf32>, %scores: tensor<?x2xf32>, %pairs: tensor<?x2xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %mask = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%scores : tensor<?x2xf32>) outs(%pairs : tensor<?x2xf32>) {
  ^bb0(%e: f32, %o: f32):
    %p = arith.cmpf ogt, %e, %zero : f32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
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
  %wide = tensor.concat dim(1) %a, %b : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %y = tensor.expand_shape %wide [[0], [1, 2]] output_shape [%n, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, #cube, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]} ins(%mask, %y : tensor<?x2xf32>, tensor<?x2x4xf32>) outs(%zeros : tensor<?x4xf32>) {
  ^bb0(%m: f32, %e: f32, %o: f32):
    %p = arith.mulf %m, %e : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Experts and features that are joined and split again, units aside, are apart.
// CHECK-LABEL: @joined
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK-NEXT: ^each(
// CHECK: math.tanh
// CHECK: moe.combine
// CHECK: return
func.func @joined(%x: tensor<?x4xf32>, %w: tensor<2x4xf32>, %scores: tensor<?x2xf32>, %pairs: tensor<?x2xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %zero = arith.constant 0.0 : f32
  %mask = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%scores : tensor<?x2xf32>) outs(%pairs : tensor<?x2xf32>) {
  ^bb0(%e: f32, %o: f32):
    %p = arith.cmpf ogt, %e, %zero : f32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty = tensor.empty(%n) : tensor<?x2x4x1xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2)>, affine_map<(d0, d1, d2, d3) -> (d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x, %w : tensor<?x4xf32>, tensor<2x4xf32>) outs(%empty : tensor<?x2x4x1xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %p = arith.mulf %e, %f : f32
    %t = math.tanh %p : f32
    linalg.yield %t : f32
  } -> tensor<?x2x4x1xf32>
  %flat = tensor.collapse_shape %h [[0], [1, 2, 3]] : tensor<?x2x4x1xf32> into tensor<?x8xf32>
  %split = tensor.expand_shape %flat [[0], [1, 2, 3]] output_shape [%n, 1, 2, 4] : tensor<?x8xf32> into tensor<?x1x2x4xf32>
  %y = tensor.collapse_shape %split [[0, 1], [2], [3]] : tensor<?x1x2x4xf32> into tensor<?x2x4xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, #cube, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]} ins(%mask, %y : tensor<?x2xf32>, tensor<?x2x4xf32>) outs(%zeros : tensor<?x4xf32>) {
  ^bb0(%m: f32, %e: f32, %o: f32):
    %p = arith.mulf %m, %e : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// What a body takes by constant positions are slices and concatenations, and
// sizes that are computed by position are those sizes.
// CHECK-LABEL: @by_position
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK: tensor.concat
// CHECK: moe.combine
// CHECK: return
func.func @by_position(%x: tensor<?x4xf32>, %mask: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %four = arith.constant 4 : i32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %long = arith.index_cast %n : index to i32
  %one = tensor.from_elements %long : tensor<1xi32>
  %shape = tensor.empty() : tensor<2xi32>
  %sizes = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%shape : tensor<2xi32>) {
  ^bb0(%o: i32):
    %i = linalg.index 0 : index
    %first = arith.cmpi ult, %i, %c1 : index
    %t = scf.if %first -> i32 {
      %p = tensor.extract %one[%i] : tensor<1xi32>
      scf.yield %p : i32
    } else {
      scf.yield %four : i32
    }
    linalg.yield %t : i32
  } -> tensor<2xi32>
  %rows = tensor.extract %sizes[%c0] : tensor<2xi32>
  %m = arith.index_cast %rows : i32 to index
  %half = tensor.empty(%m) : tensor<?x2xf32>
  %right = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%half : tensor<?x2xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.addi %j, %c2 : index
    %t = tensor.extract %x[%i, %k] : tensor<?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %left = tensor.extract_slice %x[0, 0] [%n, 2] [1, 1] : tensor<?x4xf32> to tensor<?x2xf32>
  %whole = tensor.empty(%m) : tensor<?x4xf32>
  %swapped = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%whole : tensor<?x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %first = arith.cmpi ult, %j, %c2 : index
    %t = scf.if %first -> f32 {
      %p = tensor.extract %right[%i, %j] : tensor<?x2xf32>
      scf.yield %p : f32
    } else {
      %k = arith.subi %j, %c2 : index
      %p = tensor.extract %left[%i, %k] : tensor<?x2xf32>
      scf.yield %p : f32
    }
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%swapped : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%mask, %a, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%p: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %p, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// What a body asserts is not lost: it reads by position no more than that.
// CHECK-LABEL: @asserted
// CHECK: tensor.extract
// CHECK: moe.dispatch
// CHECK-NOT: tensor.extract %
// CHECK: return
func.func @asserted(%x: tensor<?x4xf32>, %y: tensor<?x2xf32>, %mask: tensor<?xi1>, %small: i1, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %left = tensor.extract_slice %x[0, 0] [%n, 2] [1, 1] : tensor<?x4xf32> to tensor<?x2xf32>
  %whole = tensor.empty(%n) : tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%whole : tensor<?x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    cf.assert %small, "too large"
    %first = arith.cmpi ult, %j, %c2 : index
    %t = scf.if %first -> f32 {
      %p = tensor.extract %left[%i, %j] : tensor<?x2xf32>
      scf.yield %p : f32
    } else {
      %k = arith.subi %j, %c2 : index
      %p = tensor.extract %left[%i, %k] : tensor<?x2xf32>
      scf.yield %p : f32
    }
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%mask, %b, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Nobody says that both parts have as many rows.
// CHECK-LABEL: @other_rows
// CHECK: tensor.extract
// CHECK: moe.dispatch
// CHECK-NOT: tensor.extract %
// CHECK: return
func.func @other_rows(%x: tensor<?x4xf32>, %y: tensor<?x2xf32>, %mask: tensor<?xi1>, %small: i1, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %left = tensor.extract_slice %x[0, 0] [%n, 2] [1, 1] : tensor<?x4xf32> to tensor<?x2xf32>
  %whole = tensor.empty(%n) : tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%whole : tensor<?x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %first = arith.cmpi ult, %j, %c2 : index
    %t = scf.if %first -> f32 {
      %p = tensor.extract %left[%i, %j] : tensor<?x2xf32>
      scf.yield %p : f32
    } else {
      %k = arith.subi %j, %c2 : index
      %p = tensor.extract %y[%i, %k] : tensor<?x2xf32>
      scf.yield %p : f32
    }
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%mask, %b, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
