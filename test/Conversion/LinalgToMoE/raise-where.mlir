// RUN: moe-opt %s --moe-raise-where --verify-diagnostics | FileCheck %s

#all = affine_map<(d0, d1) -> (d0, d1)>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func @single
// CHECK: %[[R:.*]] = moe.route {{.*}} : (tensor<6x1xi1>) -> !moe.routing<1>
// CHECK: %[[ROWS:.*]] = moe.dispatch %arg0 by %[[R]]
// CHECK: ^expert0(%[[MINE:.*]]: tensor<?x8xf32>):
// CHECK: linalg.generic {{.*}}"reduction"{{.*}} ins(%[[MINE]], %arg1 :
// CHECK: moe.combine %[[ROWS]] by %[[R]] unweighted
// CHECK-NOT: arith.select
func.func @single(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %m: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = moe.where %m along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    moe.yield %a : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

// The second mask decides where the first does not hold; the rows of neither are those
// behind else.
// CHECK-LABEL: func @several
// CHECK-SAME: %[[X:.*]]: tensor<6x8xf32>, {{.*}}, %[[M:[a-z0-9]+]]: tensor<6xi1>, %[[N:[a-z0-9]+]]: tensor<6xi1>
// CHECK: linalg.generic {{.*}} ins(%[[N]], %[[M]] :
// CHECK-NEXT: ^bb0(%[[SECOND:.*]]: i1, %[[FIRST:.*]]: i1, %{{.*}}: i1):
// CHECK: %[[NOT:.*]] = arith.xori %[[FIRST]], %true
// CHECK: arith.andi %[[SECOND]], %[[NOT]]
// CHECK: moe.route {{.*}} : (tensor<6x2xi1>) -> !moe.routing<2>
// CHECK: moe.dispatch %[[X]] by
// CHECK: ^expert0
// CHECK: math.tanh
// CHECK: ^expert1
// CHECK: math.sin
// CHECK: %[[INIT:.*]] = tensor.cast %[[X]]
// CHECK: moe.combine {{.*}} into %[[INIT]] unweighted
func.func @several(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %m: tensor<6xi1>, %n: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = moe.where %m, %n along [0] : (tensor<6xi1>, tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %s: f32):
      %1 = math.tanh %p : f32
      linalg.yield %1 : f32
    } -> tensor<6x8xf32>
    moe.yield %b : tensor<6x8xf32>
  }, {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %s: f32):
      %1 = math.sin %p : f32
      linalg.yield %1 : f32
    } -> tensor<6x8xf32>
    moe.yield %b : tensor<6x8xf32>
  } else {
    moe.yield %x : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

// Code behind else is an expert, too: of the rows where no mask holds.
// CHECK-LABEL: func @otherwise
// CHECK: arith.select %{{.*}}, %c0_i64, %c1_i64
// CHECK: moe.route {{.*}} : (tensor<6x1xi64>) -> !moe.routing<2>
// CHECK: ^expert0
// CHECK: math.tanh
// CHECK: ^expert1
// CHECK: math.sin
// CHECK: moe.combine {{.*}} unweighted
func.func @otherwise(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %m: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = moe.where %m along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %s: f32):
      %1 = math.tanh %p : f32
      linalg.yield %1 : f32
    } -> tensor<6x8xf32>
    moe.yield %b : tensor<6x8xf32>
  } else {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %s: f32):
      %1 = math.sin %p : f32
      linalg.yield %1 : f32
    } -> tensor<6x8xf32>
    moe.yield %b : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

// A value that is zero already becomes an expert like any other.
// CHECK-LABEL: func @implied
// CHECK: moe.dispatch
// CHECK: ^expert0
// CHECK: "reduction"
// CHECK: moe.combine
func.func @implied(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %m: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = moe.where %m along [0] implied : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    moe.yield %a : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

// Terms of a sum are the experts of one dispatch; what is added besides is added.
// CHECK-LABEL: func @sum
// CHECK-SAME: %[[OTHER:[a-z0-9]+]]: tensor<6x8xf32>) ->
// CHECK: moe.route {{.*}} : (tensor<6x2xi1>) -> !moe.routing<2>
// CHECK: moe.dispatch
// CHECK-NOT: moe.dispatch
// CHECK: moe.combine
// CHECK: linalg.generic {{.*}} ins(%[[OTHER]],
// CHECK: arith.addf
// CHECK-NOT: moe.where
func.func @sum(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8x8xf32>, %m: tensor<6xi1>, %n: tensor<6xi1>, %b: tensor<6x8xf32>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %c = moe.where %m along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    moe.yield %a : tensor<6x8xf32>
  }
  %d = moe.where %n along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    moe.yield %a : tensor<6x8xf32>
  }
  %e = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%c, %d : tensor<6x8xf32>, tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %1 = arith.addf %p, %q : f32
    linalg.yield %1 : f32
  } -> tensor<6x8xf32>
  %y = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]} ins(%e, %b : tensor<6x8xf32>, tensor<6x8xf32>) outs(%zero : tensor<6x8xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %1 = arith.addf %p, %q : f32
    linalg.yield %1 : f32
  } -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

#maskedX = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
#stacked = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#stack = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#expert = affine_map<(d0, d1, d2) -> (d2, d0, d1)>

// A stack that a sum adds up is a family.
// CHECK-LABEL: func @stack
// CHECK-SAME: %[[X:.*]]: tensor<6x8xf32>, %[[W:.*]]: tensor<3x8x8xf32>
// CHECK: moe.route {{.*}} : (tensor<6x3xi1>) -> !moe.routing<3>
// CHECK: moe.dispatch %[[X]] by
// CHECK: ^each(%[[E:.*]]: index,
// CHECK: tensor.extract_slice %[[W]][%[[E]], 0, 0] [1, 8, 8]
// CHECK: moe.combine
func.func @stack(%x: tensor<6x8xf32>, %w: tensor<3x8x8xf32>, %m: tensor<3x6xi1>) -> tensor<6x8xf32> {
  %h = moe.where %m along [0, 1] : (tensor<3x6xi1>) -> tensor<3x6x8xf32> {
    %z = arith.constant dense<0.0> : tensor<3x6x8xf32>
    %a = linalg.generic {indexing_maps = [#maskedX, #stacked, #stack], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<3x8x8xf32>) outs(%z : tensor<3x6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<3x6x8xf32>
    moe.yield %a : tensor<3x6x8xf32>
  }
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = linalg.generic {indexing_maps = [#expert, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%h : tensor<3x6x8xf32>) outs(%zero : tensor<6x8xf32>) {
  ^bb0(%p: f32, %s: f32):
    %2 = arith.addf %s, %p : f32
    linalg.yield %2 : f32
  } -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

#columns = affine_map<(d0, d1) -> (d1)>

// A row minus the sum of all rows needs the others: dense code, and a remark.
// CHECK-LABEL: func @mixes
// CHECK-NOT: moe.
// CHECK: "reduction"
// CHECK: arith.select
// CHECK-NOT: moe.
func.func @mixes(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %m: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %none = arith.constant dense<0.0> : tensor<8xf32>
  // expected-remark @below {{masked, but computed for all tokens: combines different rows}}
  %y = moe.where %m along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<6x8xf32>
    %t = linalg.generic {indexing_maps = [#all, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<6x8xf32>) outs(%none : tensor<8xf32>) {
    ^bb0(%p: f32, %s: f32):
      %1 = arith.addf %s, %p : f32
      linalg.yield %1 : f32
    } -> tensor<8xf32>
    %b = linalg.generic {indexing_maps = [#all, #columns, #all], iterator_types = ["parallel", "parallel"]} ins(%a, %t : tensor<6x8xf32>, tensor<8xf32>) outs(%zero : tensor<6x8xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.subf %p, %q : f32
      linalg.yield %1 : f32
    } -> tensor<6x8xf32>
    moe.yield %b : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

// Nothing to compute: selecting is less than packing rows.
// CHECK-LABEL: func @cheap
// CHECK-NOT: moe.
// CHECK: arith.select
// CHECK-NOT: moe.
func.func @cheap(%x: tensor<6x8xf32>, %m: tensor<6xi1>) -> tensor<6x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<6x8xf32>
  %y = moe.where %m along [0] : (tensor<6xi1>) -> tensor<6x8xf32> {
    moe.yield %x : tensor<6x8xf32>
  }
  return %y : tensor<6x8xf32>
}

#rows = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// Experts that read weights of their rows are not joined with those behind them.
// CHECK-LABEL: @read_weights
// CHECK-COUNT-3: moe.dispatch
// CHECK-NOT: scf.if
func.func @read_weights(%x: tensor<?x4xf32>, %begin: tensor<2xindex>, %end: tensor<2xindex>, %c: tensor<?xi1>, %out: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %i0 = arith.constant 0 : index
  %n = tensor.dim %x, %i0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x2xi1>
  %mask = linalg.generic {indexing_maps = [#column, #column, #all], iterator_types = ["parallel", "parallel"]} ins(%begin, %end : tensor<2xindex>, tensor<2xindex>) outs(%e : tensor<?x2xi1>) {
  ^bb0(%a: index, %b: index, %o: i1):
    %p = linalg.index 0 : index
    %f = arith.cmpi sle, %a, %p : index
    %g = arith.cmpi slt, %p, %b : index
    %h = arith.andi %f, %g : i1
    linalg.yield %h : i1
  } -> tensor<?x2xi1>
  %r = moe.route %mask : (tensor<?x2xi1>) -> !moe.routing<2>
  %p1 = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^each(%number: index, %mine: tensor<?x4xf32>, %w: tensor<?xf32>):
    %y = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]} ins(%mine, %w : tensor<?x4xf32>, tensor<?xf32>) outs(%mine : tensor<?x4xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    } -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  %y1 = moe.combine %p1 by %r unweighted : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  %p2 = moe.dispatch %y1 by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^each(%number: index, %mine: tensor<?x4xf32>):
    %y = math.tanh %mine : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  %y2 = moe.combine %p2 by %r unweighted : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32>
  %k = moe.where %c along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %m = math.exp %a : f32
      linalg.yield %m : f32
    } -> tensor<?x4xf32>
    moe.yield %t : tensor<?x4xf32>
  }
  return %y2, %k : tensor<?x4xf32>, tensor<?x4xf32>
}
