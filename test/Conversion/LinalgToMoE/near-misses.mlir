// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --split-input-file --verify-diagnostics | FileCheck %s

// What looks like an expert behind a mask, and is none.

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @small_factor
// CHECK-NOT: moe.dispatch
func.func @small_factor(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %one = arith.constant 1.0 : f32
  %tiny = arith.constant 1.0e-6 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  // expected-note @+1 {{by this operation}}
  %w = linalg.generic {indexing_maps = [#own, #own], iterator_types = ["parallel"]} ins(%chosen : tensor<?xi1>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: i1, %o: f32):
    %t = arith.select %c, %one, %tiny : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: 'linalg.generic' gives a factor that is not known to be zero}}
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %t = arith.mulf %e, %c : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @floor
// CHECK-NOT: moe.dispatch
func.func @floor(%x: tensor<?x4xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  // expected-note @+1 {{by this operation}}
  %w = linalg.generic {indexing_maps = [#own, #own], iterator_types = ["parallel"]} ins(%g : tensor<?xf32>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: f32, %o: f32):
    %t = math.floor %c : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: 'linalg.generic' gives a factor that is not known to be zero}}
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %t = arith.mulf %e, %c : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @sign
// CHECK-NOT: moe.dispatch
func.func @sign(%x: tensor<?x4xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %zero = arith.constant 0.0 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  // expected-note @+1 {{by this operation}}
  %w = linalg.generic {indexing_maps = [#own, #own], iterator_types = ["parallel"]} ins(%g : tensor<?xf32>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: f32, %o: f32):
    %p = arith.cmpf ogt, %c, %zero : f32
    %n = arith.cmpf olt, %c, %zero : f32
    %r = arith.select %n, %minus, %zero : f32
    %t = arith.select %p, %one, %r : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: 'linalg.generic' gives a factor that is not known to be zero}}
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %t = arith.mulf %e, %c : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @soft
// CHECK-NOT: moe.dispatch
func.func @soft(%x: tensor<?x4xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %w = linalg.generic {indexing_maps = [#own, #own], iterator_types = ["parallel"]} ins(%g : tensor<?xf32>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: f32, %o: f32):
    %t = math.exp %c : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %t = arith.mulf %e, %c : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @own_output
// CHECK-NOT: moe.dispatch
func.func @own_output(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  // expected-note @+1 {{by this operation}}
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %start = linalg.fill ins(%zero : f32) outs(%m : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<?x4xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %w = linalg.generic {indexing_maps = [#own, #own], iterator_types = ["parallel"]} ins(%sum : tensor<?xf32>) outs(%m : tensor<?xf32>) {
  ^bb0(%c: f32, %o: f32):
    %p = arith.cmpf ogt, %c, %zero : f32
    %t = arith.uitofp %p : i1 to f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: 'linalg.generic' is also used by 'linalg.generic'}}
  %y = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%w, %a : tensor<?xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: f32, %e: f32, %o: f32):
    %t = arith.mulf %e, %c : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @mixes_rows
// CHECK-NOT: moe.dispatch
func.func @mixes_rows(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %start: tensor<4xf32>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%start : tensor<4xf32>) -> tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  // expected-note @+1 {{by this operation}}
  %mean = linalg.generic {indexing_maps = [#all, #column], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<?x4xf32>) outs(%zeros : tensor<4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = arith.addf %o, %e : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: 'linalg.generic' combines different rows}}
  %b = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%a, %mean : tensor<?x4xf32>, tensor<4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %t = arith.subf %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %b, %x : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>
#own = affine_map<(d0) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: @all_returned
// CHECK-NOT: moe.dispatch
func.func @all_returned(%x: tensor<?x4xf32>, %chosen: tensor<?xi1>, %m: tensor<?xf32>, %out: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // expected-remark @+1 {{masked, but computed for all tokens: is also used by 'func.return'}}
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#rows, #all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%chosen, %a, %x : tensor<?xi1>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %f: f32, %o: f32):
    %t = arith.select %c, %e, %f : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  return %y, %a : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#all = affine_map<(d0, d1) -> (d0, d1)>
#masked = affine_map<(d0, d1, d2) -> (d0, d1)>
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#token = affine_map<(d0, d1, d2) -> (d1, d2)>

// Each row is chosen for several experts: it is computed once, not for each.
// CHECK-LABEL: @shared_by_experts
// CHECK-NOT: moe.dispatch
func.func @shared_by_experts(%x: tensor<?x4xf32>, %chosen: tensor<3x?xi1>, %out: tensor<?x4xf32>, %wide: tensor<3x?x4xf32>) -> tensor<3x?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %t = math.tanh %e : f32
    linalg.yield %t : f32
  } -> tensor<?x4xf32>
  %m = linalg.generic {indexing_maps = [#masked, #token, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%chosen, %a : tensor<3x?xi1>, tensor<?x4xf32>) outs(%wide : tensor<3x?x4xf32>) {
  ^bb0(%c: i1, %e: f32, %o: f32):
    %t = arith.select %c, %e, %zero : f32
    linalg.yield %t : f32
  } -> tensor<3x?x4xf32>
  return %m : tensor<3x?x4xf32>
}
