// RUN: moe-opt %s --moe-lower-where | FileCheck %s
// RUN: moe-opt %s --moe-lower-where=select-implied | FileCheck %s --check-prefix=SELECT

// CHECK-DAG: [[$ROWS:#map[0-9]*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: [[$ALL:#map[0-9]*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: [[$LAST:#map[0-9]*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: [[$CUBE:#map[0-9]*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>

// Zero where the mask does not hold; what the region computes, it computes for all.
// CHECK-LABEL: func @single
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[M:.*]]: tensor<?xi1>
// CHECK: %[[Y:.*]] = math.tanh %[[X]] : tensor<?x4xf32>
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: linalg.generic {indexing_maps = {{\[}}[[$ROWS]], [[$ALL]], [[$ALL]]{{\]}}, {{.*}} ins(%[[M]], %[[Y]] :
// CHECK-NEXT: ^bb0(%[[HOLDS:.*]]: i1, %[[E:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: arith.select %[[HOLDS]], %[[E]], %[[ZERO]] : f32
// CHECK-NOT: moe.
func.func @single(%x: tensor<?x4xf32>, %m: tensor<?xi1>) -> tensor<?x4xf32> {
  %0 = moe.where %m along [0] : (tensor<?xi1>) -> tensor<?x4xf32> {
    %y = math.tanh %x : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  return %0 : tensor<?x4xf32>
}

// The first mask that holds decides: its select comes last. Each result has selects
// of its own.
// CHECK-LABEL: func @several
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[N:.*]]: tensor<?x2xi64>, %[[A:[a-z0-9]+]]: tensor<?xi1>, %[[B:[a-z0-9]+]]: tensor<?xi1>
// CHECK: %[[C:.*]] = math.cos %[[X]]
// CHECK: %[[S:.*]] = math.sin %[[X]]
// CHECK: %[[SC:.*]] = linalg.generic {{.*}} ins(%[[B]], %[[S]], %[[C]] :
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK: %[[NN:.*]] = linalg.generic {{.*}} ins(%[[B]], %[[N]], %[[N]] :
// CHECK: %[[T:.*]] = math.tanh %[[X]]
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[T]], %[[SC]] :
// CHECK: %[[K:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[N]], %[[NN]] :
// CHECK: return %[[Y]], %[[K]]
func.func @several(%x: tensor<?x4xf32>, %n: tensor<?x2xi64>, %a: tensor<?xi1>, %b: tensor<?xi1>)
    -> (tensor<?x4xf32>, tensor<?x2xi64>) {
  %0:2 = moe.where %a, %b along [0] : (tensor<?xi1>, tensor<?xi1>) -> (tensor<?x4xf32>, tensor<?x2xi64>) {
    %y = math.tanh %x : tensor<?x4xf32>
    moe.yield %y, %n : tensor<?x4xf32>, tensor<?x2xi64>
  }, {
    %y = math.sin %x : tensor<?x4xf32>
    moe.yield %y, %n : tensor<?x4xf32>, tensor<?x2xi64>
  } else {
    %y = math.cos %x : tensor<?x4xf32>
    moe.yield %y, %n : tensor<?x4xf32>, tensor<?x2xi64>
  }
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?x2xi64>
}

// What is zero already is taken as it is, unless a select is asked for.
// CHECK-LABEL: func @implied
// CHECK: %[[Y:.*]] = arith.mulf
// CHECK-NEXT: return %[[Y]]
// SELECT-LABEL: func @implied
// SELECT-SAME: %[[M:[a-z0-9]+]]: tensor<?xi1>) ->
// SELECT: %[[Y:.*]] = arith.mulf
// SELECT: %[[Z:.*]] = linalg.generic {{.*}} ins(%[[M]], %[[Y]] :
// SELECT: arith.select
// SELECT: return %[[Z]]
func.func @implied(%x: tensor<?x4xf32>, %f: tensor<?x4xf32>, %m: tensor<?xi1>) -> tensor<?x4xf32> {
  %0 = moe.where %m along [0] implied : (tensor<?xi1>) -> tensor<?x4xf32> {
    %y = arith.mulf %x, %f : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }
  return %0 : tensor<?x4xf32>
}

// Along the last dimension and the first; one within the other, from the inside.
// CHECK-LABEL: func @nested
// CHECK-SAME: %[[X:.*]]: tensor<?x3x4xf32>, %[[A:[a-z0-9]+]]: tensor<4x?xi1>, %[[B:[a-z0-9]+]]: tensor<4x?xi1>
// CHECK: %[[IN:.*]] = linalg.generic {indexing_maps = {{\[}}[[$LAST]], [[$CUBE]], [[$CUBE]]{{\]}}, {{.*}} ins(%[[B]], %[[X]] :
// CHECK: linalg.generic {indexing_maps = {{\[}}[[$LAST]], [[$CUBE]], [[$CUBE]], [[$CUBE]]{{\]}}, {{.*}} ins(%[[A]], %[[IN]], %[[X]] :
// CHECK-NOT: moe.
func.func @nested(%x: tensor<?x3x4xf32>, %a: tensor<4x?xi1>, %b: tensor<4x?xi1>) -> tensor<?x3x4xf32> {
  %0 = moe.where %a along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
    %1 = moe.where %b along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf32> {
      moe.yield %x : tensor<?x3x4xf32>
    }
    moe.yield %1 : tensor<?x3x4xf32>
  } else {
    moe.yield %x : tensor<?x3x4xf32>
  }
  return %0 : tensor<?x3x4xf32>
}

// A scalar for all.
// CHECK-LABEL: func @all
// CHECK: linalg.generic {{.*}}iterator_types = []
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : index
func.func @all(%x: tensor<index>, %y: tensor<index>, %m: tensor<i1>) -> tensor<index> {
  %0 = moe.where %m along [] : (tensor<i1>) -> tensor<index> {
    moe.yield %x : tensor<index>
  } else {
    moe.yield %y : tensor<index>
  }
  return %0 : tensor<index>
}
