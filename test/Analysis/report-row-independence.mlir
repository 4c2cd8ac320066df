// RUN: moe-opt --split-input-file --verify-diagnostics --moe-report-row-independence %s -o /dev/null

// Bodies that are row-wise.

func.func @perceptron(%x: tensor<?x8xf32>, %w: tensor<8x16xf32>,
                      %v: tensor<16x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e0 = tensor.empty(%n) : tensor<?x16xf32>
    %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %h = linalg.matmul ins(%mine, %w : tensor<?x8xf32>, tensor<8x16xf32>)
      outs(%z0 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %a = linalg.map { math.tanh } ins(%h : tensor<?x16xf32>) outs(%e0 : tensor<?x16xf32>)
    %e1 = tensor.empty(%n) : tensor<?x8xf32>
    %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %y = linalg.matmul ins(%a, %v : tensor<?x16xf32>, tensor<16x8xf32>)
      outs(%z1 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %s = arith.addf %y, %mine : tensor<?x8xf32>
    moe.yield %s : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// The weights of the rows, a reduction over columns, a broadcast back, softmax.
func.func @weighted_norm(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>, %weights: tensor<?xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %weights, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x8xf32>) outs(%z : tensor<?xf32>) dimensions = [1]
    %scaled = arith.mulf %sum, %weights : tensor<?xf32>
    %wide = tensor.empty(%n) : tensor<?x8xf32>
    %b = linalg.broadcast ins(%scaled : tensor<?xf32>) outs(%wide : tensor<?x8xf32>) dimensions = [1]
    %m = arith.mulf %b, %mine : tensor<?x8xf32>
    %soft = linalg.softmax dimension(1) ins(%m : tensor<?x8xf32>) outs(%wide : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %soft : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// Identity, and a constant for every row.
func.func @unlike(%x: tensor<?x8xf32>, %w: tensor<8xf32>, %r: !moe.routing<2>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  ^expert0(%mine: tensor<?x8xf32>):
    moe.yield %mine : tensor<?x8xf32>
  }, {
  ^expert1(%mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %b = linalg.broadcast ins(%w : tensor<8xf32>) outs(%e : tensor<?x8xf32>) dimensions = [0]
    moe.yield %b : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// Whole rows sliced, reshaped, transposed, padded and concatenated.
func.func @shapes(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %heads = tensor.expand_shape %mine [[0], [1, 2]] output_shape [%n, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
    %e = tensor.empty(%n) : tensor<?x4x2xf32>
    %t = linalg.transpose ins(%heads : tensor<?x2x4xf32>) outs(%e : tensor<?x4x2xf32>) permutation = [0, 2, 1]
    %flat = tensor.collapse_shape %t [[0], [1, 2]] : tensor<?x4x2xf32> into tensor<?x8xf32>
    %low = tensor.extract_slice %flat[0, 0] [%n, 3] [1, 1] : tensor<?x8xf32> to tensor<?x3xf32>
    %column = tensor.extract_slice %flat[0, 7] [%n, 1] [1, 1] : tensor<?x8xf32> to tensor<?xf32>
    %one = tensor.expand_shape %column [[0, 1]] output_shape [%n, 1] : tensor<?xf32> into tensor<?x1xf32>
    %padded = tensor.pad %low low[0, 1] high[0, 3] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
    } : tensor<?x3xf32> to tensor<?x7xf32>
    %all = tensor.concat dim(1) %padded, %one : (tensor<?x7xf32>, tensor<?x1xf32>) -> tensor<?x8xf32>
    %back = tensor.collapse_shape %one [[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
    %y = tensor.insert_slice %back into %all[0, 2] [%n, 1] [1, 1] : tensor<?xf32> into tensor<?x8xf32>
    %cast = tensor.cast %y : tensor<?x8xf32> to tensor<?x?xf32>
    %cast2 = tensor.cast %cast : tensor<?x?xf32> to tensor<?x8xf32>
    moe.yield %cast2 : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// A loop whose length is data that all rows share.
func.func @loops(%x: tensor<?x8xf32>, %steps: tensor<4xi64>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.extract %steps[%expert] : tensor<4xi64>
    %to = arith.index_cast %n : i64 to index
    %a = scf.for %i = %c0 to %to step %c1 iter_args(%h = %mine) -> tensor<?x8xf32> {
      %g = arith.mulf %h, %mine : tensor<?x8xf32>
      scf.yield %g : tensor<?x8xf32>
    }
    %more = arith.cmpi sgt, %to, %c1 : index
    %b = scf.if %more -> tensor<?x8xf32> {
      %g = arith.negf %a : tensor<?x8xf32>
      scf.yield %g : tensor<?x8xf32>
    } else {
      scf.yield %mine : tensor<?x8xf32>
    }
    %c:2 = scf.while (%i = %c0, %h = %b) : (index, tensor<?x8xf32>) -> (index, tensor<?x8xf32>) {
      %go = arith.cmpi slt, %i, %to : index
      scf.condition(%go) %i, %h : index, tensor<?x8xf32>
    } do {
    ^bb0(%i: index, %h: tensor<?x8xf32>):
      %j = arith.addi %i, %c1 : index
      %g = arith.addf %h, %mine : tensor<?x8xf32>
      scf.yield %j, %g : index, tensor<?x8xf32>
    }
    %d = scf.index_switch %expert -> tensor<?x8xf32>
    case 0 {
      scf.yield %c#1 : tensor<?x8xf32>
    }
    default {
      scf.yield %a : tensor<?x8xf32>
    }
    moe.yield %d : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// Attention inside a row; an element that depends on a condition on the row and
// on the column's number; a table read at a place that is the same for all.
#row = affine_map<(d0, d1, d2) -> (d0, d1)>
#other = affine_map<(d0, d1, d2) -> (d0, d2)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>
func.func @inside_a_row(%x: tensor<?x8xf32>, %table: tensor<8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %zero = arith.constant 0.0 : f32
    %y = linalg.generic {indexing_maps = [#row, #other, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%mine, %mine : tensor<?x8xf32>, tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x8xf32>
    %z = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %j = linalg.index 1 : index
      %t = tensor.extract %table[%j] : tensor<8xf32>
      %pos = arith.cmpf ogt, %a, %zero : f32
      %v = scf.if %pos -> f32 {
        %l = math.log %a : f32
        scf.yield %l : f32
      } else {
        scf.yield %t : f32
      }
      linalg.yield %v : f32
    } -> tensor<?x8xf32>
    moe.yield %z : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

// Images as tokens: the rows are the batch of a convolution.
func.func @images(%x: tensor<?x8x8x3xf32>, %k: tensor<3x3x3x4xf32>, %r: !moe.routing<4>) -> tensor<?x6x6x4xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8x8x3xf32>, !moe.routing<4>) -> tensor<?x6x6x4xf32> {
  ^each(%expert: index, %mine: tensor<?x8x8x3xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %mine, %c0 : tensor<?x8x8x3xf32>
    %e = tensor.empty(%n) : tensor<?x6x6x4xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x6x6x4xf32>) -> tensor<?x6x6x4xf32>
    %y = linalg.conv_2d_nhwc_hwcf ins(%mine, %k : tensor<?x8x8x3xf32>, tensor<3x3x3x4xf32>)
      outs(%z : tensor<?x6x6x4xf32>) -> tensor<?x6x6x4xf32>
    moe.yield %y : tensor<?x6x6x4xf32>
  }
  return %rows : tensor<?x6x6x4xf32>
}

// -----

// Weights of a family; a check of an access; a dispatch over uniform tokens.
moe.parameters @w "w.{0}" [4] : tensor<8x8xf32>
ml_program.global private @bias(#ml_program.extern<tensor<8xf32>>) : tensor<8xf32>
func.func @weights(%x: tensor<?x8xf32>, %t: tensor<?x8xf32>, %inner: !moe.routing<1>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  // expected-remark @below {{expert body is row-wise}}
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %w = moe.parameter @w[%expert] : tensor<8x8xf32>
    %b = ml_program.global_load_const @bias : tensor<8xf32>
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %k = tensor.dim %mine, %c1 : tensor<?x8xf32>
    %same = arith.cmpi eq, %k, %c8 : index
    cf.assert %same, "columns differ" {moe.guard}
    %enough = arith.cmpi sle, %n, %n : index
    cf.assert %enough, "rows differ" {moe.guard}
    // expected-remark @below {{expert body is row-wise}}
    %u = moe.dispatch %t by %inner : (tensor<?x8xf32>, !moe.routing<1>) -> tensor<?x8xf32> {
    ^each(%e: index, %m: tensor<?x8xf32>):
      moe.yield %m : tensor<?x8xf32>
    }
    %q = tensor.extract %u[%c0, %c0] : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %z = linalg.fill ins(%q : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    %y = linalg.matmul ins(%mine, %w : tensor<?x8xf32>, tensor<8x8xf32>)
      outs(%z : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}
