// RUN: moe-opt --split-input-file --verify-diagnostics --moe-report-row-independence %s -o /dev/null

// Bodies that are not row-wise, and the operation that says so.

func.func @reduce_over_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %z = arith.constant dense<0.0> : tensor<8xf32>
    // expected-remark @below {{expert body is not row-wise: combines different rows}}
    %sum = linalg.reduce { arith.addf } ins(%mine : tensor<?x8xf32>) outs(%z : tensor<8xf32>) dimensions = [0]
    %y = linalg.broadcast ins(%sum : tensor<8xf32>) outs(%mine : tensor<?x8xf32>) dimensions = [0]
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @transpose(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: makes a tensor with another number of rows}}
    %e = tensor.empty(%n) : tensor<8x?xf32>
    %y = linalg.transpose ins(%mine : tensor<?x8xf32>) outs(%e : tensor<8x?xf32>) permutation = [1, 0]
    %q = tensor.cast %y : tensor<8x?xf32> to tensor<?x8xf32>
    moe.yield %q : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @rows_times_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: combines different rows}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%mine, %mine : tensor<?x8xf32>, tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      linalg.yield %p : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @softmax_over_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: reduces over rows}}
    %y = linalg.softmax dimension(0) ins(%mine : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @mean(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %i = arith.index_cast %n : index to i64
    %f = arith.sitofp %i : i64 to f32
    // expected-remark @below {{expert body is not row-wise: computes with the number of rows}}
    %y = linalg.fill ins(%f : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @count_inside(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: computes with the number of rows}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%e : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      %i = arith.index_cast %n : index to i64
      %f = arith.sitofp %i : i64 to f32
      linalg.yield %f : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @position(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      // expected-remark @below {{expert body is not row-wise: uses the position of a row}}
      %k = linalg.index 0 : index
      %i = arith.index_cast %k : index to i64
      %f = arith.sitofp %i : i64 to f32
      linalg.yield %f : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @position_of_table(%x: tensor<?x8xf32>, %t: tensor<?xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: combines rows with a tensor that has no rows}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<?xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %f = arith.addf %a, %o : f32
      linalg.yield %f : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @diagonal(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: combines different rows}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%mine : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @shifted(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: reads rows beside its own}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 + 1, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%mine : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @reversed(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: reads rows beside its own}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (-d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%mine : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @first_row(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: combines different rows}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%mine : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @scan(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %z = arith.constant dense<0.0> : tensor<8xf32>
    // expected-remark @below {{expert body is not row-wise: combines different rows}}
    %y:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["reduction", "parallel"]}
      ins(%mine : tensor<?x8xf32>) outs(%z, %mine : tensor<8xf32>, tensor<?x8xf32>) {
    ^bb0(%a: f32, %s: f32, %o: f32):
      %f = arith.addf %a, %s : f32
      linalg.yield %f, %f : f32, f32
    } -> (tensor<8xf32>, tensor<?x8xf32>)
    moe.yield %y#1 : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @convolution_over_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %k = arith.constant dense<1.0> : tensor<3xf32>
    // expected-remark @below {{expert body is not row-wise: reads rows beside its own}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0 + d2, d1)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%mine, %k : tensor<?x8xf32>, tensor<3xf32>) outs(%mine : tensor<?x8xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %f = arith.addf %a, %o : f32
      linalg.yield %f : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @gather_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: may read any row}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      %c0 = arith.constant 0 : index
      %j = linalg.index 1 : index
      %a = tensor.extract %mine[%c0, %j] : tensor<?x8xf32>
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @look_up(%x: tensor<?x8xi64>, %t: tensor<?xi64>, %r: !moe.routing<4>) -> tensor<?x8xi64> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xi64>, !moe.routing<4>) -> tensor<?x8xi64> {
  ^each(%expert: index, %mine: tensor<?x8xi64>):
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%mine : tensor<?x8xi64>) outs(%mine : tensor<?x8xi64>) {
    ^bb0(%i: i64, %o: i64):
      %j = arith.index_cast %i : i64 to index
      // expected-remark @below {{expert body is not row-wise: may fail for rows of other experts}}
      %a = tensor.extract %t[%j] : tensor<?xi64>
      linalg.yield %a : i64
    } -> tensor<?x8xi64>
    moe.yield %y : tensor<?x8xi64>
  }
  return %rows : tensor<?x8xi64>
}

// -----

func.func @divide(%x: tensor<?x8xi64>, %r: !moe.routing<4>) -> tensor<?x8xi64> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xi64>, !moe.routing<4>) -> tensor<?x8xi64> {
  ^each(%expert: index, %mine: tensor<?x8xi64>):
    // expected-remark @below {{expert body is not row-wise: may fail for rows of other experts}}
    %y = arith.divsi %mine, %mine : tensor<?x8xi64>
    moe.yield %y : tensor<?x8xi64>
  }
  return %rows : tensor<?x8xi64>
}

// -----

func.func @divide_inside(%x: tensor<?x8xi64>, %r: !moe.routing<4>) -> tensor<?x8xi64> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xi64>, !moe.routing<4>) -> tensor<?x8xi64> {
  ^each(%expert: index, %mine: tensor<?x8xi64>):
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xi64>) {
    ^bb0(%o: i64):
      // expected-remark @below {{expert body is not row-wise: may fail for rows of other experts}}
      %a = arith.divui %o, %o : i64
      linalg.yield %a : i64
    } -> tensor<?x8xi64>
    moe.yield %y : tensor<?x8xi64>
  }
  return %rows : tensor<?x8xi64>
}

// -----

func.func @endless_inside(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      %one = arith.constant 1.0 : f32
      // expected-remark @below {{expert body is not row-wise: may not end for rows of other experts}}
      %a = scf.while (%v = %o) : (f32) -> f32 {
        %go = arith.cmpf ogt, %v, %one : f32
        scf.condition(%go) %v : f32
      } do {
      ^bb1(%v: f32):
        %q = math.sqrt %v : f32
        scf.yield %q : f32
      }
      linalg.yield %a : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @extract_of_a_row(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%n) : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: reads one row}}
    %a = tensor.extract %mine[%c0, %c0] : tensor<?x8xf32>
    %y = linalg.fill ins(%a : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @some_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %c1 = arith.constant 1 : index
    // expected-remark @below {{expert body is not row-wise: takes some of the rows}}
    %y = tensor.extract_slice %mine[%c1, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @half_of_the_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %c2 = arith.constant 2 : index
    %h = arith.divui %n, %c2 : index
    // expected-remark @below {{expert body is not row-wise: takes some of the rows}}
    %y = tensor.extract_slice %mine[0, 0] [%h, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @every_second_row(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: takes some of the rows}}
    %y = tensor.extract_slice %mine[0, 0] [%n, 8] [2, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @first_rows_of_a_table(%x: tensor<?x8xf32>, %t: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: computes with the number of rows}}
    %y = tensor.extract_slice %t[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @insert_one_row(%x: tensor<?x8xf32>, %t: tensor<8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: writes some of the rows}}
    %y = tensor.insert_slice %t into %mine[0, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @count_as_columns(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: uses the number of rows as another dimension}}
    %e = tensor.empty(%n, %n) : tensor<?x?xf32>
    %y = tensor.cast %e : tensor<?x?xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @rows_into_columns(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: joins or splits the dimension of the rows}}
    %f = tensor.collapse_shape %mine [[0, 1]] : tensor<?x8xf32> into tensor<?xf32>
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %y = tensor.expand_shape %f [[0, 1]] output_shape [%n, 8] : tensor<?xf32> into tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @fixed_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: fixes the number of rows}}
    %f = tensor.cast %mine : tensor<?x8xf32> to tensor<4x8xf32>
    %y = tensor.cast %f : tensor<4x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @pad_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %z = arith.constant 0.0 : f32
    // expected-remark @below {{expert body is not row-wise: pads rows}}
    %y = tensor.pad %mine low[1, 0] high[-1, 0] {
    ^bb0(%i: index, %j: index):
      tensor.yield %z : f32
    } : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @pad_with_position(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: pads with what depends on the position}}
    %p = tensor.pad %mine low[0, 1] high[0, 0] {
    ^bb0(%i: index, %j: index):
      %k = arith.index_cast %i : index to i64
      %f = arith.sitofp %k : i64 to f32
      tensor.yield %f : f32
    } : tensor<?x8xf32> to tensor<?x9xf32>
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %y = tensor.extract_slice %p[0, 0] [%n, 8] [1, 1] : tensor<?x9xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @concat_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    // expected-remark @below {{expert body is not row-wise: concatenates rows}}
    %p = tensor.concat dim(0) %mine, %mine : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %y = tensor.extract_slice %p[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @table_of_rows(%x: tensor<?x8xf32>, %t: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: combines rows with a tensor that has no rows}}
    %y = arith.addf %mine, %t : tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @into_a_table(%x: tensor<?x8xf32>, %t: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: writes rows into a tensor that has no rows}}
    %y = linalg.copy ins(%mine : tensor<?x8xf32>) outs(%t : tensor<?x8xf32>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @table(%x: tensor<?x8xf32>, %t: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: has a result whose rows are not those of the expert}}
    moe.yield %t : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @loop_over_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %c1 = arith.constant 1 : index
    // expected-remark @below {{expert body is not row-wise: loops over rows}}
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%h = %mine) -> tensor<?x8xf32> {
      %g = arith.addf %h, %h : tensor<?x8xf32>
      scf.yield %g : tensor<?x8xf32>
    }
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @running_sum(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %y = scf.for %i = %c1 to %c4 step %c1 iter_args(%h = %mine) -> tensor<?x8xf32> {
      // expected-remark @below {{expert body is not row-wise: takes some of the rows}}
      %row = tensor.extract_slice %h[0, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
      %g = tensor.insert_slice %row into %h[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<?x8xf32>
      scf.yield %g : tensor<?x8xf32>
    }
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @count_carried(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %y:2 = scf.for %i = %c1 to %c4 step %c1 iter_args(%h = %mine, %m = %n) -> (tensor<?x8xf32>, index) {
      // expected-remark @below {{expert body is not row-wise: makes a tensor with another number of rows}}
      %e = tensor.empty(%m) : tensor<?x8xf32>
      %z = linalg.copy ins(%h : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
      %k = arith.addi %m, %c0 : index
      scf.yield %z, %k : tensor<?x8xf32>, index
    }
    moe.yield %y#0 : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @rows_or_table(%x: tensor<?x8xf32>, %t: i1, %u: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: is sometimes a tensor of rows and sometimes not}}
    %y = scf.if %t -> tensor<?x8xf32> {
      scf.yield %mine : tensor<?x8xf32>
    } else {
      scf.yield %u : tensor<?x8xf32>
    }
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @branch_on_count(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %mine, %c0 : tensor<?x8xf32>
    %many = arith.cmpi ugt, %n, %c0 : index
    // expected-remark @below {{expert body is not row-wise: branches on the number of rows}}
    %y = scf.if %many -> tensor<?x8xf32> {
      scf.yield %mine : tensor<?x8xf32>
    } else {
      %z = arith.negf %mine : tensor<?x8xf32>
      scf.yield %z : tensor<?x8xf32>
    }
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @assertion(%x: tensor<?x8xf32>, %t: i1, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: may fail for rows of other experts}}
    cf.assert %t, "the user's own"
    moe.yield %mine : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @guarded_rows(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%mine : tensor<?x8xf32>) {
    ^bb0(%o: f32):
      %z = arith.constant 0.0 : f32
      %ok = arith.cmpf ogt, %o, %z : f32
      // expected-remark @below {{expert body is not row-wise: may fail for rows of other experts}}
      cf.assert %ok, "not positive" {moe.guard}
      linalg.yield %o : f32
    } -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func private @effect()
func.func @call(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: has side effects or may fail}}
    func.call @effect() : () -> ()
    moe.yield %mine : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @nested(%x: tensor<?x8xf32>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: is not known to keep rows apart}}
    %i = moe.gate %mine softmax top_k(1) : (tensor<?x8xf32>) -> !moe.routing<8>
    // expected-remark @below {{expert body is row-wise}}
    %q = moe.dispatch %mine by %i : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32> {
    ^each(%e: index, %m: tensor<?x8xf32>):
      moe.yield %m : tensor<?x8xf32>
    }
    %y = moe.combine %q by %i : (tensor<?x8xf32>, !moe.routing<8>) -> tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}

// -----

func.func @gather(%x: tensor<?x8xf32>, %t: tensor<?x1xi64>, %r: !moe.routing<4>) -> tensor<?x8xf32> {
  %rows = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<4>) -> tensor<?x8xf32> {
  ^each(%expert: index, %mine: tensor<?x8xf32>):
    // expected-remark @below {{expert body is not row-wise: is not known to keep rows apart}}
    %g = tensor.gather %mine[%t] gather_dims([0]) : (tensor<?x8xf32>, tensor<?x1xi64>) -> tensor<?x1x8xf32>
    %y = tensor.collapse_shape %g [[0, 1], [2]] : tensor<?x1x8xf32> into tensor<?x8xf32>
    moe.yield %y : tensor<?x8xf32>
  }
  return %rows : tensor<?x8xf32>
}
