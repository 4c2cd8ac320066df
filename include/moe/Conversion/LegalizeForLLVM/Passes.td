//===- Passes.td - Before upstream's lowerings to LLVM -----*- tablegen -*-===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What those lowerings cannot take becomes what they can.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CONVERSION_LEGALIZEFORLLVM_PASSES_TD
#define MOE_CONVERSION_LEGALIZEFORLLVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandMathPass : Pass<"moe-expand-math"> {
  let summary = "Turn functions without code in LLVM into arithmetic";
  let description = [{
    `math.fpowi`, `math.ipowi`, `math.clampf`, `math.isinf` and `math.isnormal`
    have no code in LLVM for vectors, or none at all. A power with a constant
    exponent becomes the products it takes, one with another a loop over its
    bits. Powers of bf16 and f16 are computed in f32.

    ```mlir
    %c2 = arith.constant dense<2> : vector<8xi32>
    %y = math.fpowi %x, %c2 : vector<8xf32>, vector<8xi32>
    ==>
    %y = arith.mulf %x, %x : vector<8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
  let options = [
    Option<"remainders", "remainders", "bool", /*default=*/"false",
           "also expand arith.remf on scalars, for a target without fmod">
  ];
}

def LowerExpandShapePass : Pass<"moe-lower-expand-shape"> {
  let summary = "Compute the strides of expanded buffers from their sizes";
  let description = [{
    A dimension may be expanded to several of unknown size, such as tokens back
    to batch and length. `expand-strided-metadata` has no code for those; here a
    `memref.expand_shape` becomes a `memref.reinterpret_cast` with the sizes that
    it names.

    ```mlir
    %y = memref.expand_shape %x [[0, 1]] output_shape [%b, %t]
       : memref<?xf32> into memref<?x?xf32>
    ==>
    %y = memref.reinterpret_cast %x to offset: [0], sizes: [%b, %t], strides: [%t, 1]
       : memref<f32> to memref<?x?xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // MOE_CONVERSION_LEGALIZEFORLLVM_PASSES_TD
