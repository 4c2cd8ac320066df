// RUN: moe-opt --moe-check-allocations --split-input-file %s | FileCheck %s

// CHECK-LABEL: @two(
// CHECK-SAME:    %[[M:.*]]: index, %[[N:.*]]: index
// CHECK:         %[[ROW:.*]] = arith.constant 12 : index
// CHECK:         %[[SOME:.*]] = arith.maxui %[[M]], %{{.*}}
// CHECK:         %[[LOW:.*]], %[[HIGH:.*]] = arith.mului_extended %[[ROW]], %[[SOME]]
// CHECK:         %[[SOME2:.*]] = arith.maxui %[[N]], %{{.*}}
// CHECK:         %[[LOW2:.*]], %[[HIGH2:.*]] = arith.mului_extended %[[LOW]], %[[SOME2]]
// CHECK:         arith.ori %{{.*}}, %[[HIGH2]]
// CHECK:         %[[MOST:.*]] = arith.constant 281474976710656 : index
// CHECK:         arith.cmpi ule, %[[LOW2]], %[[MOST]]
// CHECK:         cf.assert %{{.*}}, "size of a tensor is negative or too large"
// CHECK-NEXT:    memref.alloc
func.func @two(%m: index, %n: index) -> memref<?x?x3xf32> {
  %a = memref.alloc(%m, %n) : memref<?x?x3xf32>
  return %a : memref<?x?x3xf32>
}

// -----

// A size of 0 hides no other one.
// CHECK-LABEL: @empty
// CHECK:         %[[BYTE:.*]] = arith.constant 1 : index
// CHECK:         arith.mului_extended
// CHECK:         cf.assert
// CHECK-NEXT:    gpu.alloc
func.func @empty(%n: index) -> memref<?x0xi8> {
  %a = gpu.alloc(%n) : memref<?x0xi8>
  return %a : memref<?x0xi8>
}

// -----

// CHECK-LABEL: @known
// CHECK-NOT:     cf.assert
// CHECK:         memref.alloc
// CHECK:         %[[FALSE:.*]] = arith.constant false
// CHECK-NEXT:    cf.assert %[[FALSE]], "size of a tensor is negative or too large"
// CHECK-NEXT:    memref.alloc
func.func @known() -> (memref<4xf32>, memref<281474976710656x65536xf32>) {
  %a = memref.alloc() : memref<4xf32>
  %b = memref.alloc() : memref<281474976710656x65536xf32>
  return %a, %b : memref<4xf32>, memref<281474976710656x65536xf32>
}
