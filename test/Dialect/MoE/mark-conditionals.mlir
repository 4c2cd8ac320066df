// RUN: moe-opt %s --moe-mark-conditionals --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// Conditionals of the model are marked, those that decide for single elements
// are not.
// CHECK-LABEL: func.func @main
// CHECK: scf.index_switch
// CHECK: } loc(fused<unit>["{{[^"]*}}mark-conditionals.mlir":[[@LINE+15]]:8])
// CHECK: scf.for
// CHECK:   scf.if
// CHECK:   } loc("{{[^"]*}}mark-conditionals.mlir":[[@LINE+20]]:10)
// CHECK:   scf.if
// CHECK:   } loc(fused<unit>["{{[^"]*}}mark-conditionals.mlir":[[@LINE+25]]:10])
// CHECK: linalg.map
// CHECK:   scf.if
// CHECK:   } loc("{{[^"]*}}mark-conditionals.mlir":[[@LINE+31]]:10)
// CHECK: scf.if
// CHECK: } loc(fused<unit>["{{[^"]*}}mark-conditionals.mlir":[[@LINE+36]]:3])
func.func @main(%n: index, %c: i1, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<4xf32>
  %y = scf.index_switch %n -> tensor<4xf32>
  case 1 {
    scf.yield %x : tensor<4xf32>
  }
  default {
    scf.yield %e : tensor<4xf32>
  }
  %z = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %x) -> tensor<4xf32> {
    %0 = scf.if %c -> tensor<4xf32> {
      %v = tensor.extract %x[%i] : tensor<4xf32>
      %u = tensor.insert %v into %acc[%c0] : tensor<4xf32>
      scf.yield %u : tensor<4xf32>
    } else {
      scf.yield %acc : tensor<4xf32>
    }
    %1 = scf.if %c -> tensor<4xf32> {
      %w = linalg.exp ins(%0 : tensor<4xf32>) outs(%acc : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %w : tensor<4xf32>
    } else {
      scf.yield %0 : tensor<4xf32>
    }
    scf.yield %1 : tensor<4xf32>
  }
  %t = linalg.map ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) (%in: f32, %out: f32) {
    %v = scf.if %c -> f32 {
      scf.yield %in : f32
    } else {
      scf.yield %out : f32
    }
    linalg.yield %v : f32
  }
  scf.if %c {
    cf.assert %c, "here"
  }
  return %y, %z, %t : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
