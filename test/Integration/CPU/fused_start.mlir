// RUN: moe-run %s --input="2xi1=true false" --input=2x8xf32=1 --input=8x8xf32=0.5 --input=2xf32=3 --input=2x8xf32=100 --stats 2>&1 | FileCheck %s

// A product added to what an operation starts from, as einsum of three tensors is
// written: 100 + 3 * 8 * 0.5 in rows of the mask.
// CHECK: 2x8xf32={{\[\[}}112 112 112 112 112 112 112 112][0 0 0 0 0 0 0 0]]
// CHECK: 1 of 1 experts run, 2 tokens, 1 assignments
func.func @main(%m: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %g: tensor<?xf32>, %start: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %p = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%z : tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%g, %p : tensor<?xf32>, tensor<?x8xf32>) outs(%start : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%m, %s : tensor<?xi1>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%c: i1, %v: f32, %o: f32):
    %1 = arith.select %c, %v, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
