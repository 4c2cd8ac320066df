// RUN: moe-opt %s --moe-vectorize-contractions=target=avx512 --split-input-file --canonicalize | FileCheck %s
// RUN: moe-opt %s --moe-vectorize-contractions=target=sse --split-input-file --canonicalize | FileCheck %s --check-prefix=SSE

// Weights as [out, in]: panels are transposed while they are packed, the rows
// of a tile are as many as registers allow, and what is left over is computed
// four, two and one at a time.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME: %[[A:.*]]: tensor<?x512xf32>, %[[B:.*]]: tensor<128x512xf32>, %[[C:.*]]: tensor<?x128xf32>
// CHECK: moe.call @moe_kernel_0(%[[A]], %[[B]]) outs(%[[C]])
// CHECK-LABEL: func.func private @moe_kernel_0(
// CHECK-SAME: %[[A:.*]]: tensor<?x512xf32> {bufferization.writable = false}, %[[B:.*]]: tensor<128x512xf32> {bufferization.writable = false}, %[[C:.*]]: tensor<?x128xf32>)
// CHECK-NOT: linalg.
// CHECK: %[[DEPTH:.*]] = arith.select %{{.*}}, %c160, %c2048
// CHECK: tensor.empty(%{{.*}}) : tensor<?x32xf32>
// CHECK: scf.for {{.*}} step %c32
// CHECK:   scf.for {{.*}} step %[[DEPTH]]
// CHECK:     vector.transfer_read %[[B]]{{.*}} {in_bounds = [true]} : tensor<128x512xf32>, vector<16xf32>
// CHECK:     vector.shuffle {{.*}} [0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29]
// CHECK:     scf.for {{.*}} step %c8
// CHECK:       scf.for {{.*}} step %c1 iter_args({{(%[^,]*, ){15}[^,]*}}) -> ({{(vector<16xf32>, ){15}vector<16xf32>}})
// CHECK:         %[[S:.*]] = tensor.extract %[[A]]
// CHECK:         vector.broadcast %[[S]] : f32 to vector<16xf32>
// CHECK:         vector.fma
// CHECK:     scf.for {{.*}} step %c4
// CHECK:     scf.for {{.*}} step %c2
// CHECK:     scf.for {{.*}} step %c1
// CHECK: return

// Without fused multiply-add the products are rounded.
// SSE-LABEL: func.func private @moe_kernel_0(
// SSE-NOT: vector.fma
// SSE: arith.mulf {{.*}} : vector<4xf32>
// SSE: arith.addf {{.*}} : vector<4xf32>
func.func @transposed(%a: tensor<?x512xf32>, %b: tensor<128x512xf32>, %c: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<?x512xf32>, tensor<128x512xf32>) outs(%c : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Weights as [in, out] are read where they are if the rows are few, and the
// value of a fill is what the accumulators start from.
// CHECK-LABEL: func.func @contiguous(
// CHECK-NOT: linalg.fill
// CHECK-LABEL: func.func private @moe_kernel_0(
// CHECK-SAME: %{{[^:]*}}: tensor<?x?xf32> {{{[^}]*}}}, %[[B:[^:]*]]: tensor<?x?xf32>
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %{{.*}}, %c32
// CHECK: scf.if %[[FEW]]
// CHECK:   scf.for {{.*}} step %c16
// CHECK:     vector.transfer_read %[[B]]
// CHECK: } else {
// CHECK:   tensor.empty(%{{.*}}) : tensor<?x32xf32>
func.func @contiguous(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %e: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// The left-hand side is widened once, the right-hand side while it is packed:
// pairs of elements are transposed together and then pulled apart.
// CHECK-LABEL: func.func @bf16(
// CHECK-SAME: %[[A:.*]]: tensor<?x64xbf16>,
// CHECK: linalg.generic {{.*}} ins(%[[A]] : tensor<?x64xbf16>)
// CHECK:   arith.extf %{{.*}} : bf16 to f32
// CHECK-LABEL: func.func private @moe_kernel_0(
// CHECK-SAME: %[[B:[^:]*]]: tensor<96x64xbf16>
// CHECK: %[[ROW:.*]] = vector.transfer_read %[[B]]{{.*}} vector<32xbf16>
// CHECK: vector.bitcast %[[ROW]] : vector<32xbf16> to vector<16xf32>
// CHECK: vector.shuffle
// CHECK: arith.shli
// CHECK: arith.andi
func.func @bf16(%a: tensor<?x64xbf16>, %b: tensor<96x64xbf16>, %c: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%c : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}

// -----

// A transposed and widened weight is read from where it is.
// CHECK-LABEL: func.func @moved(
// CHECK-SAME: %[[A:[^:]*]]: tensor<?x64xf32>, %[[B:[^:]*]]: tensor<96x64xbf16>
// CHECK-NOT: linalg.
// CHECK: moe.call @moe_kernel_0(%[[A]], %[[B]])
// CHECK-LABEL: func.func private @moe_kernel_0(
// CHECK-SAME: %[[B:[^:]*]]: tensor<96x64xbf16>
// CHECK: vector.transfer_read %[[B]]{{.*}} vector<32xbf16>
func.func @moved(%a: tensor<?x64xf32>, %b: tensor<96x64xbf16>, %c: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %0 = tensor.empty() : tensor<64x96xbf16>
  %t = linalg.transpose ins(%b : tensor<96x64xbf16>) outs(%0 : tensor<64x96xbf16>) permutation = [1, 0]
  %1 = tensor.empty() : tensor<64x96xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<64x96xbf16>) outs(%1 : tensor<64x96xf32>) {
  ^bb0(%x: bf16, %old: f32):
    %y = arith.extf %x : bf16 to f32
    linalg.yield %y : f32
  } -> tensor<64x96xf32>
  %2 = linalg.matmul ins(%a, %w : tensor<?x64xf32>, tensor<64x96xf32>) outs(%c : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %2 : tensor<?x96xf32>
}

// -----

// Batches are loops; a narrow result gets a narrow kernel; a contraction
// without products has its initial value.
// CHECK-LABEL: func.func private @moe_kernel_0(
// CHECK: scf.for {{.*}} to %c3 step %c1
// CHECK: vector.fma {{.*}} : vector<8xf32>
// CHECK-LABEL: func.func private @moe_kernel_1(
// CHECK-NOT: vector.fma
// CHECK: vector.transfer_write %cst
func.func @batch(%a: tensor<3x?x64xf32>, %b: tensor<3x64x8xf32>, %c: tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
  %0 = linalg.batch_matmul ins(%a, %b : tensor<3x?x64xf32>, tensor<3x64x8xf32>) outs(%c : tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
  return %0 : tensor<3x?x8xf32>
}
func.func @nothing(%a: tensor<4x0xf32>, %b: tensor<0x16xf32>, %e: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %one = arith.constant 1.0 : f32
  %c = linalg.fill ins(%one : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<4x0xf32>, tensor<0x16xf32>) outs(%c : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}

// -----

// Contractions of the same types are one function, whatever they start from if
// it is no constant; another type is another one.
// CHECK-LABEL: func.func @alike(
// CHECK: moe.call @moe_kernel_0(
// CHECK: moe.call @moe_kernel_0(
// CHECK: moe.call @moe_kernel_1(
// CHECK: moe.call @moe_kernel_2(%{{.*}}, %{{.*}}, %[[V:.*]]) outs
// CHECK: moe.call @moe_kernel_2(
// CHECK-COUNT-3: func.func private @moe_kernel_
// CHECK-NOT: moe_kernel_
func.func @alike(%a: tensor<?x64xf32>, %b: tensor<64x96xf32>, %d: tensor<64x96xf32>, %n: tensor<64x8xf32>,
    %c: tensor<?x96xf32>, %e: tensor<?x8xf32>, %v: f32, %w: f32) -> (tensor<?x96xf32>, tensor<?x8xf32>, tensor<?x96xf32>, tensor<?x96xf32>) {
  %0 = linalg.matmul ins(%a, %b : tensor<?x64xf32>, tensor<64x96xf32>) outs(%c : tensor<?x96xf32>) -> tensor<?x96xf32>
  %1 = linalg.matmul ins(%a, %d : tensor<?x64xf32>, tensor<64x96xf32>) outs(%0 : tensor<?x96xf32>) -> tensor<?x96xf32>
  %2 = linalg.matmul ins(%a, %n : tensor<?x64xf32>, tensor<64x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %fv = linalg.fill ins(%v : f32) outs(%c : tensor<?x96xf32>) -> tensor<?x96xf32>
  %3 = linalg.matmul ins(%a, %b : tensor<?x64xf32>, tensor<64x96xf32>) outs(%fv : tensor<?x96xf32>) -> tensor<?x96xf32>
  %fw = linalg.fill ins(%w : f32) outs(%c : tensor<?x96xf32>) -> tensor<?x96xf32>
  %4 = linalg.matmul ins(%a, %d : tensor<?x64xf32>, tensor<64x96xf32>) outs(%fw : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %1, %2, %3, %4 : tensor<?x96xf32>, tensor<?x8xf32>, tensor<?x96xf32>, tensor<?x96xf32>
}
