// RUN: moe-opt %s --moe-raise-dense --moe-raise-where --split-input-file --verify-diagnostics | FileCheck %s
// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --split-input-file 2>/dev/null | FileCheck %s --check-prefix=FINITE

// What is raised stays as it is.
// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --split-input-file 2>/dev/null > %t.once
// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --moe-raise-dense=assume-finite --moe-raise-where --split-input-file 2>/dev/null > %t.twice
// RUN: diff %t.once %t.twice

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: @select
// CHECK: moe.route
// CHECK: moe.dispatch %{{.*}} by
// CHECK: ^expert0
// CHECK: math.tanh
// CHECK: ^expert1
// CHECK: math.exp
// CHECK: moe.combine
// CHECK-NOT: arith.select
func.func @select(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
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
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %s = arith.select %c, %e, %f : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// A product with zero shows infinity: it counts with assume-finite only.
// CHECK: moe.assume_finite_would_raise = 1
// CHECK-LABEL: @product
// CHECK-NOT: moe.dispatch
// FINITE-LABEL: @product
// FINITE: moe.dispatch
// FINITE: moe.combine
func.func @product(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi1>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: i1, %o: f32):
    %t = arith.uitofp %c : i1 to f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %s = arith.mulf %e, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: @used_twice
// CHECK-NOT: moe.dispatch
// FINITE-LABEL: @used_twice
// FINITE-NOT: moe.dispatch
func.func @used_twice(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %out: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // expected-remark @+1 {{masked, but computed for all tokens: is also used by 'func.return'}}
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a, %x : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %s = arith.select %c, %e, %f : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y, %a : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// Nothing that is thrown away is infinite or NaN: the product says so.
// CHECK-LABEL: @promised
// CHECK: moe.dispatch
// FINITE-LABEL: @promised
// FINITE: moe.dispatch
func.func @promised(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi1>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: i1, %o: f32):
    %t = arith.uitofp %c : i1 to f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %s = arith.mulf %e, %c fastmath<nnan, ninf> : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// A column of a mask at a position that is computed, as slices are exported.
// CHECK-LABEL: @taken_column
// CHECK-NOT: moe.dispatch
// FINITE-LABEL: @taken_column
// FINITE: moe.dispatch
func.func @taken_column(%x: tensor<?x4xf32>, %chosen: tensor<?x3xi1>, %number: index, %ms: tensor<?x3xf32>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %ws = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen : tensor<?x3xi1>) outs(%ms : tensor<?x3xf32>) {
  ^bb0(%c: i1, %o: f32):
    %t = arith.uitofp %c : i1 to f32
    linalg.yield %t : f32
  } -> tensor<?x3xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%m : tensor<?xf32>) {
  ^bb0(%o: f32):
    %row = linalg.index 0 : index
    %t = tensor.extract %ws[%row, %number] : tensor<?x3xf32>
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %s = arith.mulf %e, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A size that is a constant, for a type that does not say so.
// CHECK-LABEL: @constant_size
// CHECK: arith.mulf
// CHECK: return
func.func @constant_size(%weight: tensor<?xf32>, %x: tensor<?x8xf32>) -> tensor<10x8xf32> {
  %c10 = arith.constant 10 : index
  %e = tensor.empty(%c10) : tensor<?x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %weight : tensor<?x8xf32>, tensor<?xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.mulf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<?x8xf32>
  %z = tensor.cast %y : tensor<?x8xf32> to tensor<10x8xf32>
  return %z : tensor<10x8xf32>
}

// -----

// A choice in a body by scf.if is a select.
// CHECK-LABEL: @branch
// CHECK: moe.route {{.*}} !moe.routing<2>
// CHECK: moe.dispatch
// CHECK: math.tanh
// CHECK: math.exp
// CHECK: moe.combine
// CHECK: return
func.func @branch(%x: tensor<?x4xf32>, %mask: tensor<?xi1>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%mask, %a, %b : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = scf.if %c -> f32 {
      scf.yield %e : f32
    } else {
      scf.yield %f : f32
    }
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// A product that follows is no sum of experts: what it is given is raised.
// CHECK-LABEL: @then_product
// CHECK: moe.dispatch
// CHECK: math.tanh
// CHECK: moe.combine
// CHECK: linalg.generic
func.func @then_product(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %w: tensor<4x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a : tensor<?xi1>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.matmul ins(%s, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1, d2) -> (d0, d2)>
#matrix = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#out = affine_map<(d0, d1, d2) -> (d0, d1)>

// Each row has a matrix of its own, and what it is multiplied by holds zeros:
// with the assumption that looks like a gate, without it like nothing. What is
// raised without it is raised with it.
// CHECK-LABEL: @rectified
// CHECK: moe.dispatch
// CHECK: arith.maximumf
// FINITE-LABEL: @rectified
// FINITE: moe.dispatch
// FINITE: arith.maximumf
// FINITE: moe.combine
func.func @rectified(%x: tensor<?x3xf32>, %w: tensor<?x3x4xf32>, %r: tensor<?x4xf32>, %chosen: tensor<?xi1>, %hidden: tensor<?x3xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x3xf32>) outs(%hidden : tensor<?x3xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.maximumf %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p = linalg.generic {indexing_maps = [#row, #matrix, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %w : tensor<?x3xf32>, tensor<?x3x4xf32>) outs(%z : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    %u = arith.addf %o, %t : f32
    linalg.yield %u : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %p, %r : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %s = arith.select %c, %e, %f : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#masked = affine_map<(d0, d1, d2) -> (d0, d1)>
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#token = affine_map<(d0, d1, d2) -> (d1, d2)>

// The note counts the experts of a stack. Rows that are read by their position
// are read outside; what is computed from them moves.
// CHECK: moe.assume_finite_would_raise = 3
// CHECK-LABEL: @segments
// CHECK-NOT: moe.dispatch
// FINITE-LABEL: @segments
// FINITE: tensor.extract
// FINITE: moe.dispatch
// FINITE-NOT: tensor.extract %
// FINITE: arith.mulf
// FINITE: moe.combine
func.func @segments(%x: tensor<?x4xf32>, %list: tensor<?xindex>, %chosen: tensor<3x?xi1>, %w: tensor<3x4x4xf32>, %out: tensor<?x4xf32>, %wide: tensor<3x?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %g = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel"]} ins(%list : tensor<?xindex>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%i: index, %o: f32):
    %j = linalg.index 1 : index
    %t = tensor.extract %x[%i, %j] : tensor<?x4xf32>
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m = linalg.generic {indexing_maps = [#masked, #token, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%chosen, %g : tensor<3x?xi1>, tensor<?x4xf32>) outs(%wide : tensor<3x?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<3x?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d2, d0, d3)>, affine_map<(d0, d1, d2, d3) -> (d2, d3, d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%m, %w : tensor<3x?x4xf32>, tensor<3x4x4xf32>) outs(%z : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    %u = arith.addf %o, %t : f32
    linalg.yield %u : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#masked = affine_map<(d0, d1, d2) -> (d0, d1)>
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// A contraction over experts that stays is no more work than it was, although
// something else is raised.
// CHECK-LABEL: @one_stays
// FINITE-LABEL: @one_stays
// FINITE: moe.dispatch
// FINITE: math.tanh
// FINITE: moe.combine
// FINITE-NOT: tensor<?x4x3xf32>
// FINITE: iterator_types = ["parallel", "parallel", "reduction", "reduction"]
// FINITE-NOT: tensor<?x4x3xf32>
// FINITE: return
func.func @one_stays(%x: tensor<?x4xf32>, %own: tensor<?xi1>, %chosen: tensor<3x?xi1>, %w: tensor<3x4x4xf32>, %out: tensor<?x4xf32>, %wide: tensor<3x?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<3x?x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %s = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%own, %a : tensor<?xi1>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %h = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%wide : tensor<3x?x4xf32>) outs(%wide : tensor<3x?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.exp %e : f32
    linalg.yield %t : f32
  } -> tensor<3x?x4xf32>
  %m = linalg.generic {indexing_maps = [#masked, #whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%chosen, %h : tensor<3x?xi1>, tensor<3x?x4xf32>) outs(%wide : tensor<3x?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<3x?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d2, d0, d3)>, affine_map<(d0, d1, d2, d3) -> (d2, d3, d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%m, %w : tensor<3x?x4xf32>, tensor<3x4x4xf32>) outs(%z : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.mulf %e, %f : f32
    %u = arith.addf %o, %t : f32
    linalg.yield %u : f32
  } -> tensor<?x4xf32>
  return %s, %y, %m : tensor<?x4xf32>, tensor<?x4xf32>, tensor<3x?x4xf32>
}

// -----

// A sigmoid that is rounded is 0 or 1, and so is what is left of 1.
// CHECK-LABEL: func @rounded
// CHECK-NOT: moe.dispatch
// FINITE-LABEL: func @rounded
// FINITE: moe.dispatch
// FINITE-SAME: !moe.routing<2>
func.func @rounded(%x: tensor<?x16xf32>, %power: tensor<?xf32>, %a: tensor<16x16xf32>, %b: tensor<16x16xf32>, %rows: tensor<?xf32>, %out: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %gate = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%power : tensor<?xf32>) outs(%rows : tensor<?xf32>) {
  ^bb0(%i: f32, %o: f32):
    %1 = math.exp %i : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.divf %one, %2 : f32
    %4 = math.roundeven %3 : f32
    linalg.yield %4 : f32
  } -> tensor<?xf32>
  %rest = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%gate : tensor<?xf32>) outs(%rows : tensor<?xf32>) {
  ^bb0(%i: f32, %o: f32):
    %1 = arith.subf %one, %i : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%out : tensor<?x16xf32>) -> tensor<?x16xf32>
  %f = linalg.matmul ins(%x, %a : tensor<?x16xf32>, tensor<16x16xf32>) outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
  %g = linalg.matmul ins(%x, %b : tensor<?x16xf32>, tensor<16x16xf32>) outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%gate, %f, %rest, %g : tensor<?xf32>, tensor<?x16xf32>, tensor<?xf32>, tensor<?x16xf32>) outs(%out : tensor<?x16xf32>) {
  ^bb0(%m: f32, %v: f32, %n: f32, %w: f32, %o: f32):
    %1 = arith.mulf %m, %v : f32
    %2 = arith.mulf %n, %w : f32
    %3 = arith.addf %1, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
