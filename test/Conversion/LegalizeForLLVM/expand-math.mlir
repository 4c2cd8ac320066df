// RUN: moe-opt %s --moe-expand-math | FileCheck %s
// RUN: moe-opt %s --moe-expand-math=remainders | FileCheck %s --check-prefix=EXACT

// CHECK-LABEL: func.func @square
// CHECK-SAME: %[[x:.*]]: vector<8xf32>
// CHECK: %[[y:.*]] = arith.mulf %[[x]], %[[x]]
// CHECK-NEXT: return %[[y]]
func.func @square(%x: vector<8xf32>) -> vector<8xf32> {
  %two = arith.constant dense<2> : vector<8xi32>
  %y = math.fpowi %x, %two : vector<8xf32>, vector<8xi32>
  return %y : vector<8xf32>
}

// Three products for the sixth power, in f32, and one division.

// CHECK-LABEL: func.func @inverse
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// CHECK-NOT: arith.mulf
// CHECK: arith.divf
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @inverse(%x: bf16) -> bf16 {
  %n = arith.constant -6 : i64
  %y = math.fpowi %x, %n : bf16, i64
  return %y : bf16
}

// CHECK-LABEL: func.func @any_power
// CHECK: %[[bits:.*]] = arith.constant 32 : index
// CHECK: scf.for {{.*}} to %[[bits]]
// CHECK: arith.select {{.*}} : vector<4xi1>, vector<4xf64>
// CHECK-NOT: math.fpowi
func.func @any_power(%x: vector<4xf64>, %n: vector<4xi32>) -> vector<4xf64> {
  %y = math.fpowi %x, %n : vector<4xf64>, vector<4xi32>
  return %y : vector<4xf64>
}

// CHECK-LABEL: func.func @integers
// CHECK: arith.muli
// CHECK: scf.for
// CHECK-NOT: math.ipowi
func.func @integers(%x: i64, %n: i64) -> (i64, i64) {
  %two = arith.constant 2 : i64
  %y = math.ipowi %x, %two : i64
  %z = math.ipowi %x, %n : i64
  return %y, %z : i64, i64
}

// CHECK-LABEL: func.func @classes
// CHECK-SAME: %[[x:.*]]: vector<4xf32>
// CHECK: %[[size:.*]] = math.absf %[[x]]
// CHECK: arith.cmpf oeq, %[[size]]
// CHECK: %[[same:.*]] = math.absf %[[x]]
// CHECK: arith.cmpf oge, %[[same]]
// CHECK: arith.cmpf olt, %[[same]]
// CHECK: arith.maximumf
// CHECK: arith.minimumf
// CHECK-NOT: math.is
// CHECK-NOT: math.clampf
func.func @classes(%x: vector<4xf32>) -> (vector<4xi1>, vector<4xi1>, vector<4xf32>) {
  %a = math.isinf %x : vector<4xf32>
  %b = math.isnormal %x : vector<4xf32>
  %c = math.clampf %x to [%x, %x] : vector<4xf32>
  return %a, %b, %c : vector<4xi1>, vector<4xi1>, vector<4xf32>
}

// What is not a scalar, and whoever has fmod, keeps it.
// CHECK-LABEL: func.func @remainder
// CHECK-COUNT-2: arith.remf
// EXACT-LABEL: func.func @remainder
// EXACT-SAME: %[[a:.*]]: bf16, %{{.*}}: bf16, %[[v:.*]]: vector<4xf32>
// EXACT: %[[A:.*]] = arith.extf %[[a]] : bf16 to f32
// EXACT: %[[UP:.*]] = scf.while
// EXACT: %[[REST:.*]]:2 = scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %[[UP]])
// EXACT: arith.cmpf oge
// EXACT: arith.subf
// EXACT: math.copysign %[[REST]]#0, %[[A]] : f32
// EXACT: arith.truncf %{{.*}} : f32 to bf16
// EXACT: arith.remf %[[v]], %[[v]] : vector<4xf32>
func.func @remainder(%a: bf16, %b: bf16, %v: vector<4xf32>) -> (bf16, vector<4xf32>) {
  %r = arith.remf %a, %b : bf16
  %w = arith.remf %v, %v : vector<4xf32>
  return %r, %w : bf16, vector<4xf32>
}
