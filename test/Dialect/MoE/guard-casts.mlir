// RUN: moe-opt --moe-guard-casts %s | FileCheck %s
// RUN: moe-opt --moe-guard-casts --canonicalize --eliminate-empty-tensors --canonicalize %s | FileCheck %s --check-prefix=STAYS

// CHECK-LABEL: @refine(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?xf32>
// CHECK-DAG:     %[[N:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG:     %[[D:.*]] = tensor.dim %[[X]], %c1
// CHECK:         %[[SAME:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : index
// CHECK:         cf.assert %[[SAME]], "tensor does not have the size of its type in dimension 1"
// CHECK:         tensor.extract_slice %[[X]][0, 0] [%[[N]], 4] [1, 1] : tensor<?x?xf32> to tensor<?x4xf32>
func.func @refine(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  %y = tensor.cast %x : tensor<?x?xf32> to tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Neither a cast that forgets a size nor one of a size that is known.
// CHECK-LABEL: @known
// CHECK-NOT:     cf.assert
// CHECK-NOT:     tensor.extract_slice
// CHECK:         return
func.func @known(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = tensor.cast %x : tensor<?x4xf32> to tensor<?x?xf32>
  %b = tensor.cast %a : tensor<?x?xf32> to tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// No rewrite makes the fill, whose size is what is checked, one of 4 columns.
// STAYS-LABEL: @stays(
// STAYS-SAME:    %[[X:.*]]: tensor<?x?xf32>
// STAYS:         %[[D:.*]] = tensor.dim %[[X]], %c1
// STAYS:         %[[SAME:.*]] = arith.cmpi eq, %[[D]], %c4
// STAYS:         cf.assert %[[SAME]]
func.func @stays(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %d = tensor.dim %x, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%n, %d) : tensor<?x?xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = tensor.cast %f : tensor<?x?xf32> to tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
