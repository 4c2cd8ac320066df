// RUN: moe-opt %s --moe-prune-experts --allow-unregistered-dialect --split-input-file --verify-diagnostics | FileCheck %s
// RUN: moe-opt %s --moe-prune-experts --allow-unregistered-dialect --split-input-file 2>/dev/null | moe-opt --moe-prune-experts --allow-unregistered-dialect --split-input-file 2>&1 | FileCheck %s --check-prefix=AGAIN
// RUN: moe-opt %s --moe-prune-experts=assume-finite --allow-unregistered-dialect --split-input-file 2>/dev/null | FileCheck %s --check-prefix=FINITE

// What was pruned is not pruned again.
// AGAIN-NOT: is removed

// CHECK-LABEL: @mask_column
// CHECK: %[[ONE:.*]] = tensor.extract_slice %{{.*}}[0, 1] [%{{.*}}, 1] [1, 1]
// CHECK: %[[W:.*]] = tensor.extract_slice %{{.*}}[0, 1] [%{{.*}}, 1] [1, 1]
// CHECK: %[[R:.*]] = moe.route %[[ONE]], %[[W]]
// CHECK: moe.dispatch %{{.*}} by %[[R]] : (tensor<?x4xf32>, !moe.routing<1>)
// CHECK-NOT: math.exp
// CHECK: math.tanh
// CHECK-NOT: math.exp
// CHECK: moe.combine %{{.*}} by %[[R]]
func.func @mask_column(%x: tensor<?x4xf32>, %m: tensor<?x1xi1>,
                       %w: tensor<?x2xf32>, %n: tensor<?x1xi1>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %m, %c0 : tensor<?x1xi1>
  %false = arith.constant false
  %empty = tensor.empty(%size) : tensor<?x1xi1>
  %never = linalg.fill ins(%false : i1) outs(%empty : tensor<?x1xi1>) -> tensor<?x1xi1>
  %mask = tensor.concat dim(1) %never, %m : (tensor<?x1xi1>, tensor<?x1xi1>) -> tensor<?x2xi1>
  %r = moe.route %mask, %w : (tensor<?x2xi1>, tensor<?x2xf32>) -> !moe.routing<2>
  // expected-remark @below {{expert 0 is removed: its column of the mask is false}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%mine: tensor<?x4xf32>):
    %y = math.exp %mine : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^bb0(%mine: tensor<?x4xf32>):
    %y = math.tanh %mine : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A column that is true for one token stays.
// CHECK-LABEL: @constant_mask
// CHECK: moe.dispatch %{{.*}} by %{{.*}} : (tensor<2x4xf32>, !moe.routing<2>)
func.func @constant_mask(%x: tensor<2x4xf32>) -> tensor<?x4xf32> {
  %mask = arith.constant dense<[[true, false, false], [true, false, true]]> : tensor<2x3xi1>
  %r = moe.route %mask : (tensor<2x3xi1>) -> !moe.routing<3>
  // expected-remark @below {{expert 1 is removed}}
  %rows = moe.dispatch %x by %r : (tensor<2x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// The numbers 0, 1 of the experts left are still those of weights 0, 2.
// CHECK-LABEL: @family_by_numbers
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x4xf32>, %[[A:[^:]*]]: tensor<4xf32>, %[[B:[^:]*]]: tensor<4xf32>, %[[C:[^:]*]]: tensor<4xf32>
// CHECK: moe.dispatch
// CHECK: ^{{.*}}(%[[E:.*]]: index, %{{.*}}: tensor<?x4xf32>)
// CHECK-DAG: %[[TABLE:.*]] = arith.constant dense<[0, 2]> : tensor<2xindex>
// CHECK-DAG: %[[N:.*]] = tensor.extract %{{.*}}[%[[E]]]
// CHECK: moe.pick %[[E]] [%[[A]], %[[C]]]
// CHECK: arith.index_cast %[[N]]
func.func @family_by_numbers(%x: tensor<2x4xf32>, %a: tensor<4xf32>, %b: tensor<4xf32>,
                             %c: tensor<4xf32>) -> tensor<?x4xf32> {
  %numbers = arith.constant dense<[[0, 2], [2, 7]]> : tensor<2x2xi32>
  %r = moe.route %numbers : (tensor<2x2xi32>) -> !moe.routing<3>
  // expected-remark @below {{expert 1 is removed: no token names its number}}
  %rows = moe.dispatch %x by %r : (tensor<2x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    %w = moe.pick %e [%a, %b, %c] : tensor<4xf32>
    %i = arith.index_cast %e : index to i32
    "test.use"(%w, %i) : (tensor<4xf32>, i32) -> ()
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// A remainder of unsigned numbers is below 2; of signed ones it may be negative,
// which names no expert.
// CHECK-LABEL: @remainder
// CHECK: moe.dispatch %{{.*}} by %{{.*}} : (tensor<?x4xf32>, !moe.routing<2>)
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @remainder(%x: tensor<?x4xf32>, %i: tensor<?x1xi64>, %out: tensor<?x1xi64>) -> tensor<?x4xf32> {
  %two = arith.constant 2 : i64
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<?x1xi64>) outs(%out : tensor<?x1xi64>) {
  ^bb0(%a: i64, %o: i64):
    %m = arith.remsi %a, %two : i64
    linalg.yield %m : i64
  } -> tensor<?x1xi64>
  %r = moe.route %n : (tensor<?x1xi64>) -> !moe.routing<3>
  // expected-remark @below {{expert 2 is removed}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// Of a bias of minus infinity only experts from number k on are excluded: where
// all others are NaN, expert 0 is taken. Unless numbers are finite.
// CHECK-LABEL: @bias
// CHECK: moe.routing<3>) -> tensor<?x4xf32>
// FINITE-LABEL: @bias
// FINITE: moe.routing<2>) -> tensor<?x4xf32>
func.func @bias(%x: tensor<?x4xf32>, %s: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<[0xFF800000, 0.0, 0xFF800000, 1.0]> : tensor<4xf32>
  %r = moe.gate %s sigmoid bias(%b) top_k(1) : (tensor<?x4xf32>, tensor<4xf32>) -> !moe.routing<4>
  // expected-remark @below {{expert 2 is removed: 1 expert always ranked before it}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<4>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// A finite bias excludes nobody: the other score may be NaN.
// CHECK-LABEL: @finite_bias
// CHECK: moe.routing<2>) -> tensor<?x4xf32>
// FINITE-LABEL: @finite_bias
// FINITE: moe.routing<1>) -> tensor<?x4xf32>
func.func @finite_bias(%x: tensor<?x4xf32>, %s: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<[8.0, 0.0]> : tensor<2xf32>
  %r = moe.gate %s sigmoid bias(%b) top_k(1) : (tensor<?x2xf32>, tensor<2xf32>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// A bias that is not a constant, with every expert possible.
// CHECK-LABEL: @unknown_bias
// CHECK: moe.routing<2>) -> tensor<?x4xf32>
// FINITE-LABEL: @unknown_bias
// FINITE: moe.routing<2>) -> tensor<?x4xf32>
func.func @unknown_bias(%x: tensor<?x4xf32>, %s: tensor<?x2xf32>, %b: tensor<2xf32>) -> tensor<?x4xf32> {
  %r = moe.gate %s sigmoid bias(%b) top_k(1) : (tensor<?x2xf32>, tensor<2xf32>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// sigmoid(x) > 0.5 - 1 + 0.5: the threshold is strict, and NaN exceeds none.
// CHECK-LABEL: @threshold
// CHECK: moe.routing<1>) -> tensor<?x4xf32>
func.func @threshold(%x: tensor<?x4xf32>, %s: tensor<?x3xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<[0xFF800000, -0.5, -0.25]> : tensor<3xf32>
  %r = moe.gate %s sigmoid bias(%b) threshold(0.5) : (tensor<?x3xf32>, tensor<3xf32>) -> !moe.routing<3>
  // expected-remark @below {{expert 0 is removed: its score never exceeds the threshold}}
  // expected-remark @below {{expert 1 is removed: its score never exceeds the threshold}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// Scores clamped to at most 0 in column 1.
// CHECK-LABEL: @clamped
// CHECK: moe.routing<1>) -> tensor<?x4xf32>
#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @clamped(%x: tensor<?x4xf32>, %s: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %most = arith.constant dense<[4.0, 0.0]> : tensor<2xf32>
  %c = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %most : tensor<?x2xf32>, tensor<2xf32>) outs(%s : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.minimumf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?x2xf32>
  %r = moe.gate %c sigmoid threshold(0.5) : (tensor<?x2xf32>) -> !moe.routing<2>
  // expected-remark @below {{expert 1 is removed}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// The second group always comes after the first; in the first, expert 1 may win.
// CHECK-LABEL: @groups
// CHECK: moe.routing<2>) -> tensor<?x4xf32>
func.func @groups(%x: tensor<?x4xf32>, %s: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<[0.0, 0.0, 0xFF800000, 0xFF800000]> : tensor<4xf32>
  %r = moe.gate %s sigmoid bias(%b) groups(2 keep 1 by max) top_k(1) : (tensor<?x4xf32>, tensor<4xf32>) -> !moe.routing<4>
  // expected-remark @below {{expert 2 is removed: 1 group always ranked before its own}}
  // expected-remark @below {{expert 3 is removed: 1 group always ranked before its own}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<4>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// The first group may be NaN as well: with two groups kept nobody is excluded.
// CHECK-LABEL: @groups_kept
// CHECK: moe.routing<4>) -> tensor<?x4xf32>
func.func @groups_kept(%x: tensor<?x4xf32>, %s: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<[0xFF800000, 0xFF800000, 0.0, 0.0]> : tensor<4xf32>
  %r = moe.gate %s sigmoid bias(%b) groups(2 keep 1 by max) top_k(2) : (tensor<?x4xf32>, tensor<4xf32>) -> !moe.routing<4>
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<4>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  return %rows : tensor<?x4xf32>
}

// -----

// CHECK-LABEL: @nobody
// CHECK: %[[R:.*]] = moe.gate
// CHECK-NOT: moe.dispatch
// CHECK: %[[NONE:.*]] = tensor.empty(%{{.*}}) : tensor<?x4xf32>
// CHECK: moe.combine %[[NONE]] by %[[R]]
func.func @nobody(%x: tensor<?x4xf32>, %s: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %r = moe.gate %s softmax top_k(1) capacity(0) : (tensor<?x2xf32>) -> !moe.routing<2>
  // expected-remark @below {{expert 0 is removed: its capacity is 0}}
  // expected-remark @below {{expert 1 is removed: its capacity is 0}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Other readers of the routing still see all experts.
// CHECK-LABEL: @readers
// CHECK: %[[R:.*]] = moe.gate
// CHECK-DAG: moe.counts %[[R]] : (!moe.routing<3>) -> tensor<3xi64>
// CHECK-DAG: moe.rows %{{.*}} by %{{.*}}[1] : (tensor<?x4xf32>, !moe.routing<2>)
func.func @readers(%x: tensor<?x4xf32>, %s: tensor<?x3xf32>) -> (tensor<?x4xf32>, tensor<3xi64>) {
  %b = arith.constant dense<[0.0, 0xFF800000, 0.0]> : tensor<3xf32>
  %r = moe.gate %s identity bias(%b) top_k(1) : (tensor<?x3xf32>, tensor<3xf32>) -> !moe.routing<3>
  // expected-remark @below {{expert 1 is removed}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  %y = moe.rows %rows by %r[2] : (tensor<?x4xf32>, !moe.routing<3>) -> tensor<?x4xf32>
  %n = moe.counts %r : (!moe.routing<3>) -> tensor<3xi64>
  return %y, %n : tensor<?x4xf32>, tensor<3xi64>
}

// -----

// A dispatch inside an expert that is removed, whose own expert is removed as well.
// CHECK-LABEL: @nested
// CHECK: moe.dispatch %{{.*}} by %{{.*}} : (tensor<2x4xf32>, !moe.routing<1>)
// CHECK: moe.dispatch %{{.*}} by %{{.*}} : (tensor<2x4xf32>, !moe.routing<1>)
// CHECK-NOT: moe.dispatch
func.func @nested(%x: tensor<2x4xf32>, %n: tensor<2x2xi1>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %mask = arith.constant dense<[[true, false], [true, false]]> : tensor<2x2xi1>
  %r = moe.route %mask : (tensor<2x2xi1>) -> !moe.routing<2>
  %s = moe.gate %x identity top_k(0) : (tensor<2x4xf32>) -> !moe.routing<4>
  // expected-remark @below {{expert 1 is removed}}
  %first = moe.dispatch %x by %r : (tensor<2x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  // expected-remark @below {{expert 1 is removed}}
  %second = moe.dispatch %x by %r : (tensor<2x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^bb0(%mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }, {
  ^bb0(%mine: tensor<?x4xf32>):
    // expected-remark @below {{expert 0 is removed}}
    // expected-remark @below {{expert 1 is removed}}
    // expected-remark @below {{expert 2 is removed}}
    // expected-remark @below {{expert 3 is removed}}
    %rows = moe.dispatch %x by %s : (tensor<2x4xf32>, !moe.routing<4>) -> tensor<?x4xf32> {
    ^bb0(%e: index, %inner: tensor<?x4xf32>):
      moe.yield %inner : tensor<?x4xf32>
    }
    %sum = moe.combine %rows by %s into %rows unweighted : (tensor<?x4xf32>, !moe.routing<4>, tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %mine : tensor<?x4xf32>
  }
  return %first, %second : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A mask of many columns that are inserted one by one: the first stays false.
// CHECK-LABEL: @inserted_columns
// CHECK: moe.dispatch {{.*}} !moe.routing<19>
func.func @inserted_columns(%x: tensor<?x4xf32>, %free: tensor<?x1xi1>, %n: index) -> tensor<?x4xf32> {
  %false = arith.constant false
  %none = tensor.splat %false[%n] : tensor<?x20xi1>
  %m1 = tensor.insert_slice %free into %none[0, 1] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m2 = tensor.insert_slice %free into %m1[0, 2] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m3 = tensor.insert_slice %free into %m2[0, 3] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m4 = tensor.insert_slice %free into %m3[0, 4] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m5 = tensor.insert_slice %free into %m4[0, 5] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m6 = tensor.insert_slice %free into %m5[0, 6] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m7 = tensor.insert_slice %free into %m6[0, 7] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m8 = tensor.insert_slice %free into %m7[0, 8] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m9 = tensor.insert_slice %free into %m8[0, 9] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m10 = tensor.insert_slice %free into %m9[0, 10] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m11 = tensor.insert_slice %free into %m10[0, 11] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m12 = tensor.insert_slice %free into %m11[0, 12] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m13 = tensor.insert_slice %free into %m12[0, 13] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m14 = tensor.insert_slice %free into %m13[0, 14] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m15 = tensor.insert_slice %free into %m14[0, 15] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m16 = tensor.insert_slice %free into %m15[0, 16] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m17 = tensor.insert_slice %free into %m16[0, 17] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m18 = tensor.insert_slice %free into %m17[0, 18] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %m19 = tensor.insert_slice %free into %m18[0, 19] [%n, 1] [1, 1] : tensor<?x1xi1> into tensor<?x20xi1>
  %r = moe.route %m19 : (tensor<?x20xi1>) -> !moe.routing<20>
  // expected-remark @+1 {{expert 0 is removed: its column of the mask is false}}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<20>) -> tensor<?x4xf32> {
  ^bb0(%e: index, %mine: tensor<?x4xf32>):
    moe.yield %mine : tensor<?x4xf32>
  }
  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<20>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
