// RUN: moe-opt %s | FileCheck %s
// RUN: moe-opt %s | FileCheck %s --check-prefix=SPACE --strict-whitespace
// RUN: moe-opt %s --verify-roundtrip -o /dev/null
// RUN: moe-opt %s -mlir-print-op-generic | moe-opt | FileCheck %s
// RUN: moe-opt %s -emit-bytecode | moe-opt | FileCheck %s

// CHECK: moe.parameters @gate "layers.{0}.experts.{1}.gate_proj.weight" [32, 8] : tensor<96x64xf32>
moe.parameters @gate "layers.{0}.experts.{1}.gate_proj.weight" [32, 8] : tensor<96x64xf32>
// CHECK: moe.parameters @ids "{0}/{0}" [2] {note} : tensor<4xi8>
moe.parameters @ids "{0}/{0}" [2] {note} : tensor<4xi8>

// SPACE: {{moe.gate %[a-z0-9]+ softmax top_k\(2\) normalize :}}
// SPACE: {{sigmoid bias\(%[a-z0-9]+\) groups\(4 keep 2 by top2_sum\)}}
// CHECK-LABEL: func @gates
func.func @gates(%s: tensor<?x8xf32>, %b: tensor<8xf32>, %h: tensor<4x8xbf16>) {
  // CHECK: moe.gate %{{.*}} softmax top_k(2) normalize : (tensor<?x8xf32>) -> !moe.routing<8>
  %0 = moe.gate %s softmax top_k(2) normalize : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} sigmoid bias(%{{.*}}) groups(4 keep 2 by top2_sum) top_k(2) normalize epsilon(9.9999999999999995E-21) scale(2.500000e+00) : (tensor<?x8xf32>, tensor<8xf32>) -> !moe.routing<8>
  %1 = moe.gate %s sigmoid bias(%b) groups(4 keep 2 by top2_sum) top_k(2) normalize epsilon(1.0e-20) scale(2.5) : (tensor<?x8xf32>, tensor<8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} identity groups(2 keep 1 by max) argmax weights(sigmoid) : (tensor<4x8xbf16>) -> !moe.routing<8>
  %2 = moe.gate %h identity groups(2 keep 1 by max) argmax weights(sigmoid) : (tensor<4x8xbf16>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} sigmoid threshold(5.000000e-01) capacity(5) {note = 1 : i64} :
  %3 = moe.gate %s sigmoid threshold(0.5) capacity(5) {note = 1} : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} identity threshold(0xFFF0000000000000) weights(one) :
  %4 = moe.gate %s identity threshold(0xFFF0000000000000) weights(one) : (tensor<?x8xf32>) -> !moe.routing<8>
  // CHECK: moe.gate %{{.*}} softmax top_k(0) capacity_factor(1.250000e+00) :
  %5 = moe.gate %s softmax top_k(0) capacity_factor(1.25) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// CHECK-LABEL: func @routes
func.func @routes(%m: tensor<?x8xi1>, %w: tensor<?x8xf16>, %i: tensor<4x2xindex>) {
  // CHECK: moe.route %{{.*}} : (tensor<?x8xi1>) -> !moe.routing<8>
  %0 = moe.route %m : (tensor<?x8xi1>) -> !moe.routing<8>
  // CHECK: moe.route %{{.*}}, %{{.*}} : (tensor<?x8xi1>, tensor<?x8xf16>) -> !moe.routing<8>
  %1 = moe.route %m, %w : (tensor<?x8xi1>, tensor<?x8xf16>) -> !moe.routing<8>
  // CHECK: moe.route %{{.*}} : (tensor<4x2xindex>) -> !moe.routing<300>
  %2 = moe.route %i : (tensor<4x2xindex>) -> !moe.routing<300>
  // CHECK: moe.route %{{.*}}, %{{.*}} most(2) : (tensor<?x8xi1>, tensor<?x8xf16>) -> !moe.routing<8>
  %3 = moe.route %m, %w most(2) : (tensor<?x8xi1>, tensor<?x8xf16>) -> !moe.routing<8>
  // CHECK: moe.route_all %{{.*}} : !moe.routing<8>
  %n = arith.constant 5 : index
  %4 = moe.route_all %n : !moe.routing<8>
  return
}

// CHECK-LABEL: func @readers
func.func @readers(%r: !moe.routing<8>) {
  // CHECK: moe.mask %{{.*}} : (!moe.routing<8>) -> tensor<?x8xi1>
  %0 = moe.mask %r : (!moe.routing<8>) -> tensor<?x8xi1>
  // CHECK: moe.weights %{{.*}} : (!moe.routing<8>) -> tensor<?x8xf32>
  %1 = moe.weights %r : (!moe.routing<8>) -> tensor<?x8xf32>
  // CHECK: moe.indices %{{.*}} : (!moe.routing<8>) -> tensor<?x2xi64>
  %2 = moe.indices %r : (!moe.routing<8>) -> tensor<?x2xi64>
  // CHECK: moe.counts %{{.*}} : (!moe.routing<8>) -> tensor<8xi64>
  %3 = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
  // CHECK: moe.num_tokens %{{.*}} : !moe.routing<8>
  %4 = moe.num_tokens %r : !moe.routing<8>
  return
}

// CHECK-LABEL: func @family
func.func @family(%x: tensor<?x4x2xf32>, %t: tensor<5xi64>, %r: !moe.routing<8>, %y: tensor<?x4x2xf32>) {
  // CHECK:      moe.dispatch %{{.*}}, %{{.*}} by %{{.*}} attributes {note} : (tensor<?x4x2xf32>, tensor<5xi64>, !moe.routing<8>) -> (tensor<?x4x2xf32>, tensor<?xi64>) {
  // CHECK-NEXT: ^each(%expert: index, %mine: tensor<?x4x2xf32>, %mine_0: tensor<?xi64>, %weights: tensor<?xf32>):
  // CHECK-NEXT:   moe.yield %mine, %mine_0 : tensor<?x4x2xf32>, tensor<?xi64>
  // CHECK-NEXT: }
  %0:2 = moe.dispatch %x, %t by %r attributes {note} : (tensor<?x4x2xf32>, tensor<5xi64>, !moe.routing<8>) -> (tensor<?x4x2xf32>, tensor<?xi64>) {
  ^each(%expert: index, %a: tensor<?x4x2xf32>, %b: tensor<?xi64>, %w: tensor<?xf32>):
    moe.yield %a, %b : tensor<?x4x2xf32>, tensor<?xi64>
  }
  // CHECK: moe.rows %{{.*}}#0 by %{{.*}}[7] : (tensor<?x4x2xf32>, !moe.routing<8>) -> tensor<?x4x2xf32>
  %1 = moe.rows %0#0 by %r[7] : (tensor<?x4x2xf32>, !moe.routing<8>) -> tensor<?x4x2xf32>
  // CHECK: moe.combine %{{.*}}#0 by %{{.*}} into %{{.*}} unweighted : (tensor<?x4x2xf32>, !moe.routing<8>, tensor<?x4x2xf32>) -> tensor<?x4x2xf32>
  %2 = moe.combine %0#0 by %r into %y unweighted : (tensor<?x4x2xf32>, !moe.routing<8>, tensor<?x4x2xf32>) -> tensor<?x4x2xf32>
  // CHECK: moe.combine %{{.*}}#0 by %{{.*}} : (tensor<?x4x2xf32>, !moe.routing<8>) -> tensor<?x4x2xf32>
  %3 = moe.combine %0#0 by %r : (tensor<?x4x2xf32>, !moe.routing<8>) -> tensor<?x4x2xf32>
  // CHECK: moe.combine %{{.*}}#1 by %{{.*}} unweighted {note} : (tensor<?xi64>, !moe.routing<8>) -> tensor<?xi64>
  %4 = moe.combine %0#1 by %r unweighted {note} : (tensor<?xi64>, !moe.routing<8>) -> tensor<?xi64>
  return
}

// CHECK-LABEL: func @unlike
func.func @unlike(%x: tensor<?x8xf32>, %r: !moe.routing<2>) -> tensor<?x8xf32> {
  // CHECK: moe.dispatch %{{.*}} by %{{.*}} : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  // CHECK-NEXT: ^expert0(%mine: tensor<?x8xf32>):
  // CHECK: }, {
  // CHECK-NEXT: ^expert1(%mine: tensor<?x8xf32>, %weights: tensor<?xf32>):
  %0 = moe.dispatch %x by %r : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {
  ^expert0(%a: tensor<?x8xf32>):
    moe.yield %a : tensor<?x8xf32>
  }, {
  ^expert1(%a: tensor<?x8xf32>, %w: tensor<?xf32>):
    %b = arith.negf %a : tensor<?x8xf32>
    moe.yield %b : tensor<?x8xf32>
  }
  return %0 : tensor<?x8xf32>
}

// One expert with a region of its own, and no token operand.
// CHECK-LABEL: func @smallest
func.func @smallest(%r: !moe.routing<1>) -> tensor<?xf32> {
  // CHECK:      moe.dispatch by %{{.*}} : (!moe.routing<1>) -> tensor<?xf32> {
  // CHECK-NEXT: ^expert0(%weights: tensor<?xf32>):
  %0 = moe.dispatch by %r : (!moe.routing<1>) -> tensor<?xf32> {
  ^only(%w: tensor<?xf32>):
    moe.yield %w : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}

// CHECK-LABEL: func @parameters
func.func @parameters(%layer: index, %expert: index, %w: tensor<96x64xf32>) {
  // CHECK: moe.parameter @gate[%{{.*}}, %{{.*}}] : tensor<96x64xf32>
  %0 = moe.parameter @gate[%layer, %expert] : tensor<96x64xf32>
  // CHECK: moe.pick %{{.*}} [%{{.*}}, %{{.*}}] {note} : tensor<96x64xf32>
  %1 = moe.pick %expert [%w, %0] {note} : tensor<96x64xf32>
  return
}

// CHECK-LABEL: func @contract
func.func @contract(%x: tensor<?x4xbf16>, %w: tensor<8x4xbf16>, %r: tensor<?xf32>, %c: tensor<8xbf16>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK:      moe.contract rows(%{{.*}}) weights(%{{.*}}, %{{.*}}) with(%{{.*}}, %{{.*}}) outs(%{{.*}}) maps [#{{.*}}, #{{.*}}] {note} : (tensor<?x4xbf16>, tensor<8x4xbf16>, tensor<8x4xbf16>, tensor<?xf32>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: bf16):
  // CHECK-NEXT:   moe.yield_element %[[A]] : f32
  %0 = moe.contract rows(%x) weights(%w, %w) with(%r, %c) outs(%o) maps [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>] {note}
      : (tensor<?x4xbf16>, tensor<8x4xbf16>, tensor<8x4xbf16>, tensor<?xf32>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: f32, %b: f32, %s: f32, %t: bf16):
    moe.yield_element %a : f32
  }
  // CHECK: moe.contract with(%{{.*}}) outs(%{{.*}}) maps [#{{.*}}] : (tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  %1 = moe.contract with(%r) outs(%o) maps [affine_map<(d0, d1) -> (d0)>] : (tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%s: f32):
    moe.yield_element %s : f32
  }
  return %0 : tensor<?x8xf32>
}

func.func private @callee(f32, tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK-LABEL: func @call
func.func @call(%s: f32, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: moe.call @callee(%{{.*}}) outs(%{{.*}}) {note} : (f32, tensor<?x8xf32>) -> tensor<?x8xf32>
  %0 = moe.call @callee(%s) outs(%o) {note} : (f32, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func @where
func.func @where(%x: tensor<?x4xf32>, %n: tensor<?xi64>, %a: tensor<?xi1>, %b: tensor<?xi1>) -> (tensor<?x4xf32>, tensor<?xi64>) {
  // CHECK:      %{{.*}}:2 = moe.where %{{.*}}, %{{.*}} along [0] attributes {note} : (tensor<?xi1>, tensor<?xi1>) -> (tensor<?x4xf32>, tensor<?xi64>) {
  // CHECK-NEXT:   moe.yield %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<?xi64>
  // CHECK-NEXT: }, {
  // CHECK-NEXT:   arith.addf
  // CHECK-NEXT:   moe.yield
  // CHECK-NEXT: } else {
  // CHECK-NEXT:   moe.yield
  // CHECK-NEXT: }
  %0:2 = moe.where %a, %b along [0] attributes {note} : (tensor<?xi1>, tensor<?xi1>) -> (tensor<?x4xf32>, tensor<?xi64>) {
    moe.yield %x, %n : tensor<?x4xf32>, tensor<?xi64>
  }, {
    %y = arith.addf %x, %x : tensor<?x4xf32>
    moe.yield %y, %n : tensor<?x4xf32>, tensor<?xi64>
  } else {
    moe.yield %x, %n : tensor<?x4xf32>, tensor<?xi64>
  }
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?xi64>
}

// CHECK-LABEL: func @where_along
func.func @where_along(%x: tensor<?x3x4xf32>, %i: tensor<index>, %a: tensor<4x?xi1>, %b: tensor<i1>) -> (tensor<?x3x4xf32>, tensor<index>) {
  // CHECK:      moe.where %{{.*}} along [2, 0] implied attributes {note = 1 : i64} : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
  // CHECK-NEXT:   moe.where %{{.*}} along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
  // CHECK-NOT:  else
  %0 = moe.where %a along [2, 0] implied attributes {note = 1} : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
    %1 = moe.where %a along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
      moe.yield %x : tensor<?x3x4xf32>
    }
    moe.yield %1 : tensor<?x3x4xf32>
  }
  // CHECK:      moe.where %{{.*}} along [] : (tensor<i1>) -> tensor<index> {
  %2 = moe.where %b along [] : (tensor<i1>) -> tensor<index> {
    moe.yield %i : tensor<index>
  } else {
    moe.yield %i : tensor<index>
  }
  return %0, %2 : tensor<?x3x4xf32>, tensor<index>
}
