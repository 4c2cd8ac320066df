// RUN: moe-opt %s --moe-decompose-gate --split-input-file | FileCheck %s
// RUN: moe-opt %s --moe-decompose-gate --split-input-file --canonicalize --cse | FileCheck %s --check-prefix=CANON
// RUN: moe-opt %s --moe-decompose-gate=parallel --split-input-file | FileCheck %s --check-prefix=PARALLEL

// There is no loop over tokens outside of an operation.
// PARALLEL-LABEL: func.func
//   PARALLEL-NOT: {{^  }}  %{{.*}} = scf.for
//       PARALLEL: moe.route %{{.*}}, %{{.*}} most(2) :

// Softmax, k times the largest key below the last one, the mask of the keys not
// below the k-th, and the weights.

// CHECK-LABEL: func @softmax_top_k
//  CHECK-SAME:   %[[SCORES:.*]]: tensor<?x8xf32>
//       CHECK:   scf.for {{.*}} -> (tensor<?xf32>)
//       CHECK:     scf.for {{.*}} -> (f32)
//       CHECK:       arith.maximumf
//       CHECK:   linalg.generic {{.*}} ins(%[[SCORES]]
//       CHECK:     math.exp
//       CHECK:   scf.for {{.*}} -> (tensor<?xf32>)
//       CHECK:     scf.for {{.*}} -> (f32)
//       CHECK:       arith.addf
//       CHECK:   %[[VALUES:.*]] = linalg.generic
//       CHECK:     arith.divf
//       CHECK:   %[[KEYS:.*]] = linalg.generic {{.*}} ins(%[[VALUES]] : tensor<?x8xf32>)
//       CHECK:     arith.cmpf uno
//       CHECK:     arith.bitcast {{.*}} : f32 to i32
//       CHECK:     arith.shli {{.*}} : i64
//       CHECK:   %[[BOUND:.*]] = scf.for %[[TOKEN:[^ ]+]] = {{.*}} -> (tensor<?xi64>)
//       CHECK:     scf.for %{{.*}} = %{{.*}} to %c2{{.*}} iter_args(%[[LAST:[^ ]+]] = %{{.*}}) -> (i64)
//       CHECK:       %[[NEXT:.*]] = scf.for %[[EXPERT:[^ ]+]] = {{.*}} -> (i64)
//       CHECK:         %[[KEY:.*]] = tensor.extract %[[KEYS]][%[[TOKEN]], %[[EXPERT]]]
//       CHECK:         arith.cmpi slt, %[[KEY]], %[[LAST]]
//       CHECK:         arith.maxsi
//       CHECK:       scf.yield %[[NEXT]]
//       CHECK:   %[[MASK:.*]] = linalg.generic {{.*}} ins(%[[KEYS]], %[[BOUND]]
//       CHECK:     arith.cmpi sge
//       CHECK:   %[[WEIGHTS:.*]] = linalg.generic {{.*}} outs(%[[VALUES]] : tensor<?x8xf32>)
//       CHECK:     arith.select
//       CHECK:   moe.route %[[MASK]], %[[WEIGHTS]] : (tensor<?x8xi1>, tensor<?x8xf32>) -> !moe.routing<8>
//   CHECK-NOT:   moe.gate
func.func @softmax_top_k(%scores: tensor<?x8xf32>) -> tensor<8xi64> {
  %r = moe.gate %scores softmax top_k(2) : (tensor<?x8xf32>) -> !moe.routing<8>
  %c = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
  return %c : tensor<8xi64>
}

// -----

// The bias counts in the ranking only. Groups outside the best lose their keys.

// CHECK-LABEL: func @groups
//  CHECK-SAME:   %{{.*}}: tensor<?x16xf32>, %[[BIAS:.*]]: tensor<16xf32>
//       CHECK:   %[[VALUES:.*]] = linalg.generic
//       CHECK:     arith.negf
//       CHECK:   %[[KEYS:.*]] = linalg.generic {{.*}} ins(%[[VALUES]], %[[BIAS]]
//       CHECK:   %[[SPLIT:.*]] = tensor.expand_shape %[[KEYS]] {{.*}} into tensor<?x4x4xi64>
//       CHECK:   %[[GROUPS:.*]] = scf.for {{.*}} -> (tensor<?x4xi64>)
//       CHECK:     tensor.extract %[[SPLIT]]
//       CHECK:     tensor.extract %[[SPLIT]]
//       CHECK:     arith.addf
//       CHECK:   %[[BOUND:.*]] = scf.for
//       CHECK:   %[[LIMITED:.*]] = linalg.generic {{.*}} ins(%[[GROUPS]], %[[BOUND]] {{.*}} outs(%[[SPLIT]]
//       CHECK:   tensor.collapse_shape %[[LIMITED]]
//       CHECK:   scf.for {{.*}} to %c3
//       CHECK:   scf.for {{.*}} -> (tensor<?xf32>)
//       CHECK:     tensor.extract %[[VALUES]]
//       CHECK:     arith.addf
//       CHECK:   linalg.generic {{.*}} outs(%[[VALUES]]
//       CHECK:     arith.addf %{{.*}}, %cst
//       CHECK:     arith.divf
//       CHECK:     arith.mulf
func.func @groups(%scores: tensor<?x16xf32>, %bias: tensor<16xf32>) -> tensor<16xi64> {
  %r = moe.gate %scores sigmoid bias(%bias) groups(4 keep 2 by top2_sum) top_k(3)
    normalize epsilon(1.0e-20) scale(2.5)
    : (tensor<?x16xf32>, tensor<16xf32>) -> !moe.routing<16>
  %c = moe.counts %r : (!moe.routing<16>) -> tensor<16xi64>
  return %c : tensor<16xi64>
}

// -----

// A threshold needs no order; NaN is not greater than anything.

// CHECK-LABEL: func @threshold
//   CHECK-NOT:   scf.for
//       CHECK:   arith.cmpf ogt
//   CHECK-NOT:   scf.for
//       CHECK:   moe.route
func.func @threshold(%scores: tensor<?x6xf32>) -> tensor<6xi64> {
  %r = moe.gate %scores sigmoid threshold(0.5) : (tensor<?x6xf32>) -> !moe.routing<6>
  %c = moe.counts %r : (!moe.routing<6>) -> tensor<6xi64>
  return %c : tensor<6xi64>
}

// -----

// One pass over the tokens in order, with the count of each expert.

// CHECK-LABEL: func @capacity
//       CHECK:   math.ceil
//       CHECK:   arith.minimumf
//       CHECK:   scf.for %{{.*}} iter_args(%{{.*}}, %{{.*}}) -> (tensor<?x8xi1>, tensor<8xi64>)
//       CHECK:     tensor.extract_slice
//       CHECK:     arith.addi
//       CHECK:     arith.cmpi sle
//       CHECK:     tensor.insert_slice

// In parallel each element is computed on its own: what a chunk of tokens takes of an
// expert, what all chunks before take, and what a chunk takes up to a token.

// PARALLEL-LABEL: func.func @capacity
//   PARALLEL-NOT: {{^  }}  %{{.*}} = scf.for
//       PARALLEL: math.ceil
//       PARALLEL: %[[COUNTS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x8xi64>)
//       PARALLEL: %[[BEFORE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x8xi64>)
//       PARALLEL: tensor.extract %[[COUNTS]]
//       PARALLEL: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x8xi1>)
//       PARALLEL: tensor.extract %[[BEFORE]]
//       PARALLEL: arith.cmpi sle
//   PARALLEL-NOT: {{^  }}  %{{.*}} = scf.for
//       PARALLEL: moe.route
func.func @capacity(%scores: tensor<?x8xf32>) -> tensor<8xi64> {
  %r = moe.gate %scores softmax argmax capacity_factor(1.25) : (tensor<?x8xf32>) -> !moe.routing<8>
  %c = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
  return %c : tensor<8xi64>
}

// -----

// Neither no expert nor every expert takes a round of maxima.

// CANON-LABEL: func @none
//   CANON-NOT:   arith.maxsi
//       CANON:   moe.route
func.func @none(%scores: tensor<?x8xf32>) -> tensor<8xi64> {
  %r = moe.gate %scores softmax top_k(0) capacity_factor(1.0) : (tensor<?x8xf32>) -> !moe.routing<8>
  %c = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
  return %c : tensor<8xi64>
}

// CANON-LABEL: func @all
//   CANON-NOT:   arith.maxsi
//       CANON:   moe.route
func.func @all(%scores: tensor<?x8xf32>) -> tensor<8xi64> {
  %r = moe.gate %scores softmax top_k(8) : (tensor<?x8xf32>) -> !moe.routing<8>
  %c = moe.counts %r : (!moe.routing<8>) -> tensor<8xi64>
  return %c : tensor<8xi64>
}

// -----

// Narrow scores are widened where they are read, wide ones keep their type and
// get keys twice as wide. Weights are f32.

// CHECK-LABEL: func @bf16
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<?x4xi64>)
//       CHECK:     arith.extf %{{.*}} : bf16 to f32
//       CHECK:   moe.route %{{.*}} {{.*}}: (tensor<?x4xi1>, tensor<?x4xf32>)
func.func @bf16(%scores: tensor<?x4xbf16>) -> tensor<4xi64> {
  %r = moe.gate %scores identity top_k(2) : (tensor<?x4xbf16>) -> !moe.routing<4>
  %c = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %c : tensor<4xi64>
}

// CHECK-LABEL: func @f64
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<5x4xi128>)
//       CHECK:     arith.bitcast %{{.*}} : f64 to i64
//       CHECK:   arith.truncf %{{.*}} : f64 to f32
//       CHECK:   moe.route %{{.*}} {{.*}}: (tensor<5x4xi1>, tensor<5x4xf32>)
func.func @f64(%scores: tensor<5x4xf64>) -> tensor<4xi64> {
  %r = moe.gate %scores identity top_k(2) : (tensor<5x4xf64>) -> !moe.routing<4>
  %c = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %c : tensor<4xi64>
}

// -----

// The softmax over the selected is masked; what is not selected weighs 0.

// CHECK-LABEL: func @softmax_of_selected
//       CHECK:   %[[MASK:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x4xi1>)
//       CHECK:   scf.for
//       CHECK:     tensor.extract %[[MASK]]
//       CHECK:     arith.select
//       CHECK:     arith.maximumf
//       CHECK:   linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[MASK]]
//       CHECK:     math.exp
//       CHECK:     arith.select
//       CHECK:   linalg.generic {{.*}} ins(%[[MASK]]
//       CHECK:     arith.select
//       CHECK:   moe.route %[[MASK]]
func.func @softmax_of_selected(%scores: tensor<?x4xf32>) -> tensor<4xi64> {
  %r = moe.gate %scores identity top_k(2) weights(softmax) : (tensor<?x4xf32>) -> !moe.routing<4>
  %c = moe.counts %r : (!moe.routing<4>) -> tensor<4xi64>
  return %c : tensor<4xi64>
}
