// RUN: moe-opt %s --moe-name-bodies --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
// RUN: moe-opt %s --moe-name-bodies --one-shot-bufferize --moe-outline-experts | FileCheck %s --check-prefix=OUTLINED
// RUN: sed s/no_inline// %s | not moe-opt --moe-name-bodies 2>&1 | FileCheck %s --check-prefix=INLINE
// RUN: sed 's/"f"/7/' %s | not moe-opt --moe-name-bodies 2>&1 | FileCheck %s --check-prefix=NUMBER
// INLINE: error: expects moe.body to be the name of a function, on a region not to be inlined
// NUMBER: error: expects moe.body to be the name of a function

// The name leaves the attribute; what the location was is in it.
// CHECK-LABEL: func.func @main
// CHECK: scf.execute_region
// CHECK-SAME: no_inline
// CHECK-NOT: moe.body
// CHECK: loc(fused<"f">["layer"("model.mlir":3:4)])
// OUTLINED: func.func @main
// OUTLINED: call @f(
// OUTLINED: func.func private @f(
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = scf.execute_region -> tensor<4xf32> no_inline {
    %z = tensor.empty() : tensor<4xf32>
    %s = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%z : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %s : tensor<4xf32>
  } {moe.body = "f"} loc("layer"("model.mlir":3:4))
  return %y : tensor<4xf32>
}
