// RUN: moe-opt %s --moe-widen-accumulators | FileCheck %s

// The products are not rounded, and the start is zero of f32.

// CHECK-LABEL: func.func @matmul
// CHECK: %[[zero:.*]] = arith.constant 0.000000e+00 : bf16
// CHECK: %[[wide:.*]] = arith.extf %[[zero]] : bf16 to f32
// CHECK: linalg.fill ins(%[[wide]] : f32)
// CHECK: linalg.generic
// CHECK: ^bb0(%[[a:.*]]: bf16, %[[b:.*]]: bf16, %[[sum:.*]]: f32):
// CHECK: %[[a32:.*]] = arith.extf %[[a]] : bf16 to f32
// CHECK: %[[b32:.*]] = arith.extf %[[b]] : bf16 to f32
// CHECK: %[[p:.*]] = arith.mulf %[[a32]], %[[b32]] : f32
// CHECK: arith.addf %[[sum]], %[[p]] : f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NOT: linalg.matmul
func.func @matmul(%a: tensor<?x?xbf16>, %b: tensor<?x8xbf16>, %e: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %zero = arith.constant 0.0 : bf16
  %init = linalg.fill ins(%zero : bf16) outs(%e : tensor<?x8xbf16>) -> tensor<?x8xbf16>
  %c = linalg.matmul ins(%a, %b : tensor<?x?xbf16>, tensor<?x8xbf16>) outs(%init : tensor<?x8xbf16>) -> tensor<?x8xbf16>
  return %c : tensor<?x8xbf16>
}

// A row that is masked out adds nothing; the largest is no sum.

// CHECK-LABEL: func.func @masked_sum_and_maximum
// CHECK: ^bb0(%{{.*}}: f16, %{{.*}}: i1, %[[sum:.*]]: f32, %[[most:.*]]: f16):
// CHECK: %[[more:.*]] = arith.addf %[[sum]], %{{.*}} : f32
// CHECK: %[[kept:.*]] = arith.select %{{.*}}, %[[more]], %[[sum]] : f32
// CHECK: %[[max:.*]] = arith.maximumf %{{.*}}, %[[most]] : f16
// CHECK: linalg.yield %[[kept]], %[[max]] : f32, f16
// CHECK: } -> (tensor<?xf32>, tensor<?xf16>)
func.func @masked_sum_and_maximum(%x: tensor<?x?xf16>, %m: tensor<?x?xi1>, %s: tensor<?xf16>) -> (tensor<?xf16>, tensor<?xf16>) {
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x, %m : tensor<?x?xf16>, tensor<?x?xi1>) outs(%s, %s : tensor<?xf16>, tensor<?xf16>) {
  ^bb0(%v: f16, %b: i1, %sum: f16, %most: f16):
    %more = arith.addf %sum, %v : f16
    %kept = arith.select %b, %more, %sum : f16
    %max = arith.maximumf %v, %most : f16
    linalg.yield %kept, %max : f16, f16
  } -> (tensor<?xf16>, tensor<?xf16>)
  return %r#0, %r#1 : tensor<?xf16>, tensor<?xf16>
}

// A sum that is compared on the way is what it is.

// CHECK-LABEL: func.func @compared
// CHECK: arith.addf %{{.*}}, %{{.*}} : bf16
// CHECK-NOT: f32
func.func @compared(%x: tensor<?x?xbf16>, %s: tensor<?xbf16>) -> tensor<?xbf16> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x?xbf16>) outs(%s : tensor<?xbf16>) {
  ^bb0(%v: bf16, %sum: bf16):
    %more = arith.addf %sum, %v : bf16
    %below = arith.cmpf olt, %sum, %v : bf16
    %kept = arith.select %below, %more, %sum : bf16
    linalg.yield %kept : bf16
  } -> tensor<?xbf16>
  return %r : tensor<?xbf16>
}

// Neither is an operation without a reduction, nor f32 changed.

// CHECK-LABEL: func.func @elementwise
// CHECK-NOT: arith.extf
// CHECK-NOT: arith.truncf
func.func @elementwise(%x: tensor<?xbf16>, %y: tensor<?x?xf32>, %s: tensor<?xf32>) -> (tensor<?xbf16>, tensor<?xf32>) {
  %a = linalg.add ins(%x, %x : tensor<?xbf16>, tensor<?xbf16>) outs(%x : tensor<?xbf16>) -> tensor<?xbf16>
  %b = linalg.reduce {arith.addf} ins(%y : tensor<?x?xf32>) outs(%s : tensor<?xf32>) dimensions = [1]
  return %a, %b : tensor<?xbf16>, tensor<?xf32>
}

// Rows are added at listed places, unless a place is outside.

// CHECK-LABEL: func.func @scatter
// CHECK-SAME: %[[into:[a-z0-9]*]]: tensor<4x?xbf16>
// CHECK: %[[start:.*]] = linalg.generic {{.*}} ins(%[[into]]
// CHECK: %[[sums:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[start]]) -> (tensor<4x?xf32>)
// CHECK: scf.for {{.*}} -> (tensor<4x?xf32>)
// CHECK: scf.if {{.*}} -> (tensor<4x?xf32>)
// CHECK: %[[old:.*]] = tensor.extract %{{.*}} : tensor<4x?xf32>
// CHECK: %[[v:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK: arith.addf %[[old]], %[[v]] : f32
// CHECK: %[[result:.*]] = linalg.generic {{.*}} ins(%[[sums]]
// CHECK: return %[[result]]
func.func @scatter(%into: tensor<4x?xbf16>, %x: tensor<?x?xbf16>, %places: tensor<?xindex>) -> tensor<4x?xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xbf16>
  %columns = tensor.dim %x, %c1 : tensor<?x?xbf16>
  %r = scf.for %i = %c0 to %rows step %c1 iter_args(%t = %into) -> (tensor<4x?xbf16>) {
    %place = tensor.extract %places[%i] : tensor<?xindex>
    %inside = arith.cmpi ult, %place, %c4 : index
    %row = scf.for %j = %c0 to %columns step %c1 iter_args(%u = %t) -> (tensor<4x?xbf16>) {
      %new = scf.if %inside -> (tensor<4x?xbf16>) {
        %old = tensor.extract %u[%place, %j] : tensor<4x?xbf16>
        %v = tensor.extract %x[%i, %j] : tensor<?x?xbf16>
        %sum = arith.addf %old, %v : bf16
        %put = tensor.insert %sum into %u[%place, %j] : tensor<4x?xbf16>
        scf.yield %put : tensor<4x?xbf16>
      } else {
        scf.yield %u : tensor<4x?xbf16>
      }
      scf.yield %new : tensor<4x?xbf16>
    }
    scf.yield %row : tensor<4x?xbf16>
  }
  return %r : tensor<4x?xbf16>
}

// What is only stored stays as it is.

// CHECK-LABEL: func.func @stored
// CHECK-NOT: f32
// CHECK: return
func.func @stored(%into: tensor<4xbf16>, %x: tensor<4xbf16>) -> tensor<4xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %into) -> (tensor<4xbf16>) {
    %v = tensor.extract %x[%i] : tensor<4xbf16>
    %put = tensor.insert %v into %t[%i] : tensor<4xbf16>
    scf.yield %put : tensor<4xbf16>
  }
  return %r : tensor<4xbf16>
}

// Sums of so many elements are rounded where they are stored.

// CHECK-LABEL: func.func @prefixes
// CHECK: scf.for {{.*}} iter_args(%[[sum:.*]] = %{{.*}}, %{{.*}} = %{{.*}}) -> (f32, tensor<4xbf16>)
// CHECK: %[[more:.*]] = arith.addf %[[sum]], %{{.*}} : f32
// CHECK: %[[rounded:.*]] = arith.truncf %[[more]] : f32 to bf16
// CHECK: %[[put:.*]] = tensor.insert %[[rounded]]
// CHECK: scf.yield %[[more]], %[[put]] : f32, tensor<4xbf16>
func.func @prefixes(%into: tensor<4xbf16>, %x: tensor<4xbf16>, %start: bf16) -> (bf16, tensor<4xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %s:2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%sum = %start, %t = %into) -> (bf16, tensor<4xbf16>) {
    %v = tensor.extract %x[%i] : tensor<4xbf16>
    %more = arith.addf %sum, %v : bf16
    %put = tensor.insert %more into %t[%i] : tensor<4xbf16>
    scf.yield %more, %put : bf16, tensor<4xbf16>
  }
  return %s#0, %s#1 : bf16, tensor<4xbf16>
}
