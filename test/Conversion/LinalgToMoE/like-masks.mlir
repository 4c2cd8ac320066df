// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --canonicalize --cse --split-input-file | FileCheck %s

// Masks of experts that are made alike are one operation on all experts.

// Numbers that count up are those of a loop. What equals one is no other.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @count_up
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<?x3xi1>)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: %[[E:.*]] = linalg.index 1
// CHECK-NEXT: %[[NUMBER:.*]] = arith.index_cast %[[E]] : index to i32
// CHECK-NEXT: arith.cmpi eq, %{{.*}}, %[[NUMBER]]
// CHECK-NEXT: linalg.yield
// CHECK-NOT: arith.cmpi
// CHECK-NOT: arith.andi
// CHECK: moe.route %[[MASK]] :
func.func @count_up(%x: tensor<?x4xf32>, %chosen: tensor<?xi32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %k0 = arith.constant 0 : i32
  %k1 = arith.constant 1 : i32
  %k2 = arith.constant 2 : i32
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m0 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k0 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m1 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k1 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m2 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k2 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %a = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m2, %y2, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m1, %y1, %a : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m0, %y0, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// The last is what is none of the others, as one reduction.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @otherwise
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<?x3xi1>)
// CHECK: arith.cmpi eq
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]} ins(%[[MASK]] : tensor<?x3xi1>)
// CHECK: arith.andi
// CHECK-NOT: arith.cmpi
// CHECK: tensor.insert_slice %[[MASK]] into
// CHECK-COUNT-1: tensor.insert_slice
// CHECK-NOT: tensor.insert_slice
// CHECK: moe.route
func.func @otherwise(%x: tensor<?x4xf32>, %chosen: tensor<?xi32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %k0 = arith.constant 0 : i32
  %k1 = arith.constant 1 : i32
  %k2 = arith.constant 2 : i32
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y3 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.cos %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m0 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k0 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m1 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k1 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m2 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k2 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %a = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m2, %y2, %y3 : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m1, %y1, %a : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m0, %y0, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// Other numbers are looked up.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @any_numbers
// CHECK: %[[TABLE:.*]] = arith.constant dense<[7, 1, 4]> : tensor<3xi32>
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[TABLE]] : tensor<?xi32>, tensor<3xi32>)
// CHECK: arith.cmpi eq
// CHECK-NOT: arith.cmpi
// CHECK: moe.route %[[MASK]] :
func.func @any_numbers(%x: tensor<?x4xf32>, %chosen: tensor<?xi32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %k0 = arith.constant 7 : i32
  %k1 = arith.constant 1 : i32
  %k2 = arith.constant 4 : i32
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m0 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k0 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m1 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k1 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m2 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k2 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %a = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m2, %y2, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m1, %y1, %a : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m0, %y0, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// Columns of a mask are the mask, here every second one.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @columns
// CHECK: %[[ALL:.*]] = tensor.extract_slice %{{.*}}[0, 1] [%{{.*}}, 3] [1, 2] : tensor<?x8xf32> to tensor<?x3xf32>
// CHECK: arith.cmpf une
// CHECK-NOT: arith.cmpf une
// CHECK: moe.route %{{.*}}, %[[ALL]] :
func.func @columns(%x: tensor<?x4xf32>, %scores: tensor<?x8xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %numbers = tensor.empty(%n) : tensor<?x8xf32>
  %mask = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%scores : tensor<?x8xf32>) outs(%numbers : tensor<?x8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %p = arith.cmpf ogt, %e, %zero : f32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x8xf32>
  %w0 = tensor.extract_slice %mask[0, 1] [%n, 1] [1, 1] : tensor<?x8xf32> to tensor<?xf32>
  %w1 = tensor.extract_slice %mask[0, 3] [%n, 1] [1, 1] : tensor<?x8xf32> to tensor<?xf32>
  %w2 = tensor.extract_slice %mask[0, 5] [%n, 1] [1, 1] : tensor<?x8xf32> to tensor<?xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t0 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y0, %w0 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t1 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y1, %w1 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t2 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y2, %w2 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%t0, %t1 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%a, %t2 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// A sum over the choices of a token.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @choices
// CHECK: arith.cmpi eq
// CHECK: arith.select
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]} ins({{.*}} : tensor<?x2x3xf32>) outs({{.*}} : tensor<?x3xf32>)
// CHECK-NOT: arith.select
// CHECK: moe.route %{{.*}}, %[[SUM]] :
func.func @choices(%x: tensor<?x4xf32>, %chosen: tensor<?x2xi32>, %weight: tensor<?x2xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %k0 = arith.constant 0 : i32
  %k1 = arith.constant 1 : i32
  %k2 = arith.constant 2 : i32
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %pairs = tensor.empty(%n) : tensor<?x2xf32>
  %row = tensor.empty(%n) : tensor<?xf32>
  %start = linalg.fill ins(%zero : f32) outs(%row : tensor<?xf32>) -> tensor<?xf32>
  %p0 = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %weight : tensor<?x2xi32>, tensor<?x2xf32>) outs(%pairs : tensor<?x2xf32>) {
  ^bb0(%c: i32, %e: f32, %o: f32):
    %p = arith.cmpi eq, %c, %k0 : i32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %w0 = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%p0 : tensor<?x2xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %p1 = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %weight : tensor<?x2xi32>, tensor<?x2xf32>) outs(%pairs : tensor<?x2xf32>) {
  ^bb0(%c: i32, %e: f32, %o: f32):
    %p = arith.cmpi eq, %c, %k1 : i32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %w1 = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%p1 : tensor<?x2xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %p2 = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %weight : tensor<?x2xi32>, tensor<?x2xf32>) outs(%pairs : tensor<?x2xf32>) {
  ^bb0(%c: i32, %e: f32, %o: f32):
    %p = arith.cmpi eq, %c, %k2 : i32
    %t = arith.select %p, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x2xf32>
  %w2 = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%p2 : tensor<?x2xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.sin %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t0 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y0, %w0 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t1 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y1, %w1 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %t2 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%y2, %w2 : tensor<?x4xf32>, tensor<?xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%t0, %t1 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%a, %t2 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// Masks of different sorts are put side by side.
#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// CHECK-LABEL: @unlike
// CHECK: arith.cmpi eq
// CHECK: arith.cmpf ogt
// CHECK-COUNT-2: tensor.insert_slice
// CHECK: moe.route
func.func @unlike(%x: tensor<?x4xf32>, %chosen: tensor<?xi32>, %score: tensor<?xf32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %k0 = arith.constant 0 : i32
  %k1 = arith.constant 1 : i32
  %k2 = arith.constant 2 : i32
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m0 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %k0 : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %m1 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%score : tensor<?xf32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: f32, %o: i1):
    %t = arith.cmpf ogt, %c, %zero : f32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %a = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m1, %y1, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m0, %y0, %a : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// Sums of the same numbers that start from others are not the same.
// CHECK-LABEL: @other_starts
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.0
// CHECK-DAG: linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<?xf32>)
// CHECK-DAG: linalg.fill ins(%[[ONE]] : f32) outs(%{{.*}} : tensor<?xf32>)
// CHECK-COUNT-2: tensor.insert_slice
// CHECK: moe.route
func.func @other_starts(%x: tensor<?x4xf32>, %row: tensor<?xf32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %start0 = linalg.fill ins(%zero : f32) outs(%row : tensor<?xf32>) -> tensor<?xf32>
  %s0 = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x4xf32>) outs(%start0 : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %m0 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%s0 : tensor<?xf32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%e: f32, %o: i1):
    %t = arith.cmpf ogt, %e, %zero : f32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %y0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %g0 = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m0, %y0, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %start1 = linalg.fill ins(%one : f32) outs(%row : tensor<?xf32>) -> tensor<?xf32>
  %s1 = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x4xf32>) outs(%start1 : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %m1 = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%s1 : tensor<?xf32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%e: f32, %o: i1):
    %t = arith.cmpf ogt, %e, %one : f32
    linalg.yield %t : i1
  } -> tensor<?xi1>
  %y1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %g1 = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m1, %y1, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%g0, %g1 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.addf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#each = affine_map<(d0) -> (d0)>

// A number that is asked for twice chooses the first expert only: the mask of
// the second is that it is the number, and not the first time.
// CHECK-LABEL: @same_number
// CHECK: arith.cmpi eq, %{{.*}}, %c3_i32
// CHECK: arith.andi
// CHECK: moe.route {{.*}} !moe.routing<2>
func.func @same_number(%x: tensor<?x4xf32>, %chosen: tensor<?xi32>, %bits: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %three = arith.constant 3 : i32
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %m = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi32>) outs(%bits : tensor<?xi1>) {
  ^bb0(%c: i32, %o: i1):
    %t = arith.cmpi eq, %c, %three : i32
    linalg.yield %t : i1
  } -> tensor<?xi1>
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
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m, %b, %zeros : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%m, %a, %y : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
