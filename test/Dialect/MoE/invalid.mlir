// RUN: moe-opt %s --split-input-file --verify-diagnostics

// A function for each constraint of MoEOps.td, in its order and named after it.
// Where more than one way leads to a constraint, a letter follows.

//===----------------------------------------------------------------------===//
// !moe.routing
//===----------------------------------------------------------------------===//

// expected-error @below {{expects 1 to 65536 experts, got 0}}
func.func private @routing_c1(!moe.routing<0>)

// -----

// expected-error @below {{expects 1 to 65536 experts, got 65537}}
func.func private @routing_c1_most(!moe.routing<65537>)

// -----

func.func @routing_c2(%x: tensor<?x2xf32>, %r: !moe.routing<2>, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %y = tensor.generate %n {
  ^bb0(%i: index):
    // expected-error @below {{expects not to be in the body of tensor.generate, which computes one element}}
    %rows = moe.dispatch %x by %r : (tensor<?x2xf32>, !moe.routing<2>) -> tensor<?x2xf32> {
    ^each(%expert: index, %mine: tensor<?x2xf32>):
      moe.yield %mine : tensor<?x2xf32>
    }
    %e = tensor.extract %rows[%i, %c0] : tensor<?x2xf32>
    tensor.yield %e : f32
  } : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @routing_c2_linalg(%x: tensor<4xi64>, %r: !moe.routing<2>) -> tensor<4xi64> {
  %c0 = arith.constant 0 : index
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : tensor<4xi64>) {
  ^bb0(%o: i64):
    // expected-error @below {{expects not to be in the body of linalg.generic, which computes one element}}
    %c = moe.counts %r : (!moe.routing<2>) -> tensor<2xi64>
    %e = tensor.extract %c[%c0] : tensor<2xi64>
    linalg.yield %e : i64
  } -> tensor<4xi64>
  return %y : tensor<4xi64>
}

// -----

//===----------------------------------------------------------------------===//
// moe.gate
//===----------------------------------------------------------------------===//

func.func @gate_c1(%s: tensor<?x?xf32>) {
  // expected-error @below {{expects a static number of experts, 1 to 65536, got 'tensor<?x?xf32>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x?xf32>) -> !moe.routing<1>
  return
}

// -----

func.func @gate_c1_rank(%s: tensor<?xf32>) {
  // expected-error @below {{expects scores of rank 2, got 'tensor<?xf32>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?xf32>) -> !moe.routing<1>
  return
}

// -----

func.func @gate_c1_elements(%s: tensor<?x8xi32>) {
  // expected-error @below {{expects scores of f16, bf16, f32 or f64, got 'tensor<?x8xi32>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x8xi32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c1_narrow(%s: tensor<?x8xf8E4M3FN>) {
  // expected-error @below {{expects scores of f16, bf16, f32 or f64, got 'tensor<?x8xf8E4M3FN>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x8xf8E4M3FN>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c1_wide(%s: tensor<?x8xf128>) {
  // expected-error @below {{expects scores of f16, bf16, f32 or f64, got 'tensor<?x8xf128>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x8xf128>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c1_many(%s: tensor<?x65537xf32>) {
  // expected-error @below {{expects a static number of experts, 1 to 65536, got 'tensor<?x65537xf32>'}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x65537xf32>) -> !moe.routing<1>
  return
}

// -----

func.func @gate_c1_experts(%s: tensor<?x0xf32>) {
  // expected-error @below {{expects a static number of experts, 1 to 65536, got 'tensor<?x0xf32>'}}
  %r = moe.gate %s softmax top_k(0) : (tensor<?x0xf32>) -> !moe.routing<1>
  return
}

// -----

func.func @gate_c2(%s: tensor<?x8xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expects a bias of type 'tensor<8xf32>', got 'tensor<4xf32>'}}
  %r = moe.gate %s softmax bias(%b) top_k(1) : (tensor<?x8xf32>, tensor<4xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c2_elements(%s: tensor<?x8xf32>, %b: tensor<8xf64>) {
  // expected-error @below {{expects a bias of type 'tensor<8xf32>', got 'tensor<8xf64>'}}
  %r = moe.gate %s softmax bias(%b) top_k(1) : (tensor<?x8xf32>, tensor<8xf64>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c3(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects exactly one of top_k, threshold and argmax}}
  %r = moe.gate %s softmax : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c3_two(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects exactly one of top_k, threshold and argmax}}
  %r = moe.gate %s softmax top_k(1) argmax : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c4(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects top_k of 0 to 8 experts, got 9}}
  %r = moe.gate %s softmax top_k(9) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c4_negative(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects top_k of 0 to 8 experts, got -1}}
  %r = moe.gate %s softmax top_k(-1) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c5(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects a number of groups that divides 8 experts, got 3}}
  %r = moe.gate %s softmax groups(3 keep 1 by max) top_k(1) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c5_kept(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects to keep 1 to 4 groups, got 5}}
  %r = moe.gate %s softmax groups(4 keep 5 by max) top_k(1) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c5_too_few(%s: tensor<?x8xf32>) {
  // expected-error @below {{selects 3 experts, but the groups kept have 2}}
  %r = moe.gate %s softmax groups(4 keep 1 by max) top_k(3) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c5_top2(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects groups of at least 2 experts for top2_sum}}
  %r = moe.gate %s softmax groups(8 keep 1 by top2_sum) top_k(1) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c5_half_given(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects groups, groups kept and group score together}}
  %r = "moe.gate"(%s) <{function = #moe<score_function softmax>, k = 1 : i64, groups_kept = 2 : i64}> : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c6(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects top_k or argmax with groups}}
  %r = moe.gate %s softmax groups(4 keep 1 by max) threshold(0.5) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c7(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects normalize with epsilon}}
  %r = moe.gate %s softmax top_k(1) epsilon(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c7_negative(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects a finite epsilon that is not negative}}
  %r = moe.gate %s softmax top_k(1) normalize epsilon(-1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c7_infinite(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects a finite epsilon that is not negative}}
  %r = moe.gate %s softmax top_k(1) normalize epsilon(0x7FF0000000000000) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c8(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects one of capacity and capacity_factor, got both}}
  %r = moe.gate %s softmax top_k(1) capacity(1) capacity_factor(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c8_negative(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects a capacity that is not negative, got -3}}
  %r = moe.gate %s softmax top_k(1) capacity(-3) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c8_factor(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects a finite capacity_factor that is not negative}}
  %r = moe.gate %s softmax top_k(1) capacity_factor(-0.5) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c8_threshold(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects top_k or argmax with capacity_factor}}
  %r = moe.gate %s softmax threshold(0.5) capacity_factor(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c9(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects threshold and scale that are not NaN}}
  %r = moe.gate %s softmax threshold(0x7FF8000000000000) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c9_scale(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects threshold and scale that are not NaN}}
  %r = moe.gate %s softmax top_k(1) scale(0x7FF8000000000000) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_weights(%s: tensor<?x8xf32>) {
  // expected-error @below {{expects score, softmax, sigmoid or one, got 'two'}}
  %r = moe.gate %s softmax top_k(1) weights(two) : (tensor<?x8xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @gate_c10(%s: tensor<?x8xf32>) {
  // expected-error @+2 {{inferred type(s) '!moe.routing<8>' are incompatible with return type(s) of operation '!moe.routing<4>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %r = moe.gate %s softmax top_k(1) : (tensor<?x8xf32>) -> !moe.routing<4>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.route
//===----------------------------------------------------------------------===//

func.func @route_c1(%c: tensor<?x?xi64>) {
  // expected-error @below {{expects a mask or expert numbers of shape [N, up to 65536], signless integers of at most 64 bits or index, got 'tensor<?x?xi64>'}}
  %r = moe.route %c : (tensor<?x?xi64>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c1_many(%c: tensor<?x65537xi64>) {
  // expected-error @below {{of shape [N, up to 65536], signless integers of at most 64 bits or index, got 'tensor<?x65537xi64>'}}
  %r = moe.route %c : (tensor<?x65537xi64>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c1_unsigned(%c: tensor<?x2xui8>) {
  // expected-error @below {{signless integers of at most 64 bits or index, got 'tensor<?x2xui8>'}}
  %r = moe.route %c : (tensor<?x2xui8>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c1_signed(%c: tensor<?x2xsi8>) {
  // expected-error @below {{signless integers of at most 64 bits or index, got 'tensor<?x2xsi8>'}}
  %r = moe.route %c : (tensor<?x2xsi8>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c1_wide(%c: tensor<?x2xi128>) {
  // expected-error @below {{signless integers of at most 64 bits or index, got 'tensor<?x2xi128>'}}
  %r = moe.route %c : (tensor<?x2xi128>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c1_none(%c: tensor<?x2xi0>) {
  // expected-error @below {{signless integers of at most 64 bits or index, got 'tensor<?x2xi0>'}}
  %r = moe.route %c : (tensor<?x2xi0>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c1_elements(%c: tensor<?x2xf32>) {
  // expected-error @below {{expects a mask or expert numbers of shape [N, up to 65536], signless integers of at most 64 bits or index, got 'tensor<?x2xf32>'}}
  %r = moe.route %c : (tensor<?x2xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c4(%c: tensor<?x4xi64>) {
  // expected-error @below {{expects at most 0 to 4 assignments per token, got 5}}
  %r = moe.route %c most(5) : (tensor<?x4xi64>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c4_negative(%c: tensor<?x4xi64>) {
  // expected-error @below {{expects at most 0 to 4 assignments per token, got -1}}
  %r = moe.route %c most(-1) : (tensor<?x4xi64>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c2(%c: tensor<?x4xi1>) {
  // expected-error @below {{expects a mask with 8 columns, got 4}}
  %r = moe.route %c : (tensor<?x4xi1>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c3(%c: tensor<?x2xi64>, %w: tensor<?x3xf32>) {
  // expected-error @below {{expects weights of f16, bf16, f32 or f64 of the shape of 'tensor<?x2xi64>', got 'tensor<?x3xf32>'}}
  %r = moe.route %c, %w : (tensor<?x2xi64>, tensor<?x3xf32>) -> !moe.routing<8>
  return
}

// -----

func.func @route_c3_narrow(%c: tensor<?x2xi64>, %w: tensor<?x2xf8E5M2>) {
  // expected-error @below {{expects weights of f16, bf16, f32 or f64 of the shape of 'tensor<?x2xi64>', got 'tensor<?x2xf8E5M2>'}}
  %r = moe.route %c, %w : (tensor<?x2xi64>, tensor<?x2xf8E5M2>) -> !moe.routing<3>
  return
}

// -----

func.func @route_c3_elements(%c: tensor<?x2xi64>, %w: tensor<?x2xi64>) {
  // expected-error @below {{expects weights of f16, bf16, f32 or f64 of the shape of 'tensor<?x2xi64>', got 'tensor<?x2xi64>'}}
  %r = moe.route %c, %w : (tensor<?x2xi64>, tensor<?x2xi64>) -> !moe.routing<8>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Readers
//===----------------------------------------------------------------------===//

func.func @mask_c1(%r: !moe.routing<8>) {
  // expected-error @+2 {{inferred type(s) 'tensor<?x8xi1>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %m = moe.mask %r : (!moe.routing<8>) -> tensor<?x8xi8>
  return
}

// -----

func.func @weights_c1(%r: !moe.routing<8>) {
  // expected-error @+2 {{inferred type(s) 'tensor<?x8xf32>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %w = moe.weights %r : (!moe.routing<8>) -> tensor<4x8xf32>
  return
}

// -----

func.func @indices_c1(%r: !moe.routing<8>) {
  // expected-error @below {{expects a result of type tensor<?xkxi64>, got 'tensor<?x?xi64>'}}
  %i = moe.indices %r : (!moe.routing<8>) -> tensor<?x?xi64>
  return
}

// -----

func.func @counts_c1(%r: !moe.routing<8>) {
  // expected-error @+2 {{inferred type(s) 'tensor<8xi64>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %c = moe.counts %r : (!moe.routing<8>) -> tensor<9xi64>
  return
}
