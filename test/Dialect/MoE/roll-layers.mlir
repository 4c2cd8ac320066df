// RUN: moe-opt %s --split-input-file --moe-roll-layers | FileCheck %s

// Four layers of a weight each: one of them is left, in a loop.
// CHECK-LABEL: func.func @alike(
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>)
// CHECK: %[[Y:.*]] = scf.for %[[I:.*]] = %{{.*}} to %c4 step %c1 iter_args(%[[Z:.*]] = %[[X]])
// CHECK: %[[W:.*]] = moe.pick %[[I]] [%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}]
// CHECK: %[[NEXT:.*]] = linalg.matmul ins(%[[Z]], %[[W]]
// CHECK-NOT: linalg.matmul
// CHECK: scf.yield %[[NEXT]]
// CHECK: return %[[Y]]
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @alike(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}

// -----

// Fewer are left alone.
// CHECK-LABEL: @three
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @three(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x3 : tensor<2x4xf32>
}

// -----

// What is cheap to compute is fused instead.
// CHECK-LABEL: @elementwise
// CHECK-NOT: scf.for
func.func @elementwise(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x1 = linalg.exp ins(%x0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.exp ins(%x1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.exp ins(%x2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.exp ins(%x3 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x5 = linalg.exp ins(%x4 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x6 = linalg.exp ins(%x5 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x6 : tensor<2x4xf32>
}

// -----

// The second layer's result is read behind the last one.
// CHECK-LABEL: @read_behind
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @read_behind(%x0: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4, %x2 : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// A layer that reads what another one than that in front of it made.
// CHECK-LABEL: @skips_one
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @skips_one(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x1, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}

// -----

// A layer that does something else; four before it are a loop.
// CHECK-LABEL: @unlike
// CHECK: scf.for
// CHECK: linalg.exp
// CHECK: scf.yield
// CHECK-NOT: linalg.exp
// CHECK: linalg.matmul
// CHECK: linalg.tanh
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w4(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @unlike(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x1 = linalg.exp ins(%h0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.exp ins(%h1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.exp ins(%h2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.exp ins(%h3 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w4 = ml_program.global_load_const @w4 : tensor<4x4xf32>
  %h4 = linalg.matmul ins(%x4, %w4 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x5 = linalg.tanh ins(%h4 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x5 : tensor<2x4xf32>
}

// -----

// Layers begin where they hand over least, here with the sum; all read an input.
// CHECK-LABEL: func.func @two(
// CHECK-SAME: %[[A:.*]]: tensor<2x4xf32>, %[[ALL:.*]]: tensor<2x4xf32>)
// CHECK: %[[R:.*]] = scf.for {{.*}} iter_args(%[[Q:.*]] = %[[A]])
// CHECK: %[[P:.*]] = linalg.add ins(%[[Q]], %[[ALL]]
// CHECK: %[[H:.*]] = linalg.matmul ins(%[[P]]
// CHECK: %[[G:.*]] = linalg.mul ins(%[[H]], %[[Q]]
// CHECK: scf.yield %[[G]]
// CHECK: %[[Y:.*]] = linalg.add ins(%[[R]], %[[ALL]]
// CHECK: return %[[Y]]
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @two(%g: tensor<2x4xf32>, %all: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x0 = linalg.add ins(%g, %all : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %g0 = linalg.mul ins(%h0, %g : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x1 = linalg.add ins(%g0, %all : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %g1 = linalg.mul ins(%h1, %g0 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.add ins(%g1, %all : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %g2 = linalg.mul ins(%h2, %g1 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.add ins(%g2, %all : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %g3 = linalg.mul ins(%h3, %g2 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.add ins(%g3, %all : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}

// -----

// Weights that are loaded in experts; sizes are those of what a layer is given.
// CHECK-LABEL: @experts
// CHECK: scf.for %[[I:.*]] = {{.*}} iter_args(%[[X:.*]] = %{{.*}})
// CHECK: %[[W:.*]] = moe.pick %[[I]]
// CHECK: moe.dispatch %[[X]]
// CHECK-NOT: global_load_const
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[E:.*]] = tensor.empty(%[[N]])
// CHECK: %[[S:.*]] = linalg.fill {{.*}} outs(%[[E]]
// CHECK: %[[C:.*]] = moe.combine %{{.*}} into %[[S]]
// CHECK: scf.yield %[[C]]
// CHECK-NOT: moe.dispatch
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @experts(%x0: tensor<?x4xf32>, %e: tensor<?x1xi64>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %r = moe.route %e : (tensor<?x1xi64>) -> !moe.routing<2>
  %n0 = tensor.dim %x0, %c0 : tensor<?x4xf32>
  %i0 = tensor.empty(%n0) : tensor<?x4xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%i0 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p0 = moe.dispatch %x0 by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%m: tensor<?x4xf32>):
    %w = ml_program.global_load_const @w0 : tensor<4x4xf32>
    %y = linalg.matmul ins(%m, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%m : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%m: tensor<?x4xf32>):
    moe.yield %m : tensor<?x4xf32>
  }
  %x1 = moe.combine %p0 by %r into %s0 : (tensor<?x4xf32>, !moe.routing<2>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %n1 = tensor.dim %x1, %c0 : tensor<?x4xf32>
  %i1 = tensor.empty(%n1) : tensor<?x4xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%i1 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p1 = moe.dispatch %x1 by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%m: tensor<?x4xf32>):
    %w = ml_program.global_load_const @w1 : tensor<4x4xf32>
    %y = linalg.matmul ins(%m, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%m : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%m: tensor<?x4xf32>):
    moe.yield %m : tensor<?x4xf32>
  }
  %x2 = moe.combine %p1 by %r into %s1 : (tensor<?x4xf32>, !moe.routing<2>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %n2 = tensor.dim %x2, %c0 : tensor<?x4xf32>
  %i2 = tensor.empty(%n2) : tensor<?x4xf32>
  %s2 = linalg.fill ins(%zero : f32) outs(%i2 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p2 = moe.dispatch %x2 by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%m: tensor<?x4xf32>):
    %w = ml_program.global_load_const @w2 : tensor<4x4xf32>
    %y = linalg.matmul ins(%m, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%m : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%m: tensor<?x4xf32>):
    moe.yield %m : tensor<?x4xf32>
  }
  %x3 = moe.combine %p2 by %r into %s2 : (tensor<?x4xf32>, !moe.routing<2>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %n3 = tensor.dim %x3, %c0 : tensor<?x4xf32>
  %i3 = tensor.empty(%n3) : tensor<?x4xf32>
  %s3 = linalg.fill ins(%zero : f32) outs(%i3 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p3 = moe.dispatch %x3 by %r : (tensor<?x4xf32>, !moe.routing<2>) -> tensor<?x4xf32> {
  ^expert0(%m: tensor<?x4xf32>):
    %w = ml_program.global_load_const @w3 : tensor<4x4xf32>
    %y = linalg.matmul ins(%m, %w : tensor<?x4xf32>, tensor<4x4xf32>) outs(%m : tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }, {
  ^expert1(%m: tensor<?x4xf32>):
    moe.yield %m : tensor<?x4xf32>
  }
  %x4 = moe.combine %p3 by %r into %s3 : (tensor<?x4xf32>, !moe.routing<2>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %x4 : tensor<?x4xf32>
}

// -----

// What all layers share was made by the first one, and what it asserts holds for
// all: both move in front of the loop.
// CHECK-LABEL: func.func @shares(
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>, %[[ALL:.*]]: tensor<2x4xf32>, %[[HOLDS:.*]]: i1)
// CHECK: cf.assert %[[HOLDS]]
// CHECK: %[[S:.*]] = linalg.exp ins(%[[ALL]]
// CHECK: scf.for {{.*}} to %c4 {{.*}} iter_args(%[[Z:.*]] = %[[X]])
// CHECK: %[[H:.*]] = linalg.matmul ins(%[[Z]]
// CHECK: %[[N:.*]] = linalg.add ins(%[[H]], %[[S]]
// CHECK: scf.yield %[[N]]
// CHECK-NOT: linalg.matmul
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @shares(%x0: tensor<2x4xf32>, %all: tensor<2x4xf32>, %holds: i1) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = linalg.exp ins(%all : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  cf.assert %holds, "no"
  %x1 = linalg.add ins(%h0, %s : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.add ins(%h1, %s : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.add ins(%h2, %s : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.add ins(%h3, %s : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}

// -----

// An assertion on what the first layer computes has to stay in it.
// CHECK-LABEL: @asserts_itself
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @asserts_itself(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %c0 = arith.constant 0 : index
  %v = tensor.extract %x1[%c0, %c0] : tensor<2x4xf32>
  %ok = arith.cmpf ord, %v, %zero : f32
  cf.assert %ok, "no"
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}

// -----

// What is read behind the fourth layer ends a loop; another one begins behind it.
// CHECK-LABEL: @read_between
// CHECK: %[[A:.*]] = scf.for {{.*}} to %c4
// CHECK: %[[B:.*]] = scf.for {{.*}} to %c4{{.*}} iter_args(%{{.*}} = %[[A]])
// CHECK: return %[[B]], %[[A]]
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w4(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w5(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w6(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w7(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @read_between(%x0: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w4 = ml_program.global_load_const @w4 : tensor<4x4xf32>
  %x5 = linalg.matmul ins(%x4, %w4 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w5 = ml_program.global_load_const @w5 : tensor<4x4xf32>
  %x6 = linalg.matmul ins(%x5, %w5 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w6 = ml_program.global_load_const @w6 : tensor<4x4xf32>
  %x7 = linalg.matmul ins(%x6, %w6 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w7 = ml_program.global_load_const @w7 : tensor<4x4xf32>
  %x8 = linalg.matmul ins(%x7, %w7 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x8, %x4 : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// A contraction in a loop is a layer's, too.
// CHECK-LABEL: @loops
// CHECK: scf.for
// CHECK: %[[W:.*]] = moe.pick
// CHECK: scf.for
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
// CHECK-NOT: linalg.matmul
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @loops(%x0: tensor<2x4xf32>, %n: index) -> tensor<2x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x0) -> (tensor<2x4xf32>) {
    %z = linalg.matmul ins(%y, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %z : tensor<2x4xf32>
  }
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x1) -> (tensor<2x4xf32>) {
    %z = linalg.matmul ins(%y, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %z : tensor<2x4xf32>
  }
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x2) -> (tensor<2x4xf32>) {
    %z = linalg.matmul ins(%y, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %z : tensor<2x4xf32>
  }
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x3) -> (tensor<2x4xf32>) {
    %z = linalg.matmul ins(%y, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %z : tensor<2x4xf32>
  }
  return %x4 : tensor<2x4xf32>
}

// -----

// What guards a division stays in front of it, wherever both move to.
// CHECK-LABEL: func.func @guards(
// CHECK: cf.assert
// CHECK: arith.divsi
// CHECK: scf.for {{.*}} to %c5
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w4(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @guards(%x0: tensor<2x4xf32>, %n: i32, %k: i32, %holds: i1) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  cf.assert %holds, "a divisor of zero"
  %d = arith.divsi %n, %k : i32
  %g = arith.sitofp %d : i32 to f32
  %s0 = linalg.fill ins(%g : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s1 = linalg.exp ins(%x0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x1 = linalg.add ins(%h0, %s0 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s2 = linalg.exp ins(%x1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.add ins(%h1, %s1 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s3 = linalg.exp ins(%x2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.add ins(%h2, %s2 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s4 = linalg.exp ins(%x3 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.add ins(%h3, %s3 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w4 = ml_program.global_load_const @w4 : tensor<4x4xf32>
  %h4 = linalg.matmul ins(%x4, %w4 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s5 = linalg.exp ins(%x4 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x5 = linalg.add ins(%h4, %s4 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x5 : tensor<2x4xf32>
}

// -----

// What the first layer reads is no part of one more, though it is made by the same.
// CHECK-LABEL: func.func @begins_within(
// CHECK: linalg.exp
// CHECK: scf.for {{.*}} to %c5
// CHECK: linalg.exp
// CHECK-NOT: linalg.exp
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w4(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @begins_within(%x0: tensor<2x4xf32>, %all: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s1 = linalg.exp ins(%x0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s0 = linalg.exp ins(%all : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x1 = linalg.add ins(%h0, %s0 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s2 = linalg.exp ins(%x1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.add ins(%h1, %s1 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s3 = linalg.exp ins(%x2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.add ins(%h2, %s2 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s4 = linalg.exp ins(%x3 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.add ins(%h3, %s3 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s5 = linalg.exp ins(%x4 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w4 = ml_program.global_load_const @w4 : tensor<4x4xf32>
  %h4 = linalg.matmul ins(%x4, %w4 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x5 = linalg.add ins(%h4, %s4 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x5 : tensor<2x4xf32>
}

// -----

// Two towers of the same layers, one of them written behind the other.
// CHECK-LABEL: func.func @towers(
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>, %[[Y:.*]]: tensor<2x4xf32>)
// CHECK: %[[A:.*]] = scf.for {{.*}} to %c4{{.*}} iter_args(%{{.*}} = %[[X]])
// CHECK: %[[B:.*]] = scf.for {{.*}} to %c4{{.*}} iter_args(%{{.*}} = %[[Y]])
// CHECK: linalg.add ins(%[[A]], %[[B]]
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w4(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w5(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w6(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w7(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @towers(%x0: tensor<2x4xf32>, %y0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %x1 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %x2 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %x3 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %x4 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w4 = ml_program.global_load_const @w4 : tensor<4x4xf32>
  %y1 = linalg.matmul ins(%y0, %w4 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w5 = ml_program.global_load_const @w5 : tensor<4x4xf32>
  %y2 = linalg.matmul ins(%y1, %w5 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w6 = ml_program.global_load_const @w6 : tensor<4x4xf32>
  %y3 = linalg.matmul ins(%y2, %w6 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w7 = ml_program.global_load_const @w7 : tensor<4x4xf32>
  %y4 = linalg.matmul ins(%y3, %w7 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %z = linalg.add ins(%x4, %y4 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// -----

// The third layer reads another result of the one in front of it.
// CHECK-LABEL: @another_result
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func @another_result(%a0: tensor<2x4xf32>, %b0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %a1 = linalg.matmul ins(%b0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b1 = linalg.mul ins(%a1, %a0 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %a2 = linalg.matmul ins(%b1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b2 = linalg.mul ins(%a2, %a1 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %a3 = linalg.matmul ins(%a2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b3 = linalg.mul ins(%a3, %a2 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %a4 = linalg.matmul ins(%b3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b4 = linalg.mul ins(%a4, %a3 : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %b4 : tensor<2x4xf32>
}

// -----

// What has effects stays between the operations that it is between.
// CHECK-LABEL: @effect
// CHECK: linalg.matmul
// CHECK: call @tick
// CHECK-NOT: scf.for
ml_program.global private @w0(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w1(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w2(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
ml_program.global private @w3(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
func.func private @tick()
func.func @effect(%x0: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w0 = ml_program.global_load_const @w0 : tensor<4x4xf32>
  %h0 = linalg.matmul ins(%x0, %w0 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  func.call @tick() : () -> ()
  %x1 = linalg.exp ins(%h0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w1 = ml_program.global_load_const @w1 : tensor<4x4xf32>
  %h1 = linalg.matmul ins(%x1, %w1 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x2 = linalg.exp ins(%h1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w2 = ml_program.global_load_const @w2 : tensor<4x4xf32>
  %h2 = linalg.matmul ins(%x2, %w2 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x3 = linalg.exp ins(%h2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %w3 = ml_program.global_load_const @w3 : tensor<4x4xf32>
  %h3 = linalg.matmul ins(%x3, %w3 : tensor<2x4xf32>, tensor<4x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %x4 = linalg.exp ins(%h3 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %x4 : tensor<2x4xf32>
}
