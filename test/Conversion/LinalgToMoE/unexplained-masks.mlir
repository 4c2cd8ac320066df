// RUN: moe-opt %s --moe-raise-dense=assume-finite --moe-raise-where --split-input-file --verify-diagnostics -o /dev/null

// A mask in a form that is not raised is not passed over in silence.

// The mask is chosen for each element, from what was computed for it: a product
// with a mask of whole rows that are columns.
func.func @each_element(%x: tensor<?x6xf32>, %w: tensor<6x6xf32>, %c: tensor<?x6xi1>, %out: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %y = linalg.matmul ins(%x, %w : tensor<?x6xf32>, tensor<6x6xf32>) outs(%out : tensor<?x6xf32>) -> tensor<?x6xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: has a mask that is not one of the forms that are recognized}}
  %kept = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%c, %y : tensor<?x6xi1>, tensor<?x6xf32>) outs(%out : tensor<?x6xf32>) {
  ^bb0(%k: i1, %v: f32, %o: f32):
    %r = arith.select %k, %v, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x6xf32>
  return %kept : tensor<?x6xf32>
}

// -----

// ReLU, written as a choice: the contraction says what is chosen.
func.func @relu(%x: tensor<?x6xf32>, %w: tensor<6x6xf32>, %out: tensor<?x6xf32>, %bits: tensor<?x6xi1>) -> tensor<?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %y = linalg.matmul ins(%x, %w : tensor<?x6xf32>, tensor<6x6xf32>) outs(%out : tensor<?x6xf32>) -> tensor<?x6xf32>
  %c = linalg.map ins(%y : tensor<?x6xf32>) outs(%bits : tensor<?x6xi1>) (%v: f32, %o: i1) {
    %k = arith.cmpf ogt, %v, %zero : f32
    linalg.yield %k : i1
  }
  %kept = linalg.map ins(%c, %y : tensor<?x6xi1>, tensor<?x6xf32>) outs(%out : tensor<?x6xf32>) (%k: i1, %v: f32, %o: f32) {
    %r = arith.select %k, %v, %zero : f32
    linalg.yield %r : f32
  }
  return %kept : tensor<?x6xf32>
}

// -----

// Scores that do not count are not experts that are not chosen.
func.func @attention(%q: tensor<?x6xf32>, %k: tensor<6x?xf32>, %mask: tensor<?x?xi1>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %lowest = arith.constant -3.40282347E+38 : f32
  %y = linalg.matmul ins(%q, %k : tensor<?x6xf32>, tensor<6x?xf32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  %kept = linalg.map ins(%mask, %y : tensor<?x?xi1>, tensor<?x?xf32>) outs(%out : tensor<?x?xf32>) (%c: i1, %v: f32, %o: f32) {
    %r = arith.select %c, %v, %lowest : f32
    linalg.yield %r : f32
  }
  return %kept : tensor<?x?xf32>
}

// -----

// Rows are brought into slots, a few of each expert, and back.
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @slots(%x: tensor<?x6xf32>, %given: tensor<?x?x3xi1>, %w: tensor<?x6x6xf32>, %numbers: tensor<?x?x3xf32>, %slots: tensor<?x3x6xf32>, %rows: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %zero = arith.constant 0.0 : f32
  %mask = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]} ins(%given : tensor<?x?x3xi1>) outs(%numbers : tensor<?x?x3xf32>) {
  ^bb0(%k: i1, %o: f32):
    %n = arith.uitofp %k : i1 to f32
    linalg.yield %n : f32
  } -> tensor<?x?x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%slots : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  %in = linalg.generic {indexing_maps = [affine_map<(e, c, d, t) -> (t, e, c)>, affine_map<(e, c, d, t) -> (t, d)>, affine_map<(e, c, d, t) -> (e, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%mask, %x : tensor<?x?x3xf32>, tensor<?x6xf32>) outs(%z : tensor<?x3x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x3x6xf32>
  %y = linalg.batch_matmul ins(%in, %w : tensor<?x3x6xf32>, tensor<?x6x6xf32>) outs(%z : tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  %none = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x6xf32>) -> tensor<?x6xf32>
  // expected-remark @+1 {{masked, but computed for all tokens: puts the results of slots back by a mask; add up 'keep[:, e] * expert(x)' instead, where 'keep' is zero for tokens beyond the capacity}}
  %out = linalg.generic {indexing_maps = [affine_map<(t, d, e, c) -> (t, e, c)>, affine_map<(t, d, e, c) -> (e, c, d)>, affine_map<(t, d, e, c) -> (t, d)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%mask, %y : tensor<?x?x3xf32>, tensor<?x3x6xf32>) outs(%none : tensor<?x6xf32>) {
  ^bb0(%m: f32, %v: f32, %o: f32):
    %p = arith.mulf %m, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x6xf32>
  return %out : tensor<?x6xf32>
}

// -----

// One condition for all rows becomes a branch, of which one side is computed.
func.func @one_condition(%c: tensor<i1>, %x: tensor<?x6xf32>, %w: tensor<6x6xf32>, %out: tensor<?x6xf32>, %bits: tensor<?x6xi1>) -> tensor<?x6xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<?x6xf32>, tensor<6x6xf32>) outs(%out : tensor<?x6xf32>) -> tensor<?x6xf32>
  %all = linalg.broadcast ins(%c : tensor<i1>) outs(%bits : tensor<?x6xi1>) dimensions = [0, 1]
  %kept = linalg.map ins(%all, %y, %x : tensor<?x6xi1>, tensor<?x6xf32>, tensor<?x6xf32>) outs(%out : tensor<?x6xf32>) (%k: i1, %v: f32, %u: f32, %o: f32) {
    %r = arith.select %k, %v, %u : f32
    linalg.yield %r : f32
  }
  return %kept : tensor<?x6xf32>
}
