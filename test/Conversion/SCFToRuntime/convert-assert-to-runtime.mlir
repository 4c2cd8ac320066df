// RUN: moe-opt %s --moe-convert-assert-to-runtime | FileCheck %s

// One text for each message, with the place in front.
// CHECK: llvm.mlir.global internal constant @moe.message.{{.*}}("model.mlir:3:4: index out of bounds\00")
// CHECK-NOT: llvm.mlir.global internal constant
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[C:.*]]: i1
// CHECK: %[[BAD:.*]] = arith.xori %[[C]]
// CHECK: scf.if %[[BAD]]
// CHECK:   llvm.call @moe_rt_fail
// CHECK-NOT: cf.assert
func.func @main(%c: i1) {
  cf.assert %c, "index out of bounds" loc("model.mlir":3:4)
  cf.assert %c, "index out of bounds" loc("model.mlir":3:4)
  return
}
