// RUN: moe-opt %s --moe-group-products --canonicalize --remarks-filter-missed="moe-group-products" 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK <%t

#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

// A product of rows with weights is that of one expert to which all rows go. What
// it adds to goes with the rows, unless it is zero.
// CHECK-LABEL: func.func @products
// CHECK-SAME: %[[X:.*]]: tensor<?x64xbf16>, %[[W:.*]]: tensor<96x64xbf16>, %[[INIT:.*]]: tensor<?x96xf32>
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[R:.*]] = moe.route_all %[[N]] : !moe.routing<1>
// CHECK: %[[Y:.*]] = moe.dispatch %[[X]] by %[[R]] attributes {moe.kernel = "products_product_0", moe.row_wise = array<i1: true>}
// CHECK: ^each(%{{.*}}: index, %[[MINE:.*]]: tensor<?x64xbf16>):
// CHECK:   %[[ZERO:.*]] = linalg.fill
// CHECK:   linalg.matmul {{.*}} ins(%[[MINE]], %[[W]] : {{.*}}) outs(%[[ZERO]]
// CHECK: %[[Z:.*]] = moe.dispatch %[[X]], %[[INIT]] by
// CHECK-SAME: moe.kernel = "products_product_1"
// CHECK: ^each(%{{.*}}: index, %[[MINE:.*]]: tensor<?x64xbf16>, %[[SUM:.*]]: tensor<?x96xf32>):
// CHECK:   linalg.matmul {{.*}} ins(%[[MINE]], %[[W]] : {{.*}}) outs(%[[SUM]]
// CHECK: return %[[Y]], %[[Z]]
func.func @products(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>, %init: tensor<?x96xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %y = linalg.matmul indexing_maps = [#row, #weight, #result] ins(%x, %w : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  %z = linalg.matmul indexing_maps = [#row, #weight, #result] ins(%x, %w : tensor<?x64xbf16>, tensor<96x64xbf16>) outs(%init : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %y, %z : tensor<?x96xf32>, tensor<?x96xf32>
}

// A number of rows that is known is one of the result.
// CHECK-LABEL: func.func @static
// CHECK: %[[P:.*]] = moe.dispatch
// CHECK: tensor.cast %[[P]] : tensor<?x96xf32> to tensor<5x96xf32>
func.func @static(%x: tensor<5x64xf32>, %w: tensor<96x64xf32>, %init: tensor<5x96xf32>) -> tensor<5x96xf32> {
  %y = linalg.matmul indexing_maps = [#row, #weight, #result] ins(%x, %w : tensor<5x64xf32>, tensor<96x64xf32>) outs(%init : tensor<5x96xf32>) -> tensor<5x96xf32>
  return %y : tensor<5x96xf32>
}

// Others stay, and a remark says why.
// REMARK: its weights are few
// REMARK: a product is not of rows with weights [columns, depth]
// REMARK: its weights are of no fixed size
// CHECK-LABEL: func.func @others
// CHECK-NOT: moe.dispatch
// CHECK: return
func.func @others(%x: tensor<?x64xf32>, %few: tensor<8x64xf32>, %a: tensor<?x8xf32>, %turned: tensor<64x96xf32>,
                  %b: tensor<?x96xf32>, %any: tensor<?x64xf32>, %c: tensor<?x?xf32>) -> (tensor<?x8xf32>, tensor<?x96xf32>, tensor<?x?xf32>) {
  %0 = linalg.matmul indexing_maps = [#row, #weight, #result] ins(%x, %few : tensor<?x64xf32>, tensor<8x64xf32>) outs(%a : tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = linalg.matmul ins(%x, %turned : tensor<?x64xf32>, tensor<64x96xf32>) outs(%b : tensor<?x96xf32>) -> tensor<?x96xf32>
  %2 = linalg.matmul indexing_maps = [#row, #weight, #result] ins(%x, %any : tensor<?x64xf32>, tensor<?x64xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0, %1, %2 : tensor<?x8xf32>, tensor<?x96xf32>, tensor<?x?xf32>
}
