// RUN: moe-opt %s --split-input-file --moe-parallelize-linalg --canonicalize --cse | FileCheck %s

// A product with rows to divide: blocks of 64 rows or more, four for each
// thread. The value it starts from is filled in block by block.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<4096x512xf32>, %[[W:.*]]: tensor<512x128xf32>
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4096x128xf32>
// CHECK-NOT: linalg.fill
// CHECK: %[[T:.*]] = call @moe_rt_threads()
// CHECK: arith.maxui %{{.*}}, %c64
// CHECK: scf.forall (%{{.*}}) in (%{{.*}}) shared_outs(%[[ALL:.*]] = %[[E]])
// CHECK:   %[[I:.*]] = affine.apply
// CHECK:   %[[ROWS:.*]] = tensor.extract_slice %[[X]][%[[I]], 0]
// CHECK:   %[[OUT:.*]] = tensor.extract_slice %[[ALL]][%[[I]], 0]
// CHECK:   %[[F:.*]] = linalg.fill {{.*}} outs(%[[OUT]]
// CHECK:   %[[Y:.*]] = linalg.matmul ins(%[[ROWS]], %[[W]] : {{.*}}) outs(%[[F]]
// CHECK:   tensor.parallel_insert_slice %[[Y]] into %[[ALL]][%[[I]], 0]
func.func @rows(%x: tensor<4096x512xf32>, %w: tensor<512x128xf32>) -> tensor<4096x128xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4096x128xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4096x128xf32>) -> tensor<4096x128xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4096x512xf32>, tensor<512x128xf32>) outs(%z : tensor<4096x128xf32>) -> tensor<4096x128xf32>
  return %y : tensor<4096x128xf32>
}

// -----

// Columns of a single row, whole vectors of them; of a transposed weight the
// rows are read where they are.
// CHECK-LABEL: func.func @columns
// CHECK-SAME: %[[X:.*]]: tensor<1x1024xf32>, %[[W:.*]]: tensor<32000x1024xf32>
// CHECK-NOT: linalg.transpose
// CHECK: scf.forall
// CHECK:   %[[I:.*]] = affine.apply
// CHECK:   tensor.extract_slice %[[W]][%[[I]], 0]
// CHECK:   linalg.generic
// CHECK:   tensor.parallel_insert_slice %{{.*}} into %{{.*}}[0, %[[I]]]
func.func @columns(%x: tensor<1x1024xf32>, %w: tensor<32000x1024xf32>, %o: tensor<1x32000xf32>) -> tensor<1x32000xf32> {
  %e = tensor.empty() : tensor<1024x32000xf32>
  %t = linalg.transpose ins(%w : tensor<32000x1024xf32>) outs(%e : tensor<1024x32000xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<1x1024xf32>, tensor<1024x32000xf32>) outs(%o : tensor<1x32000xf32>) -> tensor<1x32000xf32>
  return %y : tensor<1x32000xf32>
}

// -----

// How many rows there are is known while running: of few, columns are divided.
// CHECK-LABEL: func.func @either
// CHECK-SAME: %[[X:.*]]: tensor<?x1024xf32>, %[[W:.*]]: tensor<1024x4096xf32>
// CHECK: %[[N:.*]] = tensor.dim
// CHECK: %[[FEW:.*]] = arith.cmpi ult, %[[N]], %c128
// CHECK: scf.if %[[FEW]]
// CHECK:   scf.forall
// CHECK:     tensor.extract_slice %[[W]][0, %{{.*}}] [1024, %{{.*}}]
// CHECK:   scf.yield
// CHECK: } else {
// CHECK:   scf.forall
// CHECK:     tensor.extract_slice %[[X]][%{{.*}}, 0] [%{{.*}}, 1024]
// CHECK:   scf.yield
func.func @either(%x: tensor<?x1024xf32>, %w: tensor<1024x4096xf32>, %o: tensor<?x4096xf32>) -> tensor<?x4096xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<?x1024xf32>, tensor<1024x4096xf32>) outs(%o : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}

// -----

// Heads of attention, and rows of a sum or of functions on elements.
// CHECK-LABEL: func.func @heads
// CHECK: scf.forall
// CHECK:   linalg.batch_matmul
// CHECK: scf.forall
// CHECK:   linalg.reduce
// CHECK: scf.forall
// CHECK:   math.exp
func.func @heads(%q: tensor<32x256x64xf32>, %k: tensor<32x64x256xf32>, %s: tensor<32x256x256xf32>, %x: tensor<?x4096xf32>, %r: tensor<?xf32>, %o: tensor<?x4096xf32>)
    -> (tensor<32x256x256xf32>, tensor<?xf32>, tensor<?x4096xf32>) {
  %0 = linalg.batch_matmul ins(%q, %k : tensor<32x256x64xf32>, tensor<32x64x256xf32>) outs(%s : tensor<32x256x256xf32>) -> tensor<32x256x256xf32>
  %1 = linalg.reduce {arith.addf} ins(%x : tensor<?x4096xf32>) outs(%r : tensor<?xf32>) dimensions = [1]
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x4096xf32>) outs(%o : tensor<?x4096xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = math.exp %a : f32
    linalg.yield %c : f32
  } -> tensor<?x4096xf32>
  return %0, %1, %2 : tensor<32x256x256xf32>, tensor<?xf32>, tensor<?x4096xf32>
}

// -----

// Too little work, work of one thread of several, and what ends the run in a
// certain order.
// CHECK-LABEL: func.func @stays
// CHECK-NOT: scf.forall (
// CHECK: linalg.matmul
// CHECK: cf.assert
// CHECK: scf.forall (%{{.*}}) in (2)
// CHECK-NEXT: linalg.matmul ins(%{{.*}} : tensor<512x512xf32>, tensor<512x512xf32>)
// CHECK-NOT: scf.forall (
func.func @stays(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>, %o: tensor<8x8xf32>, %i: tensor<?x4096xi1>, %a: tensor<?x4096xi1>,
    %p: tensor<512x512xf32>) -> (tensor<8x8xf32>, tensor<?x4096xi1>, tensor<512x512xf32>) {
  %0 = linalg.matmul ins(%x, %w : tensor<8x16xf32>, tensor<16x8xf32>) outs(%o : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<?x4096xi1>) outs(%a : tensor<?x4096xi1>) {
  ^bb0(%c: i1, %b: i1):
    cf.assert %c, "no"
    linalg.yield %c : i1
  } -> tensor<?x4096xi1>
  %2 = scf.forall (%t) in (2) shared_outs(%s = %p) -> tensor<512x512xf32> {
    %m = linalg.matmul ins(%p, %p : tensor<512x512xf32>, tensor<512x512xf32>) outs(%p : tensor<512x512xf32>) -> tensor<512x512xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %m into %s[0, 0] [512, 512] [1, 1] : tensor<512x512xf32> into tensor<512x512xf32>
    }
  }
  return %0, %1, %2 : tensor<8x8xf32>, tensor<?x4096xi1>, tensor<512x512xf32>
}
