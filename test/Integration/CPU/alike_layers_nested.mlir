// Layers that are alike have counts of their own, also where no weight tells them
// apart, where an expert has experts, and where a layer has a loop.
// RUN: moe-run %s --input=4x1xf32="1 2 3 4" --input=4x1xi64="0 1 0 0" --input=4x1xi64="0 0 1 1" \
// RUN:   --input=f32=2 --input=f32=3 --opt-level=0 --stats 2>&1 | FileCheck %s
// RUN: moe-run %s --compile-to=routed | FileCheck %s --check-prefix=ROLLED
// ROLLED-COUNT-3: moe.dispatch
// ROLLED-NOT: moe.dispatch

// CHECK: {{\[}}[1296][2][3888][5184]]
// CHECK: in layer 'outer.0': {{.*}} 4 tokens, {{.*}} 1 run
// CHECK: in layer 'outer.1': {{.*}} 4 tokens, {{.*}} 1 run
// CHECK: in layer 'outer.2': {{.*}} 4 tokens, {{.*}} 1 run
// CHECK: in layer 'outer.3': {{.*}} 4 tokens, {{.*}} 1 run
// CHECK: in layer 'inner.0': {{.*}} 3 tokens, {{.*}} 1 run
// CHECK: in layer 'inner.1': {{.*}} 3 tokens, {{.*}} 1 run
// CHECK: in layer 'inner.2': {{.*}} 3 tokens, {{.*}} 1 run
// CHECK: in layer 'inner.3': {{.*}} 3 tokens, {{.*}} 1 run
// CHECK: in layer 'loop.0': {{.*}} 8 tokens, {{.*}} 2 runs
// CHECK: in layer 'loop.1': {{.*}} 8 tokens, {{.*}} 2 runs
// CHECK: in layer 'loop.2': {{.*}} 8 tokens, {{.*}} 2 runs
// CHECK: in layer 'loop.3': {{.*}} 8 tokens, {{.*}} 2 runs
func.func @main(%x0: tensor<?x1xf32>, %e: tensor<?x1xi64>, %q: tensor<?x1xi64>, %two: tensor<f32>, %three: tensor<f32>) -> tensor<?x1xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %r = moe.route %e : (tensor<?x1xi64>) -> !moe.routing<2>
  %p0 = moe.dispatch %x0, %q by %r : (tensor<?x1xf32>, tensor<?x1xi64>, !moe.routing<2>) -> tensor<?x1xf32> {
  ^expert0(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    %s = moe.route %k : (tensor<?x1xi64>) -> !moe.routing<2>
    %i = moe.dispatch %m by %s : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%n: tensor<?x1xf32>):
      %y = arith.negf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    }, {
    ^expert1(%n: tensor<?x1xf32>):
      %y = math.absf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    } loc("inner.0")
    %j = moe.combine %i by %s unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    moe.yield %j : tensor<?x1xf32>
  }, {
  ^expert1(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    moe.yield %m : tensor<?x1xf32>
  } loc("outer.0")
  %z0 = moe.combine %p0 by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
  %x1 = scf.for %i = %c0 to %c2 step %c1 iter_args(%y = %z0) -> (tensor<?x1xf32>) {
    %t = moe.pick %i [%two, %three] : tensor<f32>
    %g = tensor.extract %t[] : tensor<f32>
    %p = moe.dispatch %y by %r : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%m: tensor<?x1xf32>):
      %b = tensor.dim %m, %c0 : tensor<?x1xf32>
      %s = tensor.splat %g[%b] : tensor<?x1xf32>
      %n = arith.mulf %m, %s : tensor<?x1xf32>
      moe.yield %n : tensor<?x1xf32>
    }, {
    ^expert1(%m: tensor<?x1xf32>):
      moe.yield %m : tensor<?x1xf32>
    } loc("loop.0")
    %c = moe.combine %p by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    scf.yield %c : tensor<?x1xf32>
  }
  %p1 = moe.dispatch %x1, %q by %r : (tensor<?x1xf32>, tensor<?x1xi64>, !moe.routing<2>) -> tensor<?x1xf32> {
  ^expert0(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    %s = moe.route %k : (tensor<?x1xi64>) -> !moe.routing<2>
    %i = moe.dispatch %m by %s : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%n: tensor<?x1xf32>):
      %y = arith.negf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    }, {
    ^expert1(%n: tensor<?x1xf32>):
      %y = math.absf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    } loc("inner.1")
    %j = moe.combine %i by %s unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    moe.yield %j : tensor<?x1xf32>
  }, {
  ^expert1(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    moe.yield %m : tensor<?x1xf32>
  } loc("outer.1")
  %z1 = moe.combine %p1 by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
  %x2 = scf.for %i = %c0 to %c2 step %c1 iter_args(%y = %z1) -> (tensor<?x1xf32>) {
    %t = moe.pick %i [%two, %three] : tensor<f32>
    %g = tensor.extract %t[] : tensor<f32>
    %p = moe.dispatch %y by %r : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%m: tensor<?x1xf32>):
      %b = tensor.dim %m, %c0 : tensor<?x1xf32>
      %s = tensor.splat %g[%b] : tensor<?x1xf32>
      %n = arith.mulf %m, %s : tensor<?x1xf32>
      moe.yield %n : tensor<?x1xf32>
    }, {
    ^expert1(%m: tensor<?x1xf32>):
      moe.yield %m : tensor<?x1xf32>
    } loc("loop.1")
    %c = moe.combine %p by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    scf.yield %c : tensor<?x1xf32>
  }
  %p2 = moe.dispatch %x2, %q by %r : (tensor<?x1xf32>, tensor<?x1xi64>, !moe.routing<2>) -> tensor<?x1xf32> {
  ^expert0(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    %s = moe.route %k : (tensor<?x1xi64>) -> !moe.routing<2>
    %i = moe.dispatch %m by %s : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%n: tensor<?x1xf32>):
      %y = arith.negf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    }, {
    ^expert1(%n: tensor<?x1xf32>):
      %y = math.absf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    } loc("inner.2")
    %j = moe.combine %i by %s unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    moe.yield %j : tensor<?x1xf32>
  }, {
  ^expert1(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    moe.yield %m : tensor<?x1xf32>
  } loc("outer.2")
  %z2 = moe.combine %p2 by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
  %x3 = scf.for %i = %c0 to %c2 step %c1 iter_args(%y = %z2) -> (tensor<?x1xf32>) {
    %t = moe.pick %i [%two, %three] : tensor<f32>
    %g = tensor.extract %t[] : tensor<f32>
    %p = moe.dispatch %y by %r : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%m: tensor<?x1xf32>):
      %b = tensor.dim %m, %c0 : tensor<?x1xf32>
      %s = tensor.splat %g[%b] : tensor<?x1xf32>
      %n = arith.mulf %m, %s : tensor<?x1xf32>
      moe.yield %n : tensor<?x1xf32>
    }, {
    ^expert1(%m: tensor<?x1xf32>):
      moe.yield %m : tensor<?x1xf32>
    } loc("loop.2")
    %c = moe.combine %p by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    scf.yield %c : tensor<?x1xf32>
  }
  %p3 = moe.dispatch %x3, %q by %r : (tensor<?x1xf32>, tensor<?x1xi64>, !moe.routing<2>) -> tensor<?x1xf32> {
  ^expert0(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    %s = moe.route %k : (tensor<?x1xi64>) -> !moe.routing<2>
    %i = moe.dispatch %m by %s : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%n: tensor<?x1xf32>):
      %y = arith.negf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    }, {
    ^expert1(%n: tensor<?x1xf32>):
      %y = math.absf %n : tensor<?x1xf32>
      moe.yield %y : tensor<?x1xf32>
    } loc("inner.3")
    %j = moe.combine %i by %s unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    moe.yield %j : tensor<?x1xf32>
  }, {
  ^expert1(%m: tensor<?x1xf32>, %k: tensor<?x1xi64>):
    moe.yield %m : tensor<?x1xf32>
  } loc("outer.3")
  %z3 = moe.combine %p3 by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
  %x4 = scf.for %i = %c0 to %c2 step %c1 iter_args(%y = %z3) -> (tensor<?x1xf32>) {
    %t = moe.pick %i [%two, %three] : tensor<f32>
    %g = tensor.extract %t[] : tensor<f32>
    %p = moe.dispatch %y by %r : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32> {
    ^expert0(%m: tensor<?x1xf32>):
      %b = tensor.dim %m, %c0 : tensor<?x1xf32>
      %s = tensor.splat %g[%b] : tensor<?x1xf32>
      %n = arith.mulf %m, %s : tensor<?x1xf32>
      moe.yield %n : tensor<?x1xf32>
    }, {
    ^expert1(%m: tensor<?x1xf32>):
      moe.yield %m : tensor<?x1xf32>
    } loc("loop.3")
    %c = moe.combine %p by %r unweighted : (tensor<?x1xf32>, !moe.routing<2>) -> tensor<?x1xf32>
    scf.yield %c : tensor<?x1xf32>
  }
  return %x4 : tensor<?x1xf32>
}
