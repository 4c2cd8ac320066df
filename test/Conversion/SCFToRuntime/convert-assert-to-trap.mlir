// RUN: moe-opt %s --moe-convert-assert-to-trap | FileCheck %s

// The first of several threads says where the message is; all of them stop.
// CHECK: llvm.mlir.global internal constant @[[TEXT:.*]]("{{.*}}out of range\00")
// CHECK-LABEL: func.func @main
// CHECK: %[[WORD:.*]] = llvm.call @moe_rt_device_failure_word
// CHECK: %[[MESSAGE:.*]] = llvm.ptrtoint
// CHECK: gpu.launch
// CHECK-NOT: cf.assert
// CHECK: scf.if
// CHECK: llvm.cmpxchg %[[WORD]], %{{.*}}, %[[MESSAGE]]
// CHECK-NEXT: llvm.fence acq_rel
// CHECK-NEXT: llvm.intr.trap
// CHECK: gpu.terminator
// An assertion of the host stays one.
// CHECK: cf.assert
func.func @main(%i: index, %n: index) {
  %c1 = arith.constant 1 : index
  %ok = arith.cmpi ult, %i, %n : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
      threads(%tx, %ty, %tz) in (%sx = %c1, %sy = %c1, %sz = %c1) {
    cf.assert %ok, "out of range"
    gpu.terminator
  }
  cf.assert %ok, "out of range"
  return
}
